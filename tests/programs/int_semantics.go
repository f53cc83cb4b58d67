// Integers of all widths: wrap-around, division, shifts, conversions, bits, with operands unknown at compile time and constants.
package main

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/bits"
)

//go:noinline
func id[T any](v T) T { return v }

type signed interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~int
}
type unsigned interface {
	~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uint | ~uintptr
}
type integer interface{ signed | unsigned }

func table[T integer](values ...T) uint64 {
	h := fnv.New64a()
	for _, a := range values {
		fmt.Fprint(h, -a, ^a, a+1, a-1, a*a, "|")
		for _, b := range values {
			fmt.Fprint(h, a+b, a-b, a*b, a&b, a|b, a^b, a&^b, a < b, a <= b, a == b, ";")
			if b != 0 {
				fmt.Fprint(h, a/b, a%b, ";")
			}
		}
		for s := uint(0); s < 70; s += 3 {
			fmt.Fprint(h, a<<s, a>>s, a<<uint8(s), a>>uint64(s), ",")
		}
		fmt.Fprint(h, int8(a), uint8(a), int16(a), uint16(a), int32(a), uint32(a), int64(a), uint64(a), float64(a), float32(a))
	}
	return h.Sum64()
}

func constants[T integer](a T) []T {
	var out []T
	out = append(out, a/1, a/2, a/3, a/5, a/7, a/10, a/16, a/100, a/127)
	out = append(out, a%1, a%2, a%3, a%5, a%7, a%10, a%16, a%100, a%127)
	out = append(out, a*3, a*8, a*9, a*100, a*0, a<<1, a<<7, a>>1, a>>7, a&15, a|64, a^127)
	return out
}

func divisible[T integer](a T) (n int) {
	if a%3 == 0 {
		n |= 1
	}
	if a%7 == 0 {
		n |= 2
	}
	if a%10 == 0 {
		n |= 4
	}
	if a%64 == 0 {
		n |= 8
	}
	return
}

func main() {
	fmt.Printf("%x\n", table(id[int8](-128), -127, -1, 0, 1, 2, 3, 7, 64, 100, 127))
	fmt.Printf("%x\n", table(id[uint8](0), 1, 2, 3, 7, 127, 128, 200, 255))
	fmt.Printf("%x\n", table(id[int16](-32768), -32767, -300, -1, 0, 1, 5, 1000, 32767))
	fmt.Printf("%x\n", table(id[uint16](0), 1, 5, 255, 256, 32767, 32768, 65535))
	fmt.Printf("%x\n", table(id[int32](math.MinInt32), -1, 0, 1, 12345, math.MaxInt32))
	fmt.Printf("%x\n", table(id[uint32](0), 1, 3, 65536, 1<<31, math.MaxUint32))
	fmt.Printf("%x\n", table(id[int64](math.MinInt64), math.MinInt64+1, -7, -1, 0, 1, 1e18, math.MaxInt64))
	fmt.Printf("%x\n", table(id[uint64](0), 1, 10, 1<<32, 1<<63, math.MaxUint64))
	fmt.Printf("%x %x %x\n", table(id(-5), 0, 5), table(id[uint](1), 2), table(id[uintptr](1), 1<<40))
	for _, a := range []int64{math.MinInt64, -129, -100, -7, -1, 0, 1, 6, 21, 640, 1 << 40, math.MaxInt64} {
		fmt.Println(constants(a), divisible(a))
		fmt.Println(constants(int8(a)), constants(uint8(a)), divisible(int8(a)), divisible(uint16(a)))
		fmt.Println(constants(uint64(a)), constants(int32(a)), divisible(uint64(a)), divisible(int32(a)))
	}
	// Conversions that truncate and extend, chained.
	x := id(int64(-0x123456789abcdef0))
	fmt.Println(int64(int8(x)), int64(uint8(x)), uint64(int16(x)), int32(uint16(x)), int(int32(uint32(x))), uint32(int8(x)), uint64(uint32(x>>4)))
	fmt.Println(uint8(id(300.9)), int8(id(-5.7)), int(id(float32(1e9))), uint64(id(1e19)), int64(id(-9.2e18)), uint32(id(4294967295.0)))
	// Shift counts at and above the width, by every type of count.
	for _, s := range []int{0, 1, 7, 8, 15, 16, 31, 32, 63, 64, 65, 200} {
		fmt.Print(id(int8(-3))<<s, id(int8(-3))>>s, id(uint8(0xf1))<<s, id(uint8(0xf1))>>s, id(int16(-3))>>uint8(s), id(uint32(0x80000001))<<s,
			id(uint32(0x80000001))>>uint16(s), id(int64(-1))<<s, id(int64(-1))>>uint64(s), id(uint64(math.MaxUint64))>>s, 1<<(s&7), "\n")
	}
	var u8 uint8 = 255
	u8++
	var i8 int8 = 127
	i8++
	i16 := int16(-32768)
	i16--
	u32 := uint32(0)
	u32 -= 1
	i8b := id(int8(-128))
	fmt.Println(u8, i8, i16, u32, -i8b, i8b/-1, i8b%-1, id(math.MinInt64)/id(-1), id(math.MinInt64)%id(-1), id(int32(math.MinInt32))/id(int32(-1)))
	fmt.Println(-7/2, -7%2, id(-7)/2, id(-7)%2, id(-7)>>1, id(7)/-2, id(7)%-2, id(-8)/4, id(-8)%4, id(-9)&3)
	hi, lo := bits.Mul64(id(uint64(math.MaxUint64)), 0xdeadbeef)
	q, r := bits.Div64(3, id(uint64(5)), 7)
	sum, carry := bits.Add64(id(uint64(math.MaxUint64)), 1, 1)
	diff, borrow := bits.Sub64(0, id(uint64(1)), 1)
	fmt.Println(hi, lo, q, r, sum, carry, diff, borrow)
	v := id(uint64(0x00f0_1234_5678_9a00))
	fmt.Println(bits.LeadingZeros64(v), bits.TrailingZeros64(v), bits.OnesCount64(v), bits.Len64(v), bits.Reverse64(v), bits.ReverseBytes64(v), bits.RotateLeft64(v, 13), bits.RotateLeft64(v, -13))
	w := id(uint16(0x1230))
	fmt.Println(bits.LeadingZeros16(w), bits.TrailingZeros16(w), bits.OnesCount16(w), bits.Len16(w), bits.Reverse16(w), bits.ReverseBytes16(w), bits.RotateLeft16(w, 5), bits.RotateLeft8(uint8(w), 3), bits.RotateLeft32(uint32(w), -7))
	fmt.Println(bits.LeadingZeros8(id(uint8(0))), bits.TrailingZeros32(id(uint32(0))), bits.Len(id(uint(0))), bits.TrailingZeros8(id(uint8(0))))
	const huge = 1 << 100
	const mask = ^uint32(0)
	fmt.Println(huge>>98, mask, uint8(mask&0xff), huge/3%1000, -5>>1, 'a'*2, "s"[0]+1)
	h := uint32(2166136261)
	for i := range 1000 {
		h = (h ^ uint32(i)) * 16777619
		h = h<<13 | h>>19
	}
	lcg := uint64(1)
	for range 1000 {
		lcg = lcg*6364136223846793005 + 1442695040888963407
	}
	fmt.Println(h, lcg, int16(lcg)>>3, int8(h)/3)
	fmt.Println(min(id(3), 2, 5), max(id(int8(-3)), 2), min(id("b"), "a"), max(id(2.5), 1), min(id(uint8(200)), 100))
}
