// encoding/json: tags, embedding, custom marshalers, streams, errors, numbers, maps with odd keys, indentation.
package main

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"strings"
	"time"
)

type Base struct {
	ID   int    `json:"id"`
	Kind string `json:"kind,omitempty"`
}
type Level int

func (l Level) MarshalText() ([]byte, error) { return []byte(fmt.Sprintf("L%d", int(l))), nil }
func (l *Level) UnmarshalText(b []byte) error {
	_, err := fmt.Sscanf(string(b), "L%d", (*int)(l))
	return err
}

type Temp float64

func (t Temp) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, `{"c":%.1f}`, float64(t)), nil }
func (t *Temp) UnmarshalJSON(b []byte) error {
	var v struct{ C float64 }
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*t = Temp(v.C)
	return nil
}

type Doc struct {
	*Base
	Name    string         `json:"name"`
	Skip    string         `json:"-"`
	Dash    int            `json:"-,"`
	Str     int64          `json:",string"`
	Opt     *int           `json:"opt,omitempty"`
	Zero    time.Time      `json:"zero,omitzero"`
	Tags    []string       `json:"tags"`
	Data    []byte         `json:"data"`
	Levels  map[Level]Temp `json:"levels"`
	Raw     json.RawMessage
	Any     any
	Num     json.Number
	Nested  struct{ A, B int }
	Arr     [2]bool
	Iface   encoding.TextMarshaler `json:"iface"`
	private int
	Uni     string `json:"ünï"`
	F       float64
	Dur     time.Duration
	Big     *big.Int
}
type cycle struct{ Next *cycle }
type badMarshal struct{}

func (badMarshal) MarshalJSON() ([]byte, error) { return nil, errors.New("refused") }

type A1 struct{ X, Y int }
type A2 struct{ X, Z int }
type Ambiguous struct {
	A1
	A2
	Y string
}
type list struct {
	V    int   `json:"v"`
	Next *list `json:"next,omitempty"`
}

func main() {
	one := 1
	d := Doc{Base: &Base{ID: 7}, Name: "a<b>&\u2028\"q\\\x01é\xff", Dash: 3, Str: -9, Opt: &one, Tags: nil, Data: []byte{0, 255, 10}, Levels: map[Level]Temp{3: 1.25, 1: -2},
		Raw: json.RawMessage(`{"k" : [1, 2]}`), Any: map[string]any{"z": nil, "a": []any{1, "x", 2.5, true}}, Num: "12.50", Iface: Level(4), Uni: "世", F: 1e21, Dur: time.Second, Big: big.NewInt(1 << 60)}
	b, err := json.Marshal(d)
	fmt.Println(string(b), err)
	var back Doc
	fmt.Println(json.Unmarshal(bytes.Replace(b, []byte(`"iface":"L4"`), []byte(`"iface":null`), 1), &back))
	fmt.Println(back.ID, back.Name, back.Str, *back.Opt, back.Data, back.Levels, string(back.Raw), back.Any, back.Num, back.F, back.Big, back.Dash)
	b, _ = json.MarshalIndent(list{1, &list{2, nil}}, ">", "  ")
	fmt.Println(string(b))
	b, err = json.Marshal(Ambiguous{A1{1, 2}, A2{3, 4}, "y"})
	fmt.Println(string(b), err)
	for _, v := range []any{math.NaN(), make(chan int), func() {}, badMarshal{}, map[bool]int{true: 1}, complex(1, 2), &cycle{}, math.Inf(-1), []any{badMarshal{}}} {
		b, err := json.Marshal(v)
		fmt.Printf("%s %v %T\n", b, err, err)
	}
	c := &cycle{}
	c.Next = c
	_, err = json.Marshal(c)
	fmt.Println(strings.Split(fmt.Sprint(err), " via")[0])
	for _, f := range []float64{0, 1, -0.5, 1e20, 1e21, 1e-6, 1e-7, 123456789.125, 5e-324, math.MaxFloat64, 100} {
		b, _ := json.Marshal([]any{f, float32(f)})
		fmt.Print(string(b), " ")
	}
	fmt.Println()
	for _, s := range []string{`{"a":1`, `{"a":1}x`, `[1,]`, `{"a" 1}`, `nul`, `"\x"`, `"\ud800"`, `01`, `1e999`, ``, `{"id":"str"}`, `{"id":1.5}`, `{"id":99999999999999999999}`, `{"ID":5,"kind":"K","unknown":[{}]}`, "\"\t\"", `{"id":null}`, `[]`, `-`, `tru`, `{"a":{"b":[1,{"c":}]}}`} {
		var v Base
		err := json.Unmarshal([]byte(s), &v)
		var syn *json.SyntaxError
		var typ *json.UnmarshalTypeError
		fmt.Print(s, " => ", v, " ", err)
		if errors.As(err, &syn) {
			fmt.Print(" offset ", syn.Offset)
		}
		if errors.As(err, &typ) {
			fmt.Print(" field ", typ.Field, " ", typ.Value, " ", typ.Type, " ", typ.Offset)
		}
		fmt.Println()
	}
	var anyv any
	json.Unmarshal([]byte(`{"a":[1,2.5,"s",null,true,{"x":{}}],"b":1e3,"c":"\u00e9\ud83d\ude00\n"}`), &anyv)
	fmt.Printf("%v %T\n", anyv, anyv.(map[string]any)["a"].([]any)[0])
	dec := json.NewDecoder(strings.NewReader(`{"id":1,"x":2} {"id":2} [3] "end"`))
	dec.DisallowUnknownFields()
	for {
		var v Base
		err := dec.Decode(&v)
		fmt.Println(v, err, dec.InputOffset())
		if err == io.EOF || err != nil && !strings.Contains(err.Error(), "json:") {
			break
		}
		if dec.InputOffset() > 25 {
			break
		}
	}
	dec = json.NewDecoder(strings.NewReader(`{"list":[1,{"a":true}],"n":12345678901234567890}`))
	dec.UseNumber()
	for {
		tok, err := dec.Token()
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Printf("%T %v %v; ", tok, tok, dec.More())
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "\t")
	enc.Encode(map[string]any{"html": "<a&b>", "empty": []int{}, "m": map[int]string{2: "b", 10: "a", 1: "c"}})
	fmt.Print(buf.String())
	buf.Reset()
	fmt.Println(json.Compact(&buf, []byte("{ \"a\" : [ 1 , 2 ] }\n")), buf.String(), json.Valid([]byte(`{"a":}`)), json.Valid([]byte(` [] `)))
	buf.Reset()
	json.HTMLEscape(&buf, []byte(`"<x>"`))
	fmt.Println(buf.String())
	reuse := struct {
		S []int
		M map[string]int
		P *int
		A [3]int
	}{[]int{9, 9, 9}, map[string]int{"old": 1}, &one, [3]int{1, 2, 3}}
	fmt.Println(json.Unmarshal([]byte(`{"S":[1],"M":{"new":2},"P":5,"A":[7]}`), &reuse), reuse.S, reuse.M, one, reuse.A)
	fmt.Println(json.Unmarshal([]byte(`1`), nil), json.Unmarshal([]byte(`1`), reuse), json.Unmarshal([]byte(`{"a":"x"}`), &map[string]int{}))
	var deep any
	err = json.Unmarshal([]byte(strings.Repeat("[", 20000)), &deep)
	fmt.Println(err)
}
