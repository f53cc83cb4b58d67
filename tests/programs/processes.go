// Processes, pipes, signals, environment, files, directories, embedding, flags, logging.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sort"
	"strings"
	"syscall"
	"time"
)

//go:embed deadlock.golden
var embedded string

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func child() {
	switch os.Args[1] {
	case "cat":
		n, err := io.Copy(os.Stdout, os.Stdin)
		fmt.Fprintln(os.Stderr, "copied", n, err)
		os.Exit(int(n % 256))
	case "env":
		fmt.Println(os.Getenv("CHILD_VAR"), len(os.Environ()))
		dir, _ := os.Getwd()
		fmt.Println(filepath.Base(dir))
	case "sleep":
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM, os.Interrupt)
		fmt.Println("ready")
		fmt.Println("got", <-c)
		os.Exit(5)
	case "forever":
		fmt.Println("ready")
		for {
			time.Sleep(time.Hour)
		}
	}
	os.Exit(0)
}

func processes() {
	self := os.Args[0]
	cmd := exec.Command(self, "cat")
	cmd.Stdin = strings.NewReader(strings.Repeat("data", 50000))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	fmt.Println(err, out.Len(), errs.String(), cmd.ProcessState.ExitCode(), cmd.ProcessState.Success())
	cmd = exec.Command(self, "env")
	cmd.Env = []string{"CHILD_VAR=value=with=equals", "OTHER="}
	cmd.Dir = "/"
	b, err := cmd.CombinedOutput()
	fmt.Printf("%q %v\n", b, err)
	a, z := exec.Command(self, "cat"), exec.Command(self, "cat")
	in, _ := a.StdinPipe()
	z.Stdin, _ = a.StdoutPipe()
	z.Stdout = &out
	out.Reset()
	check(a.Start())
	check(z.Start())
	for i := range 1000 {
		fmt.Fprintln(in, "line", i)
	}
	in.Close()
	err = z.Wait()
	fmt.Println(err, out.Len(), a.Wait())
	cmd = exec.Command(self, "sleep")
	stdout, _ := cmd.StdoutPipe()
	check(cmd.Start())
	buf := make([]byte, 6)
	io.ReadFull(stdout, buf)
	cmd.Process.Signal(syscall.SIGTERM)
	rest, _ := io.ReadAll(stdout)
	var ee *exec.ExitError
	err = cmd.Wait()
	fmt.Printf("%q %v %v\n", rest, err, errors.As(err, &ee))
	ctx, cancel := context.WithCancel(context.Background())
	cmd = exec.CommandContext(ctx, self, "forever")
	stdout, _ = cmd.StdoutPipe()
	check(cmd.Start())
	io.ReadFull(stdout, buf)
	cancel()
	fmt.Println(cmd.Wait(), cmd.ProcessState)
	_, err = exec.LookPath("no-such-program-anywhere")
	fmt.Println(err, errors.Is(err, exec.ErrNotFound), exec.Command("/no/such/file").Run())
	c := make(chan os.Signal, 4)
	signal.Notify(c, syscall.SIGUSR1, syscall.SIGHUP)
	for _, s := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGHUP} {
		syscall.Kill(os.Getpid(), s)
		fmt.Println(<-c)
	}
	signal.Ignore(syscall.SIGUSR2)
	syscall.Kill(os.Getpid(), syscall.SIGUSR2)
	signal.Stop(c)
	nctx, stop := signal.NotifyContext(context.Background(), syscall.SIGWINCH)
	syscall.Kill(os.Getpid(), syscall.SIGWINCH)
	<-nctx.Done()
	stop()
	fmt.Println(nctx.Err(), signal.Ignored(syscall.SIGUSR2))
	r, w, _ := os.Pipe()
	go func() { fmt.Fprint(w, "piped"); w.Close() }()
	p, err := io.ReadAll(r)
	fmt.Println(string(p), err)
	r, w, _ = os.Pipe()
	r.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err = r.Read(buf)
	fmt.Println(errors.Is(err, os.ErrDeadlineExceeded))
	r.Close()
	_, err = w.Write(buf)
	fmt.Println(errors.Is(err, syscall.EPIPE))
}

