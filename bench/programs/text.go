// Strings: builders, splitting, searching, conversion, formatting.
package main

import (
	"fmt"
	"strconv"
	"strings"
)

func main() {
	var b strings.Builder
	for i := range 300_000 {
		b.WriteString("word")
		b.WriteString(strconv.Itoa(i))
		b.WriteByte(' ')
	}
	text := b.String()
	words := strings.Fields(text)
	up := strings.ToUpper(text)
	n := strings.Count(up, "9") + strings.Index(text, "word299999") + len(strings.ReplaceAll(text, "word", "w"))
	sum := 0
	for _, w := range words {
		v, _ := strconv.Atoi(w[4:])
		sum += v
	}
	out := 0
	for i := range 500_000 {
		out += len(fmt.Sprintf("%d:%s:%x", i, words[i%len(words)], i))
	}
	fmt.Println(n, sum, out)
}
