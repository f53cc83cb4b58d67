// Strings, bytes, runes: invalid UTF-8, conversions, builders, buffers, readers, strconv, unicode, regexp.
package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"text/scanner"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

type myBytes []byte
type myRunes []rune
type myString string

func main() {
	for _, s := range []string{"", "abc", "héllo, 世界", "\xff\xfe", "a\xe4\xb8", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x00\u2028\U0010ffff", "e\u0301", "\xc0\x80ok"} {
		fmt.Printf("%q %x %d %d %v %v ", s, s, len(s), utf8.RuneCountInString(s), utf8.ValidString(s), []rune(s))
		for i, r := range s {
			fmt.Print(i, ":", r, " ")
		}
		fmt.Printf("%q %q %q\n", strings.ToValidUTF8(s, "?"), string([]rune(s)), strings.ToUpper(s))
	}
	for _, r := range []rune{0, 'a', 0x7f, 0x80, 0x7ff, 0x800, 0xd800, 0xfffd, 0xffff, 0x10000, 0x10ffff, 0x110000, -1} {
		fmt.Printf("%q %x %d %v %c|", string(r), string(r), utf8.RuneLen(r), utf8.ValidRune(r), r)
	}
	fmt.Println()
	b := []byte("mutable")
	s := string(b)
	b[0] = 'M'
	mb, mr, ms := myBytes(s), myRunes(s), myString(b)
	mb[1] = 'X'
	fmt.Println(s, string(b), string(mb), string(mr[2:4]), ms, string(ms)+s, ms < "N", []byte(ms)[0])
	fmt.Println(unsafe.String(&b[1], 3), string(unsafe.Slice(unsafe.StringData(s), 2)), append([]byte("x"), s[1:4]...), copy(b, "copy"), string(b))
	var cmpd []int
	for _, x := range []string{"", "a", "a\x00", "ab", "b", "\xff"} {
		for _, y := range []string{"a", "ab", "\xff"} {
			cmpd = append(cmpd, strings.Compare(x, y), bytes.Compare([]byte(x), []byte(y)))
			if (x < y) != (strings.Compare(x, y) < 0) || (x == y) != (strings.Compare(x, y) == 0) {
				panic("order")
			}
		}
	}
	fmt.Println(cmpd)
	m := map[string]int{}
	for _, w := range bytes.Fields([]byte("a b a c b a")) {
		m[string(w)]++
	}
	fmt.Println(m, m[string([]byte{'a'})])
	var sb strings.Builder
	for i := range 100 {
		sb.WriteByte(byte('a' + i%26))
		sb.WriteRune('é')
		fmt.Fprintf(&sb, "%d", i)
	}
	fmt.Println(sb.Len(), sb.String()[100:120])
	func() {
		defer func() { fmt.Println(recover()) }()
		c := sb
		c.WriteByte('x')
	}()
	t := "The rain in Spain stays mainly"
	fmt.Println(strings.Count(t, "ain"), strings.Count(t, ""), strings.Index(t, "Spain"), strings.LastIndex(t, "ain"), strings.IndexByte(t, 'q'), strings.IndexAny(t, "zyx"), strings.IndexFunc(t, unicode.IsUpper), strings.ContainsRune(t, 'p'), strings.EqualFold("Straße", "STRASSE"), strings.EqualFold("ſK", "sK"))
	fmt.Printf("%q %q %q %q\n", strings.Split("a,b,,c,", ","), strings.SplitN("a,b,c", ",", 2), strings.SplitAfter("a,b", ","), strings.Split("héy", ""))
	fmt.Println(strings.Title("hello wOrld"), strings.Map(func(r rune) rune {
		if r == 'a' {
			return -1
		}
		return unicode.ToUpper(r)
	}, t), strings.Repeat("ab", 5), strings.Replace("aaaa", "a", "b", 2), strings.ReplaceAll("aaa", "", "-"), strings.NewReplacer("a", "1", "ai", "2", "<", "&lt;").Replace("rain<"), strings.TrimFunc("123abc456", unicode.IsDigit), strings.Trim("xxhixx", "x"), strings.TrimLeft("abcab", "ba"), strings.TrimSuffix("a.go", ".go"))
	before, after, found := strings.Cut("key=value=x", "=")
	fmt.Println(before, after, found)
	var buf bytes.Buffer
	buf.WriteString("line one\nline two\nrest")
	line, err := buf.ReadString('\n')
	next := buf.Next(4)
	r, size, err2 := buf.ReadRune()
	buf.UnreadRune()
	fmt.Printf("%q %v %q %q %d %v %q\n", line, err, next, r, size, err2, buf.Bytes())
	buf.Truncate(2)
	fmt.Println(buf.Len(), buf.String(), bytes.Equal(nil, []byte{}), bytes.TrimSpace([]byte("\t x \n")), bytes.ContainsAny([]byte("abc"), "xc"), bytes.IndexByte(bytes.Repeat([]byte{1}, 100), 2))
	for _, q := range []string{"0", "-0", "9223372036854775808", "-9223372036854775808", "0x1F", "0b11", "0o17", "017", "1_000", "", " 1", "1e3", "+5", "zz"} {
		i, err := strconv.ParseInt(q, 0, 64)
		u, err2 := strconv.ParseUint(q, 10, 8)
		fmt.Println(i, err, u, err2)
	}
	fmt.Println(strconv.FormatInt(-255, 16), strconv.FormatUint(1<<63, 2), strconv.Itoa(-45), strconv.AppendInt(nil, 35, 36), strconv.FormatInt(-1<<63, 36))
	fmt.Println(strconv.Quote("a\t\"\x00é\u2028\xff😀"), strconv.QuoteToASCII("é😀"), strconv.QuoteRune('☺'), strconv.CanBackquote("a`b"), strconv.QuoteToGraphic("\u00a0é\t"))
	for _, q := range []string{`"a\n\x41\u00e9\U0001F600"`, "`raw\\n`", `'x'`, `"bad`, `"\q"`, `'ab'`, `"a" "b"`} {
		fmt.Print(strconv.Unquote(q))
		fmt.Print("; ")
	}
	pb, err := strconv.ParseBool("maybe")
	fmt.Println(pb, err)
	fmt.Println(utf16.Encode([]rune("a😀")), string(utf16.Decode([]uint16{0xd83d, 0xde00, 0xd800, 'x'})), unicode.IsLetter('é'), unicode.Is(unicode.Han, '世'), unicode.ToTitle('ǆ'), unicode.SimpleFold('K'), unicode.In('α', unicode.Greek, unicode.Latin))
	re := regexp.MustCompile(`(?P<key>\w+)\s*[:=]\s*(?P<val>"[^"]*"|\S+)`)
	in := `a: 1, b = "two words" c:3 ünï=x`
	fmt.Printf("%q\n%v\n%q\n", re.FindAllStringSubmatch(in, -1), re.FindAllStringIndex(in, 2), re.ReplaceAllString(in, "${val}<-$key"))
	fmt.Println(re.SubexpNames(), re.SubexpIndex("val"), re.NumSubexp(), re.MatchString("none"), re.ReplaceAllStringFunc(in, strings.ToUpper), re.String() == re.Copy().String())
	for _, p := range []string{`a{1001}`, `(`, `[z-a]`, `\p{Greek}+`, `(?i)straße`, `^$`, `(a|ab)(c|bcd)(d*)`, `*`, `x**`, `\8`, `(?P<n`, `(?:a+)+$`} {
		rx, err := regexp.Compile(p)
		if err != nil {
			fmt.Print(err, "; ")
			continue
		}
		fmt.Printf("%q %q %q; ", rx.FindString("abcd αβγ STRASSE"), rx.FindStringSubmatch("abcd"), rx.Split("abcdabcd", 3))
	}
	fmt.Println()
	lng := regexp.MustCompile(`a+?|a+`)
	first := lng.FindString("aaa")
	lng.Longest()
	fmt.Println(first, lng.FindString("aaa"), regexp.QuoteMeta("a.b*c[]"), regexp.MustCompile(`(\d+)-(\d+)`).ReplaceAllLiteralString("1-2", "$1"), len(regexp.MustCompile(`(?s).`).FindAllString(strings.Repeat("é\n", 500), -1)))
	var sc scanner.Scanner
	sc.Init(strings.NewReader("x := 3.14 // c\n\"str\" 'c' `raw` 0x1f <<="))
	for tok := sc.Scan(); tok != scanner.EOF; tok = sc.Scan() {
		fmt.Print(sc.Position, ":", scanner.TokenString(tok), ":", sc.TokenText(), " ")
	}
	fmt.Println()
	big := strings.Repeat("0123456789", 10000)
	sum := 0
	for i := 0; i < len(big); i += 7 {
		sum += int(big[i]) * i
	}
	fmt.Println(sum, strings.Index(big+"needle", "needle"), strings.LastIndexByte(big, '0'), len(strings.Fields(strings.ReplaceAll(big, "9", " "))))
}
