// Primes: byte slice with strided access.
package main

import "fmt"

func main() {
	const n = 20_000_000
	total := 0
	for range 3 {
		composite := make([]bool, n)
		count := 0
		for i := 2; i < n; i++ {
			if composite[i] {
				continue
			}
			count++
			for j := i * 2; j < n; j += i {
				composite[j] = true
			}
		}
		total += count
	}
	fmt.Println(total)
}
