// math/big: integers, rationals, floats; formatting, parsing, division forms, number theory.
package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strings"
)

func fact(n int64) *big.Int {
	r := big.NewInt(1)
	for i := int64(2); i <= n; i++ {
		r.Mul(r, big.NewInt(i))
	}
	return r
}

func pi(digits int) string {
	// Machin's formula in fixed point.
	one := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits+10)), nil)
	arctan := func(x int64) *big.Int {
		term := new(big.Int).Div(one, big.NewInt(x))
		sum := new(big.Int).Set(term)
		sq := big.NewInt(x * x)
		for k, sign := int64(3), -1; term.Sign() != 0; k, sign = k+2, -sign {
			term.Div(term, sq)
			t := new(big.Int).Div(term, big.NewInt(k))
			if sign < 0 {
				sum.Sub(sum, t)
			} else {
				sum.Add(sum, t)
			}
		}
		return sum
	}
	p := new(big.Int).Sub(new(big.Int).Mul(big.NewInt(16), arctan(5)), new(big.Int).Mul(big.NewInt(4), arctan(239)))
	return p.Div(p, new(big.Int).Exp(big.NewInt(10), big.NewInt(10), nil)).String()
}

func main() {
	f := fact(200)
	fmt.Println(f, f.BitLen(), f.TrailingZeroBits(), len(f.Text(36)), f.Text(62)[:20])
	fmt.Println(pi(300))
	a, _ := new(big.Int).SetString("-123456789012345678901234567890", 10)
	b, ok := new(big.Int).SetString("0xdead_beef_cafe", 0)
	_, bad := new(big.Int).SetString("12x", 10)
	fmt.Println(a, b, ok, bad)
	for _, d := range []int64{7, -7, 1 << 40} {
		x := big.NewInt(d)
		q, r := new(big.Int).QuoRem(a, x, new(big.Int))
		e, m := new(big.Int).DivMod(a, x, new(big.Int))
		fmt.Println(q, r, e, m, a.Cmp(x), a.CmpAbs(x))
	}
	fmt.Println(new(big.Int).And(a, b), new(big.Int).Or(a, b), new(big.Int).Xor(a, b), new(big.Int).Not(a), new(big.Int).AndNot(b, a), new(big.Int).Rsh(a, 13), new(big.Int).Lsh(a, 70))
	p, _ := new(big.Int).SetString("170141183460469231731687303715884105727", 10)
	fmt.Println(p.ProbablyPrime(10), new(big.Int).ModInverse(b, p), new(big.Int).Exp(b, a.Neg(a), p), new(big.Int).ModSqrt(big.NewInt(4), p), new(big.Int).GCD(nil, nil, fact(30), big.NewInt(1<<40)), big.Jacobi(big.NewInt(3), p), new(big.Int).Sqrt(f).BitLen(), new(big.Int).Binomial(100, 50))
	fmt.Printf("%d %x %X %#o %b %+d %40d|%-40d|%s %v %08d %q\n", a, b, b, b, big.NewInt(5), b, a, a, b, b, big.NewInt(-42), 'x')
	huge := new(big.Int).Exp(big.NewInt(3), big.NewInt(20000), nil)
	back, _ := new(big.Int).SetString(huge.String(), 10)
	fmt.Println(len(huge.String()), back.Cmp(huge), new(big.Int).Mod(new(big.Int).Mul(huge, huge), big.NewInt(1e9+7)), huge.Bit(5), len(huge.Bytes()), huge.IsInt64(), a.Uint64(), a.Int64())
	func() {
		defer func() { fmt.Println(recover()) }()
		new(big.Int).Div(a, new(big.Int))
	}()
	x, y := big.NewRat(3, -6), big.NewRat(5, 7)
	z, _ := new(big.Rat).SetString("3.125e-2")
	fmt.Println(x, y, z, new(big.Rat).Add(x, y), new(big.Rat).Quo(x, y), x.Cmp(y), z.FloatString(10), x.IsInt(), new(big.Rat).SetFloat64(0.1), x.Num(), x.Denom())
	h := new(big.Rat)
	for i := int64(1); i <= 60; i++ {
		h.Add(h, big.NewRat(1, i))
	}
	fl, exact := h.Float64()
	fmt.Println(h, fl, exact, h.FloatString(50))
	prec := new(big.Float).SetPrec(200).SetInt64(2)
	root := new(big.Float).SetPrec(200).Sqrt(prec)
	fmt.Println(root.Text('g', 60), root.Text('p', 0), root.Prec(), root.Mode(), root.Acc(), root.MinPrec())
	u, _, err := big.ParseFloat("1.5e1000", 10, 100, big.ToZero)
	fmt.Println(u, err, u.IsInt())
	v, acc := u.Float64()
	fmt.Println(v, acc, new(big.Float).Quo(root, u).Text('e', 20), new(big.Float).Mul(u, u), big.NewFloat(math.Inf(-1)), big.NewFloat(0.1).Text('x', 10), root.Cmp(u), root.Sign())
	i, acc := root.Int64()
	r, _ := root.Rat(nil)
	fmt.Println(i, acc, r.Denom().BitLen())
	fmt.Printf("%.30f %10.4g|%-12.3e|%v %+.3f\n", root, root, root, big.NewFloat(2.5), root)
	func() {
		defer func() { fmt.Println(recover()) }()
		new(big.Float).Sub(big.NewFloat(math.Inf(1)), big.NewFloat(math.Inf(1)))
	}()
	js, err := json.Marshal(map[string]any{"i": f, "r": x, "f": root})
	fmt.Println(len(js), err, strings.Contains(string(js), `"r":"-1/2"`))
	var s big.Int
	n, err := fmt.Sscan("0b1011", &s)
	fmt.Println(n, err, &s)
	fibA, fibB := big.NewInt(0), big.NewInt(1)
	for range 1000 {
		fibA.Add(fibA, fibB)
		fibA, fibB = fibB, fibA
	}
	fmt.Println(fibA, new(big.Int).MulRange(10, 20), new(big.Int).SetBytes([]byte{1, 2, 3}), big.NewInt(-5).Append([]byte("x"), 2))
}
