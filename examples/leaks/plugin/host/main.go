// Loads the plugin named on the command line and runs it.
package main

import (
	"os"
	"plugin"
	"time"

	"leaks/hold"
)

func main() {
	p, err := plugin.Open(os.Args[1])
	if err != nil {
		panic(err)
	}
	run, err := p.Lookup("Run")
	if err != nil {
		panic(err)
	}
	run.(func())()
	time.Sleep(100 * time.Millisecond)
	hold.Here()
}
