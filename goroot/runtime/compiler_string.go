package runtime

import (
	"unicode/utf8"
	"unsafe"
)

// rawstring allocates a string of n bytes and returns both views of it; the bytes must be written before the
// string is used.
func rawstring(n int) (string, []byte) {
	p := (*byte)(mallocgc(uintptr(n), nil, false))
	return unsafe.String(p, n), unsafe.Slice(p, n)
}

// rawbyteslice allocates n bytes that are not cleared, with the rest of their size class as zeroed capacity.
func rawbyteslice(n int) []byte {
	c := roundupsize(uintptr(n), true)
	p := mallocgc(c, nil, false)
	memclrNoHeapPointers(add(p, uintptr(n)), c-uintptr(n))
	return unsafe.Slice((*byte)(p), int(c))[:n]
}

func rawruneslice(n int) []rune {
	if uintptr(n) > maxAlloc/4 {
		throw("out of memory")
	}
	c := roundupsize(uintptr(n)*4, true)
	p := mallocgc(c, nil, false)
	memclrNoHeapPointers(add(p, uintptr(n)*4), c-uintptr(n)*4)
	return unsafe.Slice((*rune)(p), int(c/4))[:n]
}

// concatstrings implements a + b + ...
//
//go:noinline
func concatstrings(a []string) string {
	total, used, last := 0, 0, 0
	for i, s := range a {
		if len(s) == 0 {
			continue
		}
		if total+len(s) < total {
			throw("string concatenation too long")
		}
		total += len(s)
		used++
		last = i
	}
	switch used {
	case 0:
		return ""
	case 1:
		return a[last]
	}
	s, b := rawstring(total)
	for _, x := range a {
		copy(b, x)
		b = b[len(x):]
	}
	return s
}

//go:noinline
func concatstring2(a, b string) string {
	if len(a) == 0 {
		return b
	}
	if len(b) == 0 {
		return a
	}
	n := len(a) + len(b)
	if n < 0 {
		throw("string concatenation too long")
	}
	p := mallocgc(uintptr(n), nil, false)
	memmove(p, unsafe.Pointer(unsafe.StringData(a)), uintptr(len(a)))
	memmove(add(p, uintptr(len(a))), unsafe.Pointer(unsafe.StringData(b)), uintptr(len(b)))
	return unsafe.String((*byte)(p), n)
}

//go:noinline
func concatstring3(a, b, c string) string {
	parts := [3]string{a, b, c}
	return concatstrings(parts[:])
}

func concatstring4(a, b, c, d string) string {
	parts := [4]string{a, b, c, d}
	return concatstrings(parts[:])
}

func concatstring5(a, b, c, d, e string) string {
	parts := [5]string{a, b, c, d, e}
	return concatstrings(parts[:])
}

// cmpstring compares bytewise: negative, zero, positive.
//
//go:linkname cmpstring
func cmpstring(a, b string) int

// strequal compares two strings.
func strequal(a, b string) bool {
	return len(a) == len(b) && memequal(unsafe.Pointer(unsafe.StringData(a)), unsafe.Pointer(unsafe.StringData(b)), uintptr(len(a)))
}

// intstring implements the conversion of an integer to a string: the UTF-8 form of the code point.
//
//go:noinline
func intstring(v int64) string {
	r := rune(v)
	if int64(r) != v {
		r = utf8.RuneError
	}
	if uint32(r) < utf8.RuneSelf {
		b := byte(r)
		return slicebytetostring(&b, 1)
	}
	var buf [utf8.UTFMax]byte
	n := utf8.EncodeRune(buf[:], r)
	return slicebytetostring(&buf[0], n)
}

// slicebytetostring copies n bytes to a new string. Strings of one byte are shared.
//
//go:noinline
func slicebytetostring(ptr *byte, n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		// The low byte comes first in memory.
		return unsafe.String((*byte)(unsafe.Pointer(&getStaticuint64s()[*ptr])), 1)
	}
	p := mallocgc(uintptr(n), nil, false)
	memmove(p, unsafe.Pointer(ptr), uintptr(n))
	return unsafe.String((*byte)(p), n)
}

// stringBuffer is where the compiler lets strings live that do not outlive a frame.
type stringBuffer [32]byte

// room is where a string of n bytes is put that does not outlive the frame that buf is in.
func (buf *stringBuffer) room(n int) []byte {
	if uint(n) <= uint(len(buf)) {
		return buf[:n]
	}
	if n < 0 {
		throw("string concatenation too long")
	}
	_, b := rawstring(n)
	return b
}

// concatstring2buf is concatstring2 with room for a short string.
//
//go:noinline
func concatstring2buf(buf *stringBuffer, a, b string) string {
	if len(a) == 0 {
		return b
	}
	if len(b) == 0 {
		return a
	}
	to := buf.room(len(a) + len(b))
	copy(to, a)
	copy(to[len(a):], b)
	return unsafe.String(&to[0], len(to))
}

// concatstring3buf is concatstring3 with room for a short string.
//
//go:noinline
func concatstring3buf(buf *stringBuffer, a, b, c string) string {
	total := len(a) + len(b) + len(c)
	if total == len(a) {
		return a
	}
	if total == len(b) {
		return b
	}
	if total == len(c) {
		return c
	}
	if total > len(buf) || total < 0 {
		return concatstring3(a, b, c)
	}
	to := buf[:total]
	copy(to, a)
	copy(to[len(a):], b)
	copy(to[len(a)+len(b):], c)
	return unsafe.String(&to[0], total)
}

