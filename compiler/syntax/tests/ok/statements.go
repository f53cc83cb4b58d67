package statements

func f() {
	;
	x := 1
	x, y = y, x
	x += 1
	x &^= 2
	x <<= 3
	x++
	y--
	c <- v
	<-c
	f()
	go f()
	defer func() {}()
	var a int
	const b = 2
	type (
		t int
		u = t
	)
	{
	}
	if x {
	}
	if x := f(); x > 0 {
	} else if y {
	} else {
	}
	if (T{}) == v {
	}
	for {
		break
	}
	for x < 10 {
		continue
	}
	for i := 0; i < 10; i++ {
	}
	for ; ; {
	}
	for ; x; {
	}
	for range c {
	}
	for i := range 10 {
	}
	for k, v := range m {
	}
	for k, v.f = range m {
	}
	for x := range func(yield func(int) bool) {} {
	}
	switch {
	}
	switch x {
	case 1, 2:
		fallthrough
	case 3:
		return
	default:
	}
	switch x := f(); y := x.(type) {
	case int, *T, nil:
	case func():
	}
	switch x.(type) {
	}
	switch f(); {
	case true:
	}
	select {
	case c <- v:
	case <-c:
	case x := <-c:
	case x, ok = <-c:
	default:
	}
L:
	for {
		break L
		continue L
		goto L
	}
M:
	{
		return 1, f(), nil
	}
N:
}
