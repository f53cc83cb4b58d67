// xml, gob, csv, base64, base32, hex, binary, pem, varints, ascii85.
package main

import (
	"bytes"
	"encoding/ascii85"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/csv"
	"encoding/gob"
	"encoding/hex"
	"encoding/pem"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

type Address struct {
	City  string `xml:"city"`
	State string `xml:"state,attr"`
}
type Person struct {
	XMLName xml.Name  `xml:"person"`
	ID      int       `xml:"id,attr"`
	First   string    `xml:"name>first"`
	Last    string    `xml:"name>last"`
	Emails  []string  `xml:"email,omitempty"`
	Addr    *Address  `xml:"address"`
	Note    string    `xml:",comment"`
	Inner   string    `xml:",innerxml"`
	When    time.Time `xml:"when"`
	Flag    bool      `xml:"flag"`
}

type Shape interface{ Area() float64 }
type Sq struct{ S float64 }
type Ci struct{ R float64 }

func (s Sq) Area() float64  { return s.S * s.S }
func (c *Ci) Area() float64 { return 3 * c.R * c.R }

type Tree struct {
	V           int
	Left, Right *Tree
	M           map[string][]int8
	S           Shape
	B           []byte
	C           complex64
	private     int
	F           func()
}
type custom struct{ a, b int }

func (c custom) GobEncode() ([]byte, error)   { return []byte{byte(c.a), byte(c.b)}, nil }
func (c *custom) GobDecode(data []byte) error { c.a, c.b = int(data[0]), int(data[1]); return nil }

type Header struct {
	Magic [4]byte
	Ver   uint16
	Flags int8
	_     [1]byte
	Size  uint32
	F     float32
	Pts   [2]struct{ X, Y int16 }
}

func main() {
	p := Person{ID: 3, First: "A<b>", Last: "O'N & \"q\"", Emails: []string{"x@y", "z"}, Addr: &Address{"Zürich", "ZH"}, Note: " c ", When: time.Date(2024, 2, 29, 1, 2, 3, 4000, time.UTC)}
	b, err := xml.MarshalIndent(p, "", " ")
	fmt.Println(string(b), err)
	var q Person
	err = xml.Unmarshal(b, &q)
	fmt.Println(err, q.ID, q.First, q.Last, q.Emails, *q.Addr, q.Note, q.When, len(q.Inner) > 20)
	d := xml.NewDecoder(strings.NewReader(`<?xml version="1.0"?><!DOCTYPE x><a xmlns:n="urn:n" n:k="v">t&#65;&lt;<![CDATA[<raw>]]><!-- c --><n:b/></a><c>`))
	for {
		tok, err := d.Token()
		if err != nil {
			fmt.Println(err)
			break
		}
		switch t := tok.(type) {
		case xml.StartElement:
			fmt.Print("start ", t.Name, t.Attr, " ")
		case xml.EndElement:
			fmt.Print("end ", t.Name.Local, " ")
		case xml.CharData:
			fmt.Printf("text %q ", t)
		default:
			fmt.Printf("%T ", tok)
		}
	}
	for _, s := range []string{"<a><b></a>", "<a", "<person id='x'/>", "<other/>", "<person>&bad;</person>", "<person><when>x</when></person>"} {
		fmt.Println(xml.Unmarshal([]byte(s), &Person{}))
	}
	gob.Register(Sq{})
	gob.Register(&Ci{})
	var buf bytes.Buffer
	enc := gob.NewEncoder(&buf)
	t := &Tree{V: 1, Left: &Tree{V: -2, S: Sq{2}}, Right: &Tree{V: 300, S: &Ci{1}, Left: &Tree{}}, M: map[string][]int8{"k": {-1, 2}}, B: []byte("by"), C: 1 + 2i}
	fmt.Println(enc.Encode(t), enc.Encode(custom{5, 6}), enc.Encode(map[int]any{1: "s", 2: Sq{3}}))
	dec := gob.NewDecoder(&buf)
	var t2 Tree
	var c custom
	var m map[int]any
	fmt.Println(dec.Decode(&t2), dec.Decode(&c), dec.Decode(&m), c, m)
	fmt.Println(t2.V, t2.Left.V, t2.Left.S.Area(), t2.Right.S.Area(), t2.Right.Left.V, t2.M, string(t2.B), t2.C)
	var less struct {
		V     int64
		Extra string
	}
	buf.Reset()
	gob.NewEncoder(&buf).Encode(t)
	fmt.Println(gob.NewDecoder(&buf).Decode(&less), less)
	buf.Reset()
	gob.NewEncoder(&buf).Encode(struct{ V string }{"s"})
	fmt.Println(gob.NewDecoder(&buf).Decode(&less))
	fmt.Println(gob.NewEncoder(&buf).Encode(make(chan int)), gob.NewEncoder(&buf).Encode(struct{ a int }{1}))

	r := csv.NewReader(strings.NewReader("a,\"b \"\"q\"\"\",c\n# comment\n1,\"multi\nline\",\n x , y,z\n"))
	r.Comment = '#'
	all, err := r.ReadAll()
	fmt.Printf("%q %v\n", all, err)
	for _, s := range []string{"a,b\nc\n", "a,\"b\n", "a\"b,c\n", "\"a\"b\n"} {
		_, err := csv.NewReader(strings.NewReader(s)).ReadAll()
		var pe *csv.ParseError
		fmt.Println(err, errors.As(err, &pe))
	}
	w := csv.NewWriter(&buf)
	buf.Reset()
	w.Comma = ';'
	w.WriteAll([][]string{{"a;b", "c\"d", "e\nf", ""}, {"", " lead"}, {`\.`}})
	fmt.Printf("%q\n", buf.String())
	data := []byte("\x00\xff\xfe any data?>")
	for n := range 5 {
		x := data[:n+8]
		fmt.Println(base64.StdEncoding.EncodeToString(x), base64.RawURLEncoding.EncodeToString(x), base32.StdEncoding.EncodeToString(x), hex.EncodeToString(x))
	}
	for _, s := range []string{"AP/+", "AP/", "A\nP/+", "A*==", "AA==", "AB=="} {
		x, err := base64.StdEncoding.DecodeString(s)
		_, err2 := base64.StdEncoding.Strict().DecodeString(s)
		fmt.Println(x, err, err2)
	}
	_, err = hex.DecodeString("abc")
	_, err2 := hex.DecodeString("zz")
	fmt.Println(err, err2)
	fmt.Print(hex.Dump([]byte("hex dump of more than sixteen bytes")))
	a85 := make([]byte, 40)
	a85 = a85[:ascii85.Encode(a85, []byte("\x00\x00\x00\x00hello"))]
	fmt.Println(string(a85))
	h := Header{[4]byte{'G', 'O', 1, 2}, 0x1234, -3, [1]byte{}, 0xdeadbeef, 1.5, [2]struct{ X, Y int16 }{{1, -2}, {3, 4}}}
	buf.Reset()
	fmt.Println(binary.Write(&buf, binary.LittleEndian, h), binary.Size(h), hex.EncodeToString(buf.Bytes()))
	var h2 Header
	fmt.Println(binary.Read(bytes.NewReader(buf.Bytes()), binary.LittleEndian, &h2), h2 == h, binary.Read(bytes.NewReader(buf.Bytes()[:5]), binary.BigEndian, &h2))
	be, _ := binary.Append(nil, binary.BigEndian, []uint16{1, 2, 0xffff})
	fmt.Println(be, binary.BigEndian.Uint32([]byte{1, 2, 3, 4}), binary.LittleEndian.AppendUint64(nil, 1<<40), binary.Write(io.Discard, binary.BigEndian, 5))
	for _, v := range []int64{0, -1, 63, -64, 64, 1 << 40, -1 << 63} {
		x := binary.AppendVarint(nil, v)
		got, n := binary.Varint(x)
		fmt.Print(x, got == v, n, " ")
	}
	_, n := binary.Uvarint(bytes.Repeat([]byte{0xff}, 11))
	fmt.Println(n)
	block := &pem.Block{Type: "TEST", Headers: map[string]string{"K": "v"}, Bytes: bytes.Repeat([]byte("pem"), 30)}
	text := pem.EncodeToMemory(block)
	fmt.Print(string(text))
	back, rest := pem.Decode(append(text, "tail"...))
	fmt.Println(back.Type, back.Headers, len(back.Bytes), string(rest))
}
