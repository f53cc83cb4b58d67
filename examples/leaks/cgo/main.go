// Memory that C allocates and nobody frees: no Go tool sees it.
package main

/*
#include <stdlib.h>
#include <string.h>

static void *fill(size_t size) {
	void *p = malloc(size);
	memset(p, 1, size);
	return p;
}
*/
import "C"

import "leaks/hold"

func main() {
	for range 1000 {
		C.fill(100 << 10)
	}
	hold.Here()
}
