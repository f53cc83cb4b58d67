// Strings, bytes, runes, conversions, ranges over invalid UTF-8.
package main

import "fmt"

func main() {
	s := "héllo, 世界\xff!"
	for i, r := range s {
		fmt.Print(i, ":", r, " ")
	}
	fmt.Println(len(s), len([]rune(s)))
	b := []byte(s)
	b[0] = 'H'
	fmt.Printf("%q %q\n", string(b), s)
	fmt.Println(string(rune(0x4e16)), string([]rune{65, 0x10ffff + 1, 66}))
	m := map[string]int{}
	for _, w := range []string{"a", "b", "a"} {
		m[w]++
	}
	fmt.Println(m[string([]byte{'a'})], m["zz"])
	fmt.Println("abc" < "abd", "abc" < "ab", "" < "a", s[1:3] == "é", s+"x"+s[:1])
	var concat string
	for i := range 5 {
		concat += fmt.Sprint(i)
	}
	fmt.Println(concat, copy(b, "xyz"), string(b[:4]))
	fmt.Println(append([]byte("abc"), "def"...))
}
