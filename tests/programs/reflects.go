// Reflection: fields, tags, methods, calls, MakeFunc, new types, conversion, maps, channels.
package main

import (
	"fmt"
	"reflect"
	"sort"
	"strings"
)

type Inner struct{ V int }

func (i Inner) Double() int    { return i.V * 2 }
func (i *Inner) Inc(by int)    { i.V += by }
func (i Inner) unexported()    {}

type Outer struct {
	Inner
	Name  string `json:"name" db:"n"`
	List  []float64
	Map   map[string]int
	Fn    func(int, string) (string, error)
	Any   any
	Ch    chan int
	priv  bool
	Array [2]complex128
	Ptr   *Outer
}

func sum(base int, xs ...int) int {
	for _, x := range xs {
		base += x
	}
	return base
}

type Stringer interface{ String() string }
type S struct{ a, b, c, d, e int }

func (s S) String() string { return fmt.Sprint(s.a, s.e) }

func bigArgs(a S, b string, c float64, d [3]int, e any) (S, string, float64) {
	a.a += d[2]
	return a, b + fmt.Sprint(e), c * 2
}

func main() {
	o := Outer{Inner: Inner{3}, Name: "x", Map: map[string]int{"k": 1}}
	t := reflect.TypeOf(o)
	for i := range t.NumField() {
		f := t.Field(i)
		fmt.Println(f.Name, f.Type, f.Tag.Get("json"), f.Anonymous, f.IsExported(), f.Offset)
	}
	pt := reflect.TypeOf(&o)
	var names []string
	for i := range pt.NumMethod() {
		names = append(names, pt.Method(i).Name+" "+pt.Method(i).Type.String())
	}
	sort.Strings(names)
	fmt.Println(names, t.NumMethod())
	v := reflect.ValueOf(&o).Elem()
	v.FieldByName("Name").SetString("set")
	v.Field(2).Set(reflect.Append(v.Field(2), reflect.ValueOf(1.5)))
	v.FieldByName("Map").SetMapIndex(reflect.ValueOf("z"), reflect.ValueOf(26))
	reflect.ValueOf(&o).MethodByName("Inc").Call([]reflect.Value{reflect.ValueOf(10)})
	fmt.Println(o.Name, o.List, o.Map, o.V, v.MethodByName("Double").Call(nil)[0])
	fmt.Println(reflect.ValueOf(sum).Call([]reflect.Value{reflect.ValueOf(1), reflect.ValueOf(2), reflect.ValueOf(3)})[0])
	out := reflect.ValueOf(bigArgs).Call([]reflect.Value{reflect.ValueOf(S{1, 2, 3, 4, 5}), reflect.ValueOf("s"), reflect.ValueOf(1.5), reflect.ValueOf([3]int{7, 8, 9}), reflect.ValueOf(true)})
	fmt.Println(out[0], out[1], out[2])
	swap := reflect.MakeFunc(reflect.TypeOf(o.Fn), func(args []reflect.Value) []reflect.Value {
		s := strings.Repeat(args[1].String(), int(args[0].Int()))
		return []reflect.Value{reflect.ValueOf(s), reflect.Zero(reflect.TypeFor[error]())}
	})
	v.FieldByName("Fn").Set(swap)
	fmt.Println(o.Fn(3, "ab"))
	method := reflect.ValueOf(S{1, 2, 3, 4, 5}).Method(0).Interface().(func() string)
	fmt.Println(method())
	mt := reflect.MapOf(reflect.TypeFor[string](), reflect.SliceOf(t))
	m := reflect.MakeMap(mt)
	m.SetMapIndex(reflect.ValueOf("a"), reflect.MakeSlice(mt.Elem(), 2, 2))
	fmt.Println(mt, m.Len(), m.MapKeys()[0], mt == reflect.TypeFor[map[string][]Outer]())
	st := reflect.StructOf([]reflect.StructField{{Name: "A", Type: reflect.TypeFor[int](), Tag: `k:"v"`}, {Name: "B", Type: reflect.TypeFor[string]()}})
	sv := reflect.New(st).Elem()
	sv.Field(0).SetInt(5)
	fmt.Printf("%v %+v\n", st, sv.Interface())
	ch := reflect.MakeChan(reflect.TypeFor[chan int](), 1)
	ch.Send(reflect.ValueOf(4))
	r, ok := ch.Recv()
	fmt.Println(r, ok, reflect.DeepEqual(o.Map, map[string]int{"k": 1, "z": 26}), reflect.DeepEqual([]int{1}, []int{2}))
	fmt.Println(reflect.TypeFor[Stringer]().Kind(), reflect.TypeFor[S]().Implements(reflect.TypeFor[Stringer]()), reflect.ValueOf(int32(65)).Convert(reflect.TypeFor[string]()))
	defer func() { fmt.Println(recover()) }()
	v.FieldByName("priv").SetBool(true)
}
