// select over four channels.
package main

import "fmt"

func main() {
	var cs [4]chan int
	for i := range cs {
		cs[i] = make(chan int, 8)
		go func() {
			for j := range 400_000 {
				cs[i] <- j
			}
			close(cs[i])
		}()
	}
	sum, open := 0, 4
	a, b, c, d := cs[0], cs[1], cs[2], cs[3]
	for open > 0 {
		select {
		case v, ok := <-a:
			if !ok {
				a = nil
				open--
			}
			sum += v
		case v, ok := <-b:
			if !ok {
				b = nil
				open--
			}
			sum += v
		case v, ok := <-c:
			if !ok {
				c = nil
				open--
			}
			sum += v
		case v, ok := <-d:
			if !ok {
				d = nil
				open--
			}
			sum += v
		}
	}
	fmt.Println(sum)
}