// concatstringsbuf is concatstrings with room for a short string.
//
//go:noinline
func concatstringsbuf(buf *stringBuffer, a []string) string {
	total, used, last := 0, 0, 0
	for i, s := range a {
		if len(s) == 0 {
			continue
		}
		total += len(s)
		if uint(total) > uint(len(buf)) {
			return concatstrings(a)
		}
		used++
		last = i
	}
	switch used {
	case 0:
		return ""
	case 1:
		return a[last]
	}
	at := 0
	for _, s := range a {
		at += copy(buf[at:], s)
	}
	return unsafe.String(&buf[0], total)
}

// stringtoslicebytebuf is stringtoslicebyte with room for a short string.
//
//go:noinline
func stringtoslicebytebuf(buf *stringBuffer, s string) []byte {
	if len(s) > len(buf) {
		return stringtoslicebyte(s)
	}
	*buf = stringBuffer{}
	b := buf[:len(s)]
	copy(b, s)
	return b
}

// slicebytetostringbuf is slicebytetostring with room for a short string.
//
//go:noinline
func slicebytetostringbuf(buf *stringBuffer, ptr *byte, n int) string {
	if n < 2 || n > len(buf) {
		return slicebytetostring(ptr, n)
	}
	memmove(unsafe.Pointer(buf), unsafe.Pointer(ptr), uintptr(n))
	return unsafe.String(&buf[0], n)
}

// intstringbuf is intstring with room for the string.
//
//go:noinline
func intstringbuf(buf *stringBuffer, v int64) string {
	r := rune(v)
	if int64(r) != v {
		r = utf8.RuneError
	}
	return unsafe.String(&buf[0], utf8.EncodeRune(buf[:], r))
}

// slicebytetostringtmp makes a string of the bytes without a copy; the compiler uses it where the string cannot outlive them.
func slicebytetostringtmp(ptr *byte, n int) string { return unsafe.String(ptr, n) }

//go:noinline
func stringtoslicebyte(s string) []byte {
	b := rawbyteslice(len(s))
	copy(b, s)
	return b
}

//go:noinline
func stringtoslicerune(s string) []rune {
	n := countrunes(s)
	a := rawruneslice(n)
	i := 0
	for pos := 0; pos < len(s); i++ {
		a[i], pos = decoderune(s, pos)
	}
	return a
}

//go:noinline
func slicerunetostring(a []rune) string {
	n := 0
	for _, r := range a {
		l := utf8.RuneLen(r)
		if l < 0 {
			l = 3 // written as U+FFFD
		}
		n += l
	}
	if n == 0 {
		return ""
	}
	s, b := rawstring(n)
	for _, r := range a {
		b = b[utf8.EncodeRune(b, r):]
	}
	return s
}

// decoderune returns the code point at s[k:] and the index behind it; invalid UTF-8 counts as U+FFFD of width 1.
func decoderune(s string, k int) (r rune, pos int) {
	if c := s[k]; c < utf8.RuneSelf {
		return rune(c), k + 1
	}
	r, n := utf8.DecodeRuneInString(s[k:])
	return r, k + n
}

func countrunes(s string) int { return utf8.RuneCountInString(s) }

// gostringnocopy views a NUL-terminated string that is never changed nor freed.
func gostringnocopy(p *byte) string {
	n := 0
	for *(*byte)(add(unsafe.Pointer(p), uintptr(n))) != 0 {
		n++
	}
	return unsafe.String(p, n)
}

// gostring copies a NUL-terminated string.
//
//go:linkname gostring
func gostring(p *byte) string {
	if p == nil {
		return ""
	}
	s := gostringnocopy(p)
	return slicebytetostring(unsafe.StringData(s), len(s))
}

//go:linkname gostringn
func gostringn(p *byte, n int) string { return slicebytetostring(p, n) }

//go:linkname gobytes
func gobytes(p *byte, n int) []byte {
	if n == 0 {
		return make([]byte, 0)
	}
	b := rawbyteslice(n)
	memmove(unsafe.Pointer(&b[0]), unsafe.Pointer(p), uintptr(n))
	return b
}

//go:linkname unix_gostring internal/syscall/unix.gostring
func unix_gostring(p *byte) string { return gostring(p) }

// stringtoslicerunebuf is stringtoslicerune with room for a short string.
//
//go:noinline
func stringtoslicerunebuf(buf *[32]rune, s string) []rune {
	if len(s) > len(buf) {
		return stringtoslicerune(s)
	}
	*buf = [32]rune{}
	n := 0
	for pos := 0; pos < len(s); n++ {
		buf[n], pos = decoderune(s, pos)
	}
	return buf[:n]
}

// slicerunetostringbuf is slicerunetostring with room for a short string.
//
//go:noinline
func slicerunetostringbuf(buf *stringBuffer, a []rune) string {
	n := 0
	for _, r := range a {
		if n+utf8.UTFMax > len(buf) {
			return slicerunetostring(a)
		}
		n += utf8.EncodeRune(buf[n:], r)
	}
	return unsafe.String(&buf[0], n)
}
