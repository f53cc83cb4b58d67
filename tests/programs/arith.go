// Integer and float arithmetic at the edges of every type.
package main

import (
	"fmt"
	"math"
)

//go:noinline
func div[T int8 | int16 | int32 | int64 | int](a, b T) (T, T) { return a / b, a % b }

//go:noinline
func shl[T uint8 | int8 | uint32 | int32 | uint64 | int64](a T, n uint) (T, T) { return a << n, a >> n }

func main() {
	fmt.Println(div(int8(math.MinInt8), int8(-1)))
	fmt.Println(div(int16(math.MinInt16), int16(-1)))
	fmt.Println(div(int32(math.MinInt32), int32(-1)))
	fmt.Println(div(int64(math.MinInt64), int64(-1)))
	fmt.Println(div(-7, 2))
	fmt.Println(div(7, -2))
	for _, n := range []uint{0, 1, 7, 8, 31, 32, 63, 64, 200} {
		fmt.Println(shl(uint8(0x81), n))
		fmt.Println(shl(int8(-127), n))
		fmt.Println(shl(uint32(0x80000001), n))
		fmt.Println(shl(int32(-2147483647), n))
		fmt.Println(shl(uint64(0x8000000000000001), n))
		fmt.Println(shl(int64(-9223372036854775807), n))
	}
	var u8 uint8 = 250
	u8 += 10
	var i8 int8 = 127
	i8++
	fmt.Println(u8, i8, ^u8, -i8, 7&^5, 6^3)
	f := 1e300
	fmt.Println(f*f, -f*f, math.NaN() == math.NaN(), 1/math.Inf(-1), math.Copysign(0, -1))
	fmt.Println(int64(float64(1<<53)+1), uint8(int(300)&0xff), int32(int64(1)<<33>>31))
	var x uint64 = math.MaxUint64
	fmt.Println(float64(x), float32(x), uint64(float64(1<<63)), int(f/-1e300*3.99), uint32(4e9))
	fmt.Println(complex(1, 2)*complex(3, -4), complex(1, 2)/complex(3, -4), real(complex64(5i)), imag(2+3i))
}
