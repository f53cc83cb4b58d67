// Always exactly 400,000 entries in the table, while each is replaced as fast as it can be: an observer that sees
// the process at one moment counts 400,000. Entries hold no pointers, so that one on its way into the table, which
// only a register refers to, has no type yet and is not counted with them.
package main

import (
	"fmt"
	"io"
	"os"
)

type Entry struct {
	id  int
	pad [5]int
}

var table [400_000]*Entry

func main() {
	for id := range table {
		table[id] = &Entry{id: id}
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	fmt.Println("ready")
	for {
		for id := range table {
			table[id] = &Entry{id: id}
		}
	}
}
