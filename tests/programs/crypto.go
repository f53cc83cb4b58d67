// Hashes, ciphers, big numbers and curves over many lengths: what std has in assembly files.
package main

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"crypto/subtle"
	"fmt"
	"hash"
	"hash/crc32"
	"math/big"
	"math/rand/v2"
)

func bytes(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// all sums the digests of every length up to 700, and of a long message in odd pieces.
func all(name string, make func() hash.Hash) {
	data := bytes(7, 70_001)
	total := sha256.New()
	for n := range 700 {
		h := make()
		h.Write(data[n : 2*n])
		total.Write(h.Sum(nil))
	}
	h := make()
	for rest := data; len(rest) > 0; {
		n := min(len(rest), 1+len(rest)%977)
		h.Write(rest[:n])
		rest = rest[n:]
	}
	fmt.Printf("%s %x %x\n", name, total.Sum(nil)[:8], h.Sum(nil))
}

func aead(name string, c cipher.AEAD) {
	data, ad := bytes(3, 5000), bytes(4, 200)
	total := sha256.New()
	for _, n := range []int{0, 1, 15, 16, 17, 63, 64, 127, 128, 129, 255, 256, 257, 1000, 5000} {
		nonce := bytes(uint64(n), c.NonceSize())
		out := c.Seal(nil, nonce, data[:n], ad[:n%200])
		total.Write(out)
		back, err := c.Open(nil, nonce, out, ad[:n%200])
		if err != nil || string(back) != string(data[:n]) {
			fmt.Println(name, n, "does not open:", err)
		}
		inPlace := append([]byte(nil), data[:n]...)
		inPlace = c.Seal(inPlace[:0], nonce, inPlace, ad[:n%200])
		if string(inPlace) != string(out) {
			fmt.Println(name, n, "in place differs")
		}
		out[n/2] ^= 4
		if _, err := c.Open(nil, nonce, out, ad[:n%200]); err == nil {
			fmt.Println(name, n, "opens a forgery")
		}
	}
	fmt.Printf("%s %x\n", name, total.Sum(nil))
}

func ciphers() {
	for _, size := range []int{16, 24, 32} {
		block, _ := aes.NewCipher(bytes(uint64(size), size))
		gcm, _ := cipher.NewGCM(block)
		aead(fmt.Sprint("gcm ", size), gcm)
		odd, _ := cipher.NewGCMWithNonceSize(block, 21)
		aead(fmt.Sprint("gcm, long nonce ", size), odd)
		data := bytes(9, 4096)
		out := make([]byte, len(data))
		cipher.NewCTR(block, bytes(5, 16)).XORKeyStream(out, data)
		fmt.Printf("ctr %x\n", sha256.Sum256(out))
		stream := cipher.NewCTR(block, []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe"))
		for n := 0; n < 1000; n += 37 {
			stream.XORKeyStream(out[n:n+37], data[n:n+37])
		}
		fmt.Printf("ctr %x\n", sha256.Sum256(out))
		cipher.NewCBCEncrypter(block, bytes(5, 16)).CryptBlocks(out, data)
		fmt.Printf("cbc %x\n", sha256.Sum256(out))
		cipher.NewCBCDecrypter(block, bytes(5, 16)).CryptBlocks(out, out)
		fmt.Println(string(out) == string(data))
	}
	a, b, out := bytes(1, 300), bytes(2, 300), make([]byte, 300)
	total := sha256.New()
	for n := range 300 {
		subtle.XORBytes(out, a[:n], b[n/3:])
		total.Write(out)
	}
	fmt.Printf("xor %x\n", total.Sum(nil))
}

func numbers() {
	total := sha256.New()
	number := func(seed uint64, n int) *big.Int { return new(big.Int).SetBytes(bytes(seed, n)) }
	for n := 1; n < 400; n += 7 {
		x, y, z := number(uint64(n), n), number(uint64(n)+1, n/2+1), number(uint64(n)+2, n/3+1)
		sum := new(big.Int).Mul(x, y)
		sum.Add(sum, z).Sub(sum, x).Lsh(sum, uint(n%70)).Sub(sum, z)
		quo, rem := new(big.Int).QuoRem(sum, y, new(big.Int))
		total.Write(quo.Bytes())
		total.Write(rem.Rsh(rem, uint(n%65)).Bytes())
		total.Write([]byte(new(big.Int).Sqrt(sum).String()))
		if n < 150 {
			m := new(big.Int).SetBit(z, 0, 1)
			total.Write(new(big.Int).Exp(x, y, m).Bytes())
		}
	}
	fmt.Printf("numbers %x\n", total.Sum(nil))
}

func curves() {
	total := sha256.New()
	for i := range uint64(12) {
		seed := bytes(i, 32)
		seed[0] &= 0x7f
		a, err := ecdh.P256().NewPrivateKey(seed)
		if err != nil {
			fmt.Println(err)
			continue
		}
		b, _ := ecdh.P256().NewPrivateKey(append([]byte{1}, bytes(i+50, 31)...))
		x, err1 := a.ECDH(b.PublicKey())
		y, err2 := b.ECDH(a.PublicKey())
		fmt.Println(string(x) == string(y), err1, err2)
		total.Write(x)
		total.Write(a.PublicKey().Bytes())
		c, _ := ecdh.X25519().NewPrivateKey(seed)
		d, _ := ecdh.X25519().NewPrivateKey(bytes(i+90, 32))
		shared, _ := c.ECDH(d.PublicKey())
		total.Write(shared)
		key := ed25519.NewKeyFromSeed(seed)
		signature := ed25519.Sign(key, seed)
		total.Write(signature)
		fmt.Println(ed25519.Verify(key.Public().(ed25519.PublicKey), seed, signature))
		private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed)
		if err != nil {
			fmt.Println(err)
			continue
		}
		digest := sha256.Sum256(seed)
		signed, err := private.Sign(nil, digest[:], crypto.SHA256)
		fmt.Println(err, ecdsa.VerifyASN1(&private.PublicKey, digest[:], signed))
		total.Write(signed)
		digest[3] ^= 1
		fmt.Println(ecdsa.VerifyASN1(&private.PublicKey, digest[:], signed))
	}
	fmt.Printf("curves %x\n", total.Sum(nil))
}

func main() {
	all("md5", md5.New)
	all("sha1", sha1.New)
	all("sha224", sha256.New224)
	all("sha256", sha256.New)
	all("sha384", sha512.New384)
	all("sha512", sha512.New)
	all("sha3", func() hash.Hash { return sha3.New256() })
	all("hmac", func() hash.Hash { return hmac.New(sha256.New, []byte("key")) })
	all("ieee", func() hash.Hash { return crc32.NewIEEE() })
	all("castagnoli", func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) })
	all("koopman", func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Koopman)) })
	ciphers()
	numbers()
	curves()
}
