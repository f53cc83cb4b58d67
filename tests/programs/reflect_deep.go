// Reflection: calls, made functions, types and values made at run time, methods, tags, maps, select, deep equality, setting.
package main

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sort"
)

type inner struct {
	X int `json:"x,omitempty" db:"col"`
	y string
}
type T struct {
	inner
	Name string `a:"1" b:"two words"`
	List []int
	Map  map[string]*inner
	Fn   func(int) string
	Any  any
	Err  error
	Ch   chan int
	Arr  [3]uint8
	P    *T
}

func (t T) Value(a int, b ...string) (string, error) {
	return fmt.Sprint(t.Name, a, b), nil
}
func (t *T) Pointer(s string) { t.Name = s }
func (t T) Big(x [20]int, f float32, c complex128, i any) (int, float32, complex128, any) {
	return x[19], f * 2, c * 2, i
}
func (t T) hidden() {}

type Named int

func (n Named) String() string { return fmt.Sprintf("N%d", int(n)) }

type G[K comparable, V any] struct {
	k K
	v []V
}

func (G[K, V]) M(V) K { var k K; return k }

func try(name string, f func()) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Println(name, "panics:", r)
		}
	}()
	f()
}

func main() {
	t := T{inner: inner{1, "u"}, Name: "n", List: []int{1, 2}, Map: map[string]*inner{"a": {2, "v"}}}
	rt := reflect.TypeOf(t)
	for i := range rt.NumField() {
		f := rt.Field(i)
		fmt.Println(f.Name, f.Type, f.Type.Kind(), f.Tag.Get("b"), f.Anonymous, f.IsExported(), f.Offset, f.Index)
	}
	fx, _ := rt.FieldByName("X")
	v, ok := fx.Tag.Lookup("db")
	fmt.Println(fx.Index, fx.Tag, v, ok, reflect.VisibleFields(rt)[1].Name)
	for _, typ := range []reflect.Type{rt, reflect.TypeFor[*T](), reflect.TypeFor[fmt.Stringer](), reflect.TypeFor[G[string, []int]]()} {
		fmt.Print(typ, " ", typ.Name(), " ", typ.PkgPath(), " ", typ.NumMethod(), " ", typ.Size(), " ", typ.Comparable(), ": ")
		for m := range typ.Methods() {
			fmt.Print(m.Name, " ", m.Type, "; ")
		}
		fmt.Println()
	}
	rv := reflect.ValueOf(&t)
	out := rv.MethodByName("Value").Call([]reflect.Value{reflect.ValueOf(3), reflect.ValueOf("x"), reflect.ValueOf("y")})
	fmt.Println(out[0], out[1].IsNil(), len(out))
	out = rv.Elem().Method(1).CallSlice([]reflect.Value{reflect.ValueOf(4), reflect.ValueOf([]string{"p", "q"})})
	fmt.Println(out[0])
	rv.MethodByName("Pointer").Call([]reflect.Value{reflect.ValueOf("renamed")})
	out = rv.MethodByName("Big").Call([]reflect.Value{reflect.ValueOf([20]int{19: 7}), reflect.ValueOf(float32(1.5)), reflect.ValueOf(1 + 2i), reflect.ValueOf(errors.New("e"))})
	fmt.Println(t.Name, out[0], out[1], out[2], out[3])
	bound := rv.MethodByName("Value").Interface().(func(int, ...string) (string, error))
	fmt.Println(bound(1, "b"))
	fmt.Println(rt.Method(1).Func.Call([]reflect.Value{reflect.ValueOf(t), reflect.ValueOf(9)})[0])

	swap := reflect.MakeFunc(reflect.FuncOf([]reflect.Type{reflect.TypeFor[int](), reflect.TypeFor[string](), reflect.TypeFor[[5]float64]()}, []reflect.Type{reflect.TypeFor[[5]float64](), reflect.TypeFor[string](), reflect.TypeFor[int]()}, false),
		func(args []reflect.Value) []reflect.Value { slices.Reverse(args); return args })
	f3 := swap.Interface().(func(int, string, [5]float64) ([5]float64, string, int))
	fmt.Println(f3(1, "s", [5]float64{4: 2.5}))
	variadic := reflect.MakeFunc(reflect.TypeFor[func(string, ...int) int](), func(args []reflect.Value) []reflect.Value {
		return []reflect.Value{reflect.ValueOf(args[1].Len() + len(args[0].String()))}
	}).Interface().(func(string, ...int) int)
	fmt.Println(variadic("abc", 1, 2), variadic(""))

	st := reflect.StructOf([]reflect.StructField{{Name: "A", Type: reflect.TypeFor[int](), Tag: `json:"aa"`}, {Name: "B", Type: reflect.TypeFor[[]string]()}, {Name: "C", Type: reflect.TypeFor[Named]()}})
	sv := reflect.New(st).Elem()
	sv.Field(0).SetInt(5)
	sv.FieldByName("B").Set(reflect.ValueOf([]string{"z"}))
	sv.Field(2).SetInt(8)
	fmt.Printf("%v %+v %T\n", sv, sv.Interface(), sv.Interface())
	same, ok := sv.Interface().(struct {
		A int `json:"aa"`
		B []string
		C Named
	})
	fmt.Println(same.A, ok, st == reflect.TypeOf(same))
	mt := reflect.MapOf(reflect.ArrayOf(2, reflect.TypeFor[string]()), reflect.SliceOf(reflect.PointerTo(rt)))
	mv := reflect.MakeMap(mt)
	mv.SetMapIndex(reflect.ValueOf([2]string{"k", "l"}), reflect.ValueOf([]*T{&t}))
	fmt.Println(mt, mv.Len(), mv.MapIndex(reflect.ValueOf([2]string{"k", "l"})).Index(0).Elem().Field(1))
	real := mv.Interface().(map[[2]string][]*T)
	fmt.Println(real[[2]string{"k", "l"}][0].Name, reflect.ChanOf(reflect.RecvDir, st).String()[:8])

	m := map[string]int{"a": 1, "b": 2, "c": 3}
	var keys []string
	for it := reflect.ValueOf(m).MapRange(); it.Next(); {
		keys = append(keys, fmt.Sprint(it.Key(), it.Value()))
	}
	sort.Strings(keys)
	total := 0
	for _, v := range reflect.ValueOf(m).Seq2() {
		total += int(v.Int())
	}
	fmt.Println(keys, total)

	c1, c2 := make(chan int, 1), make(chan string, 1)
	c2 <- "ready"
	chosen, recv, rok := reflect.Select([]reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(c1)}, {Dir: reflect.SelectRecv, Chan: reflect.ValueOf(c2)}})
	fmt.Println(chosen, recv, rok)
	chosen, _, _ = reflect.Select([]reflect.SelectCase{{Dir: reflect.SelectSend, Chan: reflect.ValueOf(c1), Send: reflect.ValueOf(5)}, {Dir: reflect.SelectRecv, Chan: reflect.ValueOf(c2)}})
	got, _ := reflect.ValueOf(c1).Recv()
	_, tok := reflect.ValueOf(c1).TryRecv()
	fmt.Println(chosen, got, tok)

	a := &T{Name: "a", List: []int{1}, P: &T{Name: "b"}}
	a.P.P = a
	b := &T{Name: "a", List: []int{1}, P: &T{Name: "b"}}
	b.P.P = b
	fmt.Println(reflect.DeepEqual(a, b), reflect.DeepEqual([]int(nil), []int{}), reflect.DeepEqual(map[string]any{"x": []int{1}}, map[string]any{"x": []int{1}}), reflect.DeepEqual(1, int64(1)), reflect.DeepEqual(error(nil), nil))
	elem := rv.Elem()
	elem.FieldByName("X").SetInt(77)
	elem.FieldByName("Any").Set(reflect.ValueOf(Named(3)))
	elem.FieldByName("Fn").Set(reflect.MakeFunc(elem.FieldByName("Fn").Type(), func(a []reflect.Value) []reflect.Value {
		return []reflect.Value{reflect.ValueOf(fmt.Sprint("made", a[0]))}
	}))
	elem.FieldByName("Arr").Index(1).SetUint(9)
	elem.FieldByName("List").Set(reflect.Append(elem.FieldByName("List"), reflect.ValueOf(3)))
	elem.FieldByName("Map").SetMapIndex(reflect.ValueOf("a"), reflect.Value{})
	fmt.Println(t.X, t.Any, t.Fn(1), t.Arr, t.List, t.Map, elem.FieldByName("y").CanSet(), elem.FieldByName("Any").Elem().Type())
	try("set unexported", func() { elem.FieldByName("y").SetString("x") })
	try("set unaddressable", func() { reflect.ValueOf(t).Field(1).SetString("x") })
	try("wrong kind", func() { reflect.ValueOf(1).Len() })
	try("wrong type", func() { elem.Field(1).Set(reflect.ValueOf(1)) })
	try("too few", func() { rv.MethodByName("Value").Call(nil) })
	try("bad argument", func() { rv.MethodByName("Pointer").Call([]reflect.Value{reflect.ValueOf(1)}) })
	try("nil elem", func() { reflect.ValueOf((*T)(nil)).Elem().Field(0) })
	try("zero value", func() { reflect.Value{}.Type() })
	try("interface of unexported", func() { elem.FieldByName("y").Interface() })
	try("overflow index", func() { reflect.ValueOf([]int{1}).Index(3) })
	fmt.Println(reflect.ValueOf(Named(4)).Convert(reflect.TypeFor[float64]()), reflect.ValueOf([]byte("b")).Convert(reflect.TypeFor[string]()), reflect.ValueOf([]int{1, 2, 3}).Convert(reflect.TypeFor[[2]int]()), reflect.TypeFor[Named]().ConvertibleTo(reflect.TypeFor[string]()))
	fmt.Println(reflect.TypeFor[Named]().Implements(reflect.TypeFor[fmt.Stringer]()), reflect.TypeFor[T]().AssignableTo(reflect.TypeFor[any]()), reflect.Zero(rt).IsZero(), reflect.ValueOf(t).IsZero(), reflect.Indirect(rv).Type() == rt)
	sl := []int{5, 2, 9}
	sw := reflect.Swapper(sl)
	sw(0, 2)
	g := reflect.ValueOf(G[string, int]{"k", []int{1}})
	fmt.Println(sl, g.Type(), g.Field(0), g.Method(0).Call([]reflect.Value{reflect.ValueOf(1)})[0].Kind(), reflect.TypeOf(main), reflect.TypeOf((<-chan func(...int) map[Named]struct{})(nil)))
	fmt.Println(reflect.ValueOf(uint8(200)).OverflowUint(300), reflect.ValueOf(&sl).Elem().Cap() >= 3, reflect.ValueOf(sl).Slice(1, 2), reflect.Copy(reflect.ValueOf(sl), reflect.ValueOf([]int{1})), sl)
}
