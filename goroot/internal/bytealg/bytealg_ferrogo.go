// Searching and comparing bytes is the Rust runtime's.

package bytealg

// MaxBruteForce is the length up to which callers search with Index alone.
const MaxBruteForce = 64

// MaxLen is the length of the longest pattern that Index takes.
var MaxLen int = 63

// Cutover returns the number of failed candidates after n bytes at which callers
// that look for a first byte should go over to Index.
func Cutover(n int) int { return (n + 16) / 8 }

// Index returns the index of the first b in a, -1 if there is none; 2 <= len(b) <= MaxLen.
//
//go:noescape
func Index(a, b []byte) int

// IndexString is Index for strings.
//
//go:noescape
func IndexString(a, b string) int

//go:noescape
func IndexByte(b []byte, c byte) int

//go:noescape
func IndexByteString(s string, c byte) int

//go:noescape
func Count(b []byte, c byte) int

//go:noescape
func CountString(s string, c byte) int

//go:noescape
func Compare(a, b []byte) int

//go:noescape
func CompareString(a, b string) int
