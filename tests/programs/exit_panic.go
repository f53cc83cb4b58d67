// An unrecovered panic: text, goroutine header, exit status 2.
package main

import "fmt"

type myErr struct{ code int }

func (e myErr) Error() string { return fmt.Sprint("my error ", e.code) }

func main() {
	defer fmt.Println("deferred before the crash")
	defer func() {
		panic(fmt.Sprint("again: ", recover()))
	}()
	panic(myErr{7})
}
