package runtime

import "unsafe"

// maxAlloc is the largest size of an object that a request may have: the user address space.
const maxAlloc = 1 << 48

// zerobase is the address of all objects of size zero that this package makes itself.
var zerobase uintptr

// mulUintptr returns a*b and whether it overflows.
func mulUintptr(a, b uintptr) (uintptr, bool) {
	if a|b < 1<<32 || a == 0 {
		return a * b, false
	}
	return a * b, b > ^uintptr(0)/a
}

// makeslice64 is makeslice for 64-bit operands.
func makeslice64(et *_type, n, c int64) unsafe.Pointer { return makeslice(et, int(n), int(c)) }

// makeslicecopy allocates the array of make([]T, tolen) and copies fromlen elements to it: make and copy in one step.
func makeslicecopy(et *_type, tolen, fromlen int, from unsafe.Pointer) unsafe.Pointer {
	if tolen < 0 {
		panicmakeslicelen()
	}
	size, over := mulUintptr(et.Size_, uintptr(tolen))
	if over || size > maxAlloc {
		panicmakeslicelen()
	}
	n := min(fromlen, tolen)
	if et.Pointers() {
		p := mallocgc(size, et, true)
		typedarraycopy(et, p, from, n)
		return p
	}
	used := uintptr(n) * et.Size_
	p := mallocgc(size, nil, false)
	memmove(p, from, used)
	memclrNoHeapPointers(add(p, used), size-used)
	return p
}

// growslice makes room for append: the slice whose array is oldPtr, with oldCap elements of capacity, gets num
// more elements, newLen in all. The result has length newLen; its new elements are not set, but zero where the collector looks.
//
// Capacity grows twofold while small and towards a quarter more when large, then up to what the
// size class of the array holds.
func growslice(oldPtr unsafe.Pointer, newLen, oldCap, num int, et *_type) slice {
	if newLen < 0 {
		panic(error(errorString("growslice: len out of range")))
	}
	if et.Size_ == 0 {
		return slice{unsafe.Pointer(&zerobase), newLen, newLen}
	}
	oldLen := newLen - num
	size, over := mulUintptr(et.Size_, uintptr(nextCap(newLen, oldCap)))
	if over || size > maxAlloc {
		panic(error(errorString("growslice: len out of range")))
	}
	size = roundupsize(size, !et.Pointers())
	newCap := int(size / et.Size_)
	size = uintptr(newCap) * et.Size_
	var p unsafe.Pointer
	if et.Pointers() {
		p = mallocgc(size, et, true)
		typedarraycopy(et, p, oldPtr, oldLen)
	} else {
		p = mallocgc(size, nil, false)
		memmove(p, oldPtr, uintptr(oldLen)*et.Size_)
		end := uintptr(newLen) * et.Size_
		memclrNoHeapPointers(add(p, end), size-end)
	}
	return slice{p, newLen, newCap}
}

// nextCap is the capacity that append asks for before the size class is known.
func nextCap(newLen, oldCap int) int {
	const threshold = 256
	double := oldCap + oldCap
	switch {
	case newLen > double:
		return newLen
	case oldCap < threshold:
		return double
	}
	c := oldCap
	for uint(c) < uint(newLen) {
		// From twice towards 1.25 times: smooth at the threshold.
		c += (c + 3*threshold) >> 2
	}
	if c <= 0 {
		return newLen
	}
	return c
}

// typedslicecopy implements copy for elements of type et.
func typedslicecopy(et *_type, dst unsafe.Pointer, dstLen int, src unsafe.Pointer, srcLen int) int {
	n := min(dstLen, srcLen)
	if n == 0 || dst == src {
		return n
	}
	if et.Pointers() {
		typedarraycopy(et, dst, src, n)
	} else {
		memmove(dst, src, uintptr(n)*et.Size_)
	}
	return n
}

// slicecopy implements copy for elements of a size without pointers.
func slicecopy(dst unsafe.Pointer, dstLen int, src unsafe.Pointer, srcLen int, width uintptr) int {
	n := min(dstLen, srcLen)
	if n > 0 && width > 0 {
		memmove(dst, src, uintptr(n)*width)
	}
	return n
}

// wbZero and wbMove run the write barrier for a value that the compiler is about to clear or to copy itself.
func wbZero(typ *_type, dst unsafe.Pointer) {
	bulkBarrierPreWrite(uintptr(dst), 0, typ.PtrBytes, typ)
}

func wbMove(typ *_type, dst, src unsafe.Pointer) {
	bulkBarrierPreWrite(uintptr(dst), uintptr(src), typ.PtrBytes, typ)
}

//go:linkname bytealg_MakeNoZero internal/bytealg.MakeNoZero
func bytealg_MakeNoZero(n int) []byte {
	if n < 0 || uintptr(n) > maxAlloc {
		panicmakeslicelen()
	}
	c := roundupsize(uintptr(n), true)
	return unsafe.Slice((*byte)(mallocgc(c, nil, false)), int(c))[:n]
}

//go:linkname reflect_growslice reflect.growslice
func reflect_growslice(et *_type, old slice, num int) slice {
	// The old capacity, not the length, is what the new elements come after.
	num -= old.cap - old.len
	s := growslice(old.array, old.cap+num, old.cap, num, et)
	// growslice leaves the new elements of types without pointers as they were.
	if !et.Pointers() {
		memclrNoHeapPointers(add(s.array, uintptr(old.cap)*et.Size_), uintptr(num)*et.Size_)
	}
	s.len = old.len
	return s
}

//go:linkname reflect_typedslicecopy reflect.typedslicecopy
func reflect_typedslicecopy(et *_type, dst, src slice) int {
	return typedslicecopy(et, dst.array, dst.len, src.array, src.len)
}

//go:linkname reflect_unsafeslice reflect.unsafeslice
func reflect_unsafeslice(et *_type, ptr unsafe.Pointer, n int) { unsafeslice(et, ptr, n) }

//go:linkname reflect_memclrNoHeapPointers reflect.memclrNoHeapPointers
func reflect_memclrNoHeapPointers(p unsafe.Pointer, n uintptr) { memclrNoHeapPointers(p, n) }
