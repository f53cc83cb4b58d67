// os.Exit does not run deferred functions.
package main

import (
	"fmt"
	"os"
)

func main() {
	defer fmt.Println("never")
	fmt.Fprintln(os.Stderr, "to stderr")
	os.Exit(3)
}
