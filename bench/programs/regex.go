// regexp over a long text.
package main

import (
	"fmt"
	"regexp"
	"strings"
)

func main() {
	var b strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&b, "user%d@host%d.example.com some text 192.168.%d.%d -- ", i, i%100, i%256, i%200)
	}
	text := b.String()
	mail := regexp.MustCompile(`[a-z]+\d+@[\w.]+\.com`)
	ip := regexp.MustCompile(`(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})`)
	n := len(mail.FindAllString(text, -1)) + len(ip.FindAllStringSubmatchIndex(text, -1))
	out := ip.ReplaceAllString(text, "$4.$3.$2.$1")
	fmt.Println(n, len(out))
}
