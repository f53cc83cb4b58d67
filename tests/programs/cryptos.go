// Hashes, MACs, ciphers, signatures, key exchange, certificates.
package main

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"crypto/subtle"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"hash"
	"hash/adler32"
	"hash/crc32"
	"hash/crc64"
	"hash/fnv"
	"hash/maphash"
	"math/big"
	mrand "math/rand"
	mrand2 "math/rand/v2"
	"time"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	data := bytes.Repeat([]byte("The quick brown fox. "), 1000)
	for _, h := range []struct {
		name string
		h    hash.Hash
	}{{"md5", md5.New()}, {"sha1", sha1.New()}, {"sha224", sha256.New224()}, {"sha256", sha256.New()}, {"sha384", sha512.New384()}, {"sha512", sha512.New()}, {"sha512/256", sha512.New512_256()}, {"sha3-256", sha3.New256()}, {"hmac", hmac.New(sha256.New, []byte("key"))}, {"fnv128", fnv.New128a()}, {"crc32", crc32.NewIEEE()}, {"castagnoli", crc32.New(crc32.MakeTable(crc32.Castagnoli))}, {"crc64", crc64.New(crc64.MakeTable(crc64.ECMA))}, {"adler", adler32.New()}} {
		for i := 0; i < len(data); i += 777 {
			h.h.Write(data[i:min(i+777, len(data))])
		}
		a := hex.EncodeToString(h.h.Sum(nil))
		h.h.Reset()
		fmt.Println(h.name, a, hex.EncodeToString(h.h.Sum([]byte{1}))[:10], h.h.Size(), h.h.BlockSize())
	}
	shake := sha3.NewSHAKE128()
	shake.Write(data)
	out := make([]byte, 20)
	shake.Read(out)
	fmt.Println(hex.EncodeToString(out))
	for _, size := range []int{16, 24, 32} {
		key := data[:size]
		block := must(aes.NewCipher(key))
		gcm := must(cipher.NewGCM(block))
		nonce := data[5 : 5+gcm.NonceSize()]
		sealed := gcm.Seal(nil, nonce, data[:1001], []byte("aad"))
		opened, err := gcm.Open(nil, nonce, sealed, []byte("aad"))
		_, bad := gcm.Open(nil, nonce, sealed, []byte("other"))
		fmt.Println(hex.EncodeToString(sealed[len(sealed)-16:]), bytes.Equal(opened, data[:1001]), err, bad)
		ctr, cbc := make([]byte, 160), make([]byte, 160)
		cipher.NewCTR(block, data[:16]).XORKeyStream(ctr, data[:160])
		cipher.NewCBCEncrypter(block, data[:16]).CryptBlocks(cbc, data[:160])
		fmt.Println(hex.EncodeToString(ctr[140:]), hex.EncodeToString(cbc[140:]))
		cipher.NewCBCDecrypter(block, data[:16]).CryptBlocks(cbc, cbc)
		fmt.Println(bytes.Equal(cbc, data[:160]))
	}
	_, err := aes.NewCipher(data[:5])
	fmt.Println(err)
	fmt.Println(hex.EncodeToString(must(pbkdf2.Key(sha256.New, "pass", []byte("salt"), 100, 20))), hex.EncodeToString(must(hkdf.Key(sha256.New, []byte("secret"), []byte("salt"), "info", 20))))
	ed := ed25519.NewKeyFromSeed(data[:32])
	sig := ed25519.Sign(ed, data)
	fmt.Println(hex.EncodeToString(sig[:16]), ed25519.Verify(ed.Public().(ed25519.PublicKey), data, sig), ed25519.Verify(ed.Public().(ed25519.PublicKey), data[1:], sig))
	digest := sha256.Sum256(data)
	for _, curve := range []elliptic.Curve{elliptic.P224(), elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		k := must(ecdsa.GenerateKey(curve, rand.Reader))
		s := must(ecdsa.SignASN1(rand.Reader, k, digest[:]))
		fmt.Print(curve.Params().Name, ecdsa.VerifyASN1(&k.PublicKey, digest[:], s), " ")
		s[len(s)-1] ^= 1
		fmt.Println(ecdsa.VerifyASN1(&k.PublicKey, digest[:], s))
	}
	for _, curve := range []ecdh.Curve{ecdh.X25519(), ecdh.P256()} {
		a, b := must(curve.GenerateKey(rand.Reader)), must(curve.GenerateKey(rand.Reader))
		fmt.Println(bytes.Equal(must(a.ECDH(b.PublicKey())), must(b.ECDH(a.PublicKey()))))
	}
	fixed := must(ecdh.X25519().NewPrivateKey(data[:32]))
	fmt.Println(hex.EncodeToString(fixed.PublicKey().Bytes()))
	rk := must(rsa.GenerateKey(rand.Reader, 2048))
	rs := must(rsa.SignPKCS1v15(rand.Reader, rk, crypto.SHA256, digest[:]))
	ps := must(rsa.SignPSS(rand.Reader, rk, crypto.SHA256, digest[:], nil))
	enc := must(rsa.EncryptOAEP(sha256.New(), rand.Reader, &rk.PublicKey, []byte("msg"), nil))
	fmt.Println(rsa.VerifyPKCS1v15(&rk.PublicKey, crypto.SHA256, digest[:], rs), rsa.VerifyPSS(&rk.PublicKey, crypto.SHA256, digest[:], ps, nil), string(must(rsa.DecryptOAEP(sha256.New(), rand.Reader, rk, enc, nil))), rsa.VerifyPKCS1v15(&rk.PublicKey, crypto.SHA256, digest[1:], rs) != nil)

	ca := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root", Organization: []string{"o"}}, NotBefore: time.Unix(1e9, 0), NotAfter: time.Unix(4e9, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der := must(x509.CreateCertificate(rand.Reader, tmpl, tmpl, &ca.PublicKey, ca))
	root := must(x509.ParseCertificate(der))
	leafT := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "leaf"}, DNSNames: []string{"a.example", "*.b.example"}, NotBefore: time.Unix(1e9, 0), NotAfter: time.Unix(3e9, 0)}
	leaf := must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, leafT, root, ed.Public(), ca))))
	pool := x509.NewCertPool()
	pool.AddCert(root)
	chains, err := leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: "x.b.example", CurrentTime: time.Unix(2e9, 0)})
	fmt.Println(len(chains), err, leaf.Issuer, root.IsCA, leaf.SignatureAlgorithm, leaf.PublicKeyAlgorithm)
	_, err = leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: "c.example", CurrentTime: time.Unix(2e9, 0)})
	fmt.Println(err)
	_, err = leaf.Verify(x509.VerifyOptions{Roots: x509.NewCertPool(), CurrentTime: time.Unix(2e9, 0)})
	fmt.Println(err)
	_, err = leaf.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: time.Unix(35e8, 0)})
	fmt.Println(err)
	p8 := must(x509.MarshalPKCS8PrivateKey(ed))
	back := must(x509.ParsePKCS8PrivateKey(p8)).(ed25519.PrivateKey)
	fmt.Println(back.Equal(ed), len(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: p8})), subtle.ConstantTimeCompare(p8, p8))
	r := mrand.New(mrand.NewSource(42))
	fmt.Println(r.Intn(1000), r.Float64(), r.Perm(8), r.NormFloat64(), r.Int63(), r.Uint32())
	r2 := mrand2.New(mrand2.NewPCG(1, 2))
	c8 := mrand2.New(mrand2.NewChaCha8([32]byte(data[:32])))
	fmt.Println(r2.IntN(1000), r2.Float32(), r2.Perm(5), c8.Uint64(), c8.ExpFloat64(), mrand2.N(10) < 10)
	seed := maphash.MakeSeed()
	fmt.Println(maphash.String(seed, "a") == maphash.Bytes(seed, []byte("a")), maphash.Comparable(seed, 1) == maphash.Comparable(seed, 1))
	n, err := rand.Int(rand.Reader, big.NewInt(10))
	prime := must(rand.Prime(rand.Reader, 64))
	fmt.Println(n.Cmp(big.NewInt(10)) < 0, err, prime.ProbablyPrime(20), len(rand.Text()))
}
