// A walk through std: json, xml, regexp, templates, sort, strconv, time, big, bufio, base64, sha256, gzip.
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html/template"
	"io"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

type person struct {
	Name    string            `json:"name" xml:"name,attr"`
	Age     int               `json:"age,omitempty" xml:"age"`
	Emails  []string          `json:"emails" xml:"email"`
	Extra   map[string]any    `json:"extra" xml:"-"`
	Born    time.Time         `json:"born" xml:"born"`
	Inner   *person           `json:"inner,omitempty" xml:"inner"`
}

func main() {
	p := person{"Ann", 30, []string{"a@x.org", "b<c>"}, map[string]any{"k": 1.5, "a": nil, "l": []int{1}}, time.Date(2020, 2, 29, 12, 0, 0, 5000, time.UTC), nil}
	b, err := json.MarshalIndent(p, "", " ")
	fmt.Println(string(b), err)
	var q person
	fmt.Println(json.Unmarshal(b, &q), q.Extra["k"], q.Born.Equal(p.Born))
	fmt.Println(json.Unmarshal([]byte(`{"age":"x"}`), &q))
	fmt.Println(json.Unmarshal([]byte(`{"age":1,}`), &q))
	x, err := xml.Marshal(p)
	fmt.Println(string(x), err)
	re := regexp.MustCompile(`(\w+)@(\w+)\.org`)
	fmt.Println(re.ReplaceAllString("mail ann@site.org now", "$2 at $1"), re.FindStringSubmatchIndex("x y@z.org"))
	tmpl := template.Must(template.New("t").Parse(`{{range $i, $e := .Emails}}{{if $i}}, {{end}}<{{$e}}>{{end}} {{printf "%05d" .Age}} {{len .Name}}` + "\n"))
	if err := tmpl.Execute(os.Stdout, p); err != nil {
		fmt.Println(err)
	}
	words := strings.FieldsFunc("one,two;three four", func(r rune) bool { return !unicode.IsLetter(r) })
	sort.Slice(words, func(i, j int) bool { return len(words[i]) < len(words[j]) || len(words[i]) == len(words[j]) && words[i] < words[j] })
	fmt.Println(words, strconv.Quote("a\tb\x00é"), strconv.FormatFloat(1.0/3, 'g', -1, 32))
	_, err = strconv.Atoi("12a")
	fmt.Println(err)
	f := new(big.Int).MulRange(1, 30)
	fmt.Println(f, new(big.Int).Exp(big.NewInt(3), big.NewInt(100), big.NewInt(1000007)), big.NewRat(3, 6))
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	zw.Write(bytes.Repeat([]byte("compress me "), 100))
	zw.Close()
	zr, _ := gzip.NewReader(&buf)
	plain, _ := io.ReadAll(zr)
	fmt.Println(len(plain), hex.EncodeToString(md5.New().Sum(nil)), base64.StdEncoding.EncodeToString(plain[:10]))
	fmt.Printf("%x\n", sha256.Sum256(plain))
	fmt.Println(binary.BigEndian.Uint32([]byte{1, 2, 3, 4}), binary.AppendUvarint(nil, 300))
	d, _ := time.ParseDuration("1h15m30.5s")
	ts, err := time.Parse(time.RFC1123, "Mon, 02 Jan 2006 15:04:05 MST")
	fmt.Println(d, ts.Weekday(), ts.Add(d).Format("2006-01-02 15:04:05.000"), err)
	u, err := url.Parse("https://u:p@h.org:80/a%20b?x=1&y=2#f")
	fmt.Println(u.Host, u.Path, u.Query()["x"], u.User, err, filepath.Join("a", "../b", "c"))
	sc := bufio.NewScanner(strings.NewReader("l1\nl2 w\n"))
	for sc.Scan() {
		fmt.Print(sc.Text(), "|")
	}
	fmt.Println()
	tw := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight|tabwriter.Debug)
	fmt.Fprintln(tw, "a\tbbb\tc")
	fmt.Fprintln(tw, "aaaa\tb\tccccc")
	tw.Flush()
	fmt.Printf("%8.3f|%-8s|%+d|%x|%q|%v|%T|%p|%t|%e|%08b|%U\n", 3.14159, "go", 5, "hex", 'x', p.Emails, p, nil, true, 12345.678, 5, 0x1F600)
	fmt.Printf("%+v %#v %v\n", struct {
		A int
		B *int
	}{1, nil}, []string{"x"}, [2]bool{true})
	fmt.Printf("%d %s\n", "str", 5)
	var n int
	var s string
	fmt.Sscanf("10 abc", "%d %s", &n, &s)
	fmt.Println(n, s)
	_, err = os.Open("/does/not/exist")
	fmt.Println(err, os.IsNotExist(err))
}
