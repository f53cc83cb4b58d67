// Copyright.

//go:build linux && go1.21

// Package comments has some.
package comments // here

//go:generate echo
//go:embed x.txt
var x /* inside */ string /* after */ // end

/*
block
*/

//go:noinline
//go:linkname f runtime.f
func f( /* params */ ) {
	//go:nosplit
	return /* before newline
	*/
}

//export g
func g() { /* only */ }

// last
