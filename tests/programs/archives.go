// compress and archive packages, file systems in memory, io helpers.
package main

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"compress/gzip"
	"compress/lzw"
	"compress/zlib"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"
	"testing/fstest"
	"testing/iotest"
	"text/tabwriter"
	"time"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	var text []byte
	x := uint32(1)
	for range 40000 {
		x = x*1664525 + 1013904223
		text = append(text, "etaoin shrdlu"[x>>28%13])
	}
	text = append(text, bytes.Repeat([]byte("repeat"), 5000)...)
	for level := -2; level <= 9; level++ {
		var buf bytes.Buffer
		w := must(flate.NewWriter(&buf, level))
		w.Write(text[:1000])
		w.Flush()
		w.Write(text[1000:])
		w.Close()
		back := must(io.ReadAll(flate.NewReader(&buf)))
		fmt.Print(level, bytes.Equal(back, text), " ")
	}
	fmt.Println()
	var buf bytes.Buffer
	gz := must(gzip.NewWriterLevel(&buf, gzip.BestCompression))
	gz.Name, gz.Comment, gz.ModTime, gz.Extra = "n.txt", "c", time.Unix(1e9, 0), []byte{1, 2}
	gz.Write(text)
	gz.Close()
	two := bytes.NewBuffer(bytes.Repeat(buf.Bytes(), 2))
	fmt.Println(crc32.ChecksumIEEE(must(io.ReadAll(must(gzip.NewReader(bytes.NewReader(buf.Bytes())))))), len(must(io.ReadAll(must(gzip.NewReader(two))))))
	r := must(gzip.NewReader(bytes.NewReader(buf.Bytes())))
	fmt.Println(r.Name, r.Comment, r.ModTime.Unix(), r.Extra)
	damaged := bytes.Clone(buf.Bytes())
	damaged[len(damaged)-5] ^= 1
	_, err := io.ReadAll(must(gzip.NewReader(bytes.NewReader(damaged))))
	_, err2 := io.ReadAll(must(gzip.NewReader(bytes.NewReader(buf.Bytes()[:200]))))
	_, err3 := gzip.NewReader(strings.NewReader("not gzip data"))
	fmt.Println(err, err2, err3)
	buf.Reset()
	zw := must(zlib.NewWriterLevelDict(&buf, 6, text[:500]))
	zw.Write(text)
	zw.Close()
	fmt.Println(bytes.Equal(must(io.ReadAll(must(zlib.NewReaderDict(bytes.NewReader(buf.Bytes()), text[:500])))), text))
	_, err = zlib.NewReader(bytes.NewReader(buf.Bytes()))
	fmt.Println(err)
	buf.Reset()
	lw := lzw.NewWriter(&buf, lzw.MSB, 8)
	lw.Write(text)
	lw.Close()
	sum := sha256.Sum256(buf.Bytes())
	fmt.Println(buf.Len(), hex.EncodeToString(sum[:6]), bytes.Equal(must(io.ReadAll(lzw.NewReader(&buf, lzw.MSB, 8))), text))
	bz := must(hex.DecodeString("425a68393141592653594eece83600000251800010400006449080200031064c4101a7a9a580bb9431f8bb9229c28482776741b0"))
	fmt.Printf("%q\n", must(io.ReadAll(bzip2.NewReader(bytes.NewReader(bz)))))

	buf.Reset()
	z := zip.NewWriter(&buf)
	z.SetComment("archive")
	for _, f := range []struct {
		name   string
		method uint16
	}{{"a.txt", zip.Store}, {"dir/b.txt", zip.Deflate}, {"dir/sub/ü.bin", zip.Deflate}} {
		w := must(z.CreateHeader(&zip.FileHeader{Name: f.name, Method: f.method, Modified: time.Date(2020, 1, 2, 3, 4, 6, 0, time.UTC)}))
		w.Write(text[:1000+len(f.name)])
	}
	must(z.Create("empty/"))
	z.Close()
	zr := must(zip.NewReader(bytes.NewReader(buf.Bytes()), int64(buf.Len())))
	for _, f := range zr.File {
		rc := must(f.Open())
		fmt.Println(f.Name, f.Method, f.UncompressedSize64, f.CRC32, f.Modified.UTC(), f.Mode(), len(must(io.ReadAll(rc))))
	}
	fmt.Println(zr.Comment, fstest.TestFS(zr, "a.txt", "dir/sub/ü.bin"))
	fs.WalkDir(zr, ".", func(p string, d fs.DirEntry, err error) error { fmt.Print(p, d.IsDir(), err, " "); return nil })
	_, err = zip.NewReader(bytes.NewReader(buf.Bytes()[:100]), 100)
	fmt.Println(err)

	buf.Reset()
	tw := tar.NewWriter(&buf)
	long := strings.Repeat("long/", 40) + "name"
	for _, h := range []tar.Header{{Name: "f", Mode: 0o644, Size: 5, ModTime: time.Unix(1e9, 0), Uname: "u"}, {Name: long, Mode: 0o755, Size: 3, PAXRecords: map[string]string{"K.x": "v"}}, {Name: "l", Typeflag: tar.TypeSymlink, Linkname: "f"}, {Name: "d/", Typeflag: tar.TypeDir, Mode: 0o700}} {
		fmt.Print(tw.WriteHeader(&h), " ")
		tw.Write(text[:h.Size])
	}
	fmt.Println(tw.Close())
	tr := tar.NewReader(&buf)
	for {
		h, err := tr.Next()
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Println(len(h.Name), h.Size, h.Typeflag, h.Linkname, h.FileInfo().Mode(), h.PAXRecords["K.x"], string(must(io.ReadAll(tr))))
	}
	mem := fstest.MapFS{"a/b.txt": {Data: []byte("bee")}, "a/c.go": {Data: []byte("package c"), Mode: 0o600}, "d": {Data: nil}}
	m, err := fs.Glob(mem, "a/*.txt")
	fmt.Println(m, err, string(must(fs.ReadFile(mem, "a/c.go"))), must(fs.Stat(mem, "a")).IsDir())
	sub := must(fs.Sub(mem, "a"))
	_, err = sub.Open("../d")
	var pe *fs.PathError
	fmt.Println(err, errors.As(err, &pe), errors.Is(err, fs.ErrInvalid), must(fs.ReadDir(sub, "."))[1].Name())

	pr, pw := io.Pipe()
	go func() {
		bw := bufio.NewWriterSize(pw, 16)
		for i := range 10 {
			fmt.Fprintf(bw, "line %d\n", i)
		}
		bw.Flush()
		pw.CloseWithError(errors.New("writer gone"))
	}()
	sc := bufio.NewScanner(io.TeeReader(pr, io.Discard))
	sc.Split(bufio.ScanWords)
	words := 0
	for sc.Scan() {
		words++
	}
	fmt.Println(words, sc.Err())
	sc = bufio.NewScanner(strings.NewReader(strings.Repeat("x", 100)))
	sc.Buffer(make([]byte, 10), 20)
	fmt.Println(sc.Scan(), sc.Err())
	br := bufio.NewReaderSize(iotest.OneByteReader(strings.NewReader("héllo\nworld")), 16)
	rn, size, _ := br.ReadRune()
	br.UnreadRune()
	peek, _ := br.Peek(3)
	line, _ := br.ReadString('\n')
	rest, err := br.ReadBytes('\n')
	fmt.Println(string(rn), size, string(peek), line, string(rest), err, br.UnreadByte())
	sr := io.NewSectionReader(strings.NewReader("0123456789"), 2, 5)
	sr.Seek(-2, io.SeekEnd)
	_, err = io.ReadFull(sr, make([]byte, 4))
	n, err2 := io.CopyN(io.Discard, io.LimitReader(strings.NewReader("abc"), 2), 5)
	_, err3 = io.ReadAtLeast(strings.NewReader("ab"), make([]byte, 1), 2)
	fmt.Println(err, n, err2, err3, iotest.TestReader(strings.NewReader("content"), []byte("content")))
	tab := tabwriter.NewWriter(&buf, 0, 8, 2, '.', tabwriter.AlignRight|tabwriter.Debug)
	buf.Reset()
	fmt.Fprint(tab, "a\tbbb\tc\naaaa\tb\tccccc\nünï\t\tx\n")
	tab.Flush()
	fmt.Print(buf.String())
}
