// Maps with integer and string keys.
package main

import (
	"fmt"
	"strconv"
)

func main() {
	ints := make(map[int]int)
	for i := range 2_000_000 {
		ints[i*2654435761%1_000_003] += i
	}
	strs := make(map[string]int)
	keys := make([]string, 200_000)
	for i := range keys {
		keys[i] = "key-" + strconv.Itoa(i)
	}
	for r := range 5 {
		for i, k := range keys {
			strs[k] += i ^ r
		}
	}
	sum := 0
	for k, v := range ints {
		sum += k ^ v
	}
	for _, k := range keys {
		sum += strs[k]
	}
	for i := range 1_000_003 {
		if i%3 == 0 {
			delete(ints, i)
		}
	}
	fmt.Println(sum, len(ints), len(strs))
}
