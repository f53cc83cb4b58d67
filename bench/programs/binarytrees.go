// Short-lived trees: allocation and collection.
package main

import "fmt"

type node struct{ l, r *node }

func bottomUp(d int) *node {
	if d <= 0 {
		return &node{}
	}
	return &node{bottomUp(d - 1), bottomUp(d - 1)}
}

func (n *node) check() int {
	if n.l == nil {
		return 1
	}
	return 1 + n.l.check() + n.r.check()
}

func main() {
	const maxDepth = 17
	fmt.Println(bottomUp(maxDepth + 1).check())
	long := bottomUp(maxDepth)
	for d := 4; d <= maxDepth; d += 4 {
		n := 1 << (maxDepth - d + 4)
		sum := 0
		for range n {
			sum += bottomUp(d).check()
		}
		fmt.Println(n, d, sum)
	}
	fmt.Println(long.check())
}
