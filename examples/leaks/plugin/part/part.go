// A plugin that leaks goroutines: code, types and variables of a second module of the process.
package main

type answer struct{ body [4096]byte }

var Started int

// Run is what the host calls.
func Run() {
	for range 200 {
		Started++
		go func() { make(chan *answer) <- &answer{} }()
	}
}

func main() {}