func files() {
	dir, err := os.MkdirTemp("", "files")
	check(err)
	defer os.RemoveAll(dir)
	name := func(s string) string { return filepath.Join(dir, s) }
	check(os.MkdirAll(name("a/b/c"), 0o755))
	check(os.WriteFile(name("a/b/f.txt"), []byte("0123456789"), 0o640))
	check(os.Symlink("f.txt", name("a/b/link")))
	f, err := os.OpenFile(name("a/b/f.txt"), os.O_RDWR|os.O_APPEND, 0)
	check(err)
	f.WriteString("appended")
	f.Seek(3, io.SeekStart)
	buf := make([]byte, 4)
	n, err := f.Read(buf)
	m, err2 := f.ReadAt(buf, 16)
	fmt.Println(n, err, m, err2, string(buf))
	fmt.Println(f.Truncate(5), f.Sync(), f.Close(), f.Close() != nil)
	st, _ := os.Stat(name("a/b/link"))
	ls, _ := os.Lstat(name("a/b/link"))
	target, _ := os.Readlink(name("a/b/link"))
	fmt.Println(st.Size(), st.Mode(), ls.Mode().Type(), target, st.Name(), st.IsDir())
	for _, op := range []func() error{func() error { _, err := os.Open(name("nope")); return err }, func() error { return os.Mkdir(name("a"), 0o755) }, func() error { return os.Remove(name("a")) }, func() error { _, err := os.ReadFile(name("a")); return err }, func() error { return os.Rename(name("x"), name("y")) }, func() error { _, err := os.OpenFile(name("a/b/f.txt"), os.O_CREATE|os.O_EXCL, 0o600); return err }, func() error { return os.Chdir(name("zzz")) }} {
		err := op()
		fmt.Println(strings.ReplaceAll(err.Error(), dir, "DIR"), errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrExist))
	}
	check(os.Chmod(name("a/b/f.txt"), 0o600))
	check(os.Chtimes(name("a/b/f.txt"), time.Unix(1e9, 0), time.Unix(1e9, 5000)))
	check(os.Rename(name("a/b/f.txt"), name("a/b/c/g.txt")))
	filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, p)
		fmt.Print(rel, " ", d.Type(), "; ")
		if d.Name() == "c" {
			return filepath.SkipDir
		}
		return err
	})
	st, _ = os.Stat(name("a/b/c/g.txt"))
	fmt.Println(st.ModTime().UnixNano(), st.Mode())
	for i := range 50 {
		os.WriteFile(name(fmt.Sprintf("a/%02d", i)), nil, 0o600)
	}
	es, _ := os.ReadDir(name("a"))
	g, _ := filepath.Glob(name("a/4?"))
	fmt.Println(len(es), es[0].Name(), len(g))
	root, err := os.OpenRoot(dir)
	check(err)
	_, err = root.Open("../etc/passwd")
	fmt.Println(err)
	check(os.CopyFS(name("copy"), os.DirFS(name("a/b/c"))))
	data, err := root.ReadFile("copy/g.txt")
	fmt.Println(string(data), err, filepath.Join("a", "../b", "/c/"), filepath.Ext("x.tar.gz"), filepath.Clean("//a/./b/../c"))
	fmt.Println(filepath.Match("[a-c]*?.go", "bxy.go"))
}

func flags() {
	fset := flag.NewFlagSet("prog", flag.ContinueOnError)
	var out bytes.Buffer
	fset.SetOutput(&out)
	n := fset.Int("n", 5, "number of `things`")
	s := fset.String("s", "def", "string")
	b := fset.Bool("b", false, "bool")
	d := fset.Duration("d", time.Second, "dur")
	var list []string
	fset.Func("l", "list", func(v string) error {
		if v == "bad" {
			return errors.New("bad item")
		}
		list = append(list, v)
		return nil
	})
	fmt.Println(fset.Parse(strings.Fields("-n=7 --s x -b -d 2m -l a -l b rest -n 9")), *n, *s, *b, *d, list, fset.Args(), fset.NFlag())
	for _, args := range []string{"-n x", "-zzz", "-l bad", "-s", "-b=maybe", "-h"} {
		fmt.Println(fset.Parse(strings.Fields(args)))
	}
	fmt.Println(strings.Split(out.String(), "\n")[0], strings.Contains(out.String(), "-n things\n    \tnumber of things (default 5)"))
	var names []string
	fset.VisitAll(func(f *flag.Flag) { names = append(names, f.Name+"="+f.DefValue) })
	fmt.Println(names)
}

type secret string

func (secret) LogValue() slog.Value { return slog.StringValue("***") }

func logs() {
	strip := &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(g []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}
	for _, h := range []slog.Handler{slog.NewTextHandler(os.Stdout, strip), slog.NewJSONHandler(os.Stdout, strip)} {
		l := slog.New(h).With("app", "x y").WithGroup("g")
		l.Debug("d", "k", 1, "f", 2.5, "b", true, "dur", time.Second, "err", errors.New("e\"q"), "nil", nil)
		l.Info("i", slog.Group("in", "a", []int{1}, "m", map[string]int{"z": 1}), "s", secret("pw"), "missing")
		l.LogAttrs(context.Background(), slog.LevelError+2, "custom", slog.Any("t", time.Unix(0, 0).UTC()), slog.Uint64("u", 1<<63))
	}
	l := log.New(os.Stdout, "pre: ", log.Lmsgprefix|log.Lshortfile)
	l.Println("hello", 1)
	l.SetFlags(0)
	l.SetPrefix("")
	func() {
		defer func() { fmt.Println("recovered", recover()) }()
		l.Panicf("p%d", 1)
	}()
}

func main() {
	if len(os.Args) > 1 {
		child()
	}
	processes()
	files()
	flags()
	logs()
	fmt.Println(len(embedded) > 20, strings.Contains(embedded, "deadlock"))
	bi, ok := debug.ReadBuildInfo()
	fmt.Println(ok, bi.GoVersion == runtime.Version(), bi.Path, len(bi.Deps))
	os.Setenv("A_B", "c")
	fmt.Println(os.ExpandEnv("$A_B ${A_B}x $NOPE."), os.Getenv("NOPE"))
	_, ok = os.LookupEnv("NOPE")
	os.Unsetenv("A_B")
	fmt.Println(ok, os.Getenv("A_B"), runtime.GOOS, runtime.GOARCH, sort.StringsAreSorted(os.Args))
}
