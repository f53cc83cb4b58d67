// sha256, crc32, fnv, aes-gcm over buffers.
package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"hash/fnv"
)

func main() {
	buf := make([]byte, 1<<20)
	for i := range buf {
		buf[i] = byte(i * 7)
	}
	var sum [32]byte
	crc := uint32(0)
	h := fnv.New64a()
	for range 40 {
		sum = sha256.Sum256(buf)
		crc = crc32.Update(crc, crc32.IEEETable, buf)
		h.Write(buf[:1<<18])
		buf[0] ^= sum[0]
	}
	block, _ := aes.NewCipher(sum[:16])
	gcm, _ := cipher.NewGCM(block)
	out := gcm.Seal(nil, make([]byte, 12), buf, nil)
	fmt.Printf("%x %x %x %x\n", sum[:8], crc, h.Sum64(), out[len(out)-8:])
}
