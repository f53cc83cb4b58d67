// Package hold keeps an example alive until its standard input ends.
package hold

import (
	"fmt"
	"io"
	"os"
	"runtime"
)

// Here says that the example has reached the state worth looking at, and waits.
func Here() {
	runtime.GC()
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}
