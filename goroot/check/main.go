// Command check type-checks the standard library with the declarations of the goroot folder applied, by
// the selection rule of its overlay.json, and lists functions without a body that nothing provides. It must be
// run by the release that overlay.json names:
//
//	cd goroot/check && GOTOOLCHAIN=go1.27.3 go run .
//
// With -sigs it prints the text of the replaced declarations as the manifest expects them.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// manifest is overlay.json; the README beside it describes the fields.
type manifest struct {
	Release  string
	Tags     []string
	ToolTags []string `json:"tool_tags"`
	Noasm    []string
	// RuntimeAsm are packages whose assembly the runtime defines: without Tags.
	RuntimeAsm []string `json:"runtime_asm"`
	Packages   []*overlay
}

type overlay struct {
	Path          string
	Mode          string
	Dir           string
	Optional      bool
	DropsAssembly bool `json:"drops_assembly"`
	Replace       []struct{ Name, Was string }
}

func (o *overlay) folder() string {
	if o.Dir != "" {
		return o.Dir
	}
	return o.Path
}

type checker struct {
	root, dir string
	sigs      bool
	manifest  manifest
	fset      *token.FileSet
	sources   map[string][]byte
	pkgs      map[string]*types.Package
	files     map[string][]*ast.File
	order     []string
	errors    int
}

func main() {
	root := flag.String("goroot", runtime.GOROOT(), "GOROOT of the release")
	dir := flag.String("overlay", "..", "folder with overlay.json")
	sigs := flag.Bool("sigs", false, "print the texts of replaced declarations")
	flag.Parse()
	c := &checker{
		root: *root, dir: *dir, sigs: *sigs,
		fset:    token.NewFileSet(),
		sources: map[string][]byte{},
		pkgs:    map[string]*types.Package{"unsafe": types.Unsafe},
		files:   map[string][]*ast.File{},
	}
	data, err := os.ReadFile(filepath.Join(*dir, "overlay.json"))
	if err == nil {
		err = json.Unmarshal(data, &c.manifest)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if v := runtime.Version(); v != c.manifest.Release {
		fmt.Fprintf(os.Stderr, "this is %s, the overlay is for %s\n", v, c.manifest.Release)
		os.Exit(2)
	}
	for _, path := range c.std() {
		c.load(path)
	}
	missing := c.missing()
	fmt.Printf("%d packages, %d errors, %d functions without a provider\n", len(c.order), c.errors, missing)
	if c.errors+missing > 0 {
		os.Exit(1)
	}
}

// unsupported are packages that need another build mode or that only the replaced runtime and its tests use.
var unsupported = []string{
	"cmd", "builtin", "runtime/cgo", "runtime/race", "runtime/msan", "runtime/asan", "runtime/secret", "simd",
	"internal/runtime/cgroup", "internal/runtime/gc", "internal/runtime/startlinetest",
}

// std lists the packages of the library that have files under the selection rule.
func (c *checker) std() []string {
	var out []string
	src := filepath.Join(c.root, "src")
	filepath.WalkDir(src, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || name == src {
			return err
		}
		path, _ := filepath.Rel(src, name)
		if d.Name() == "testdata" || d.Name()[0] == '_' || slices.Contains(unsupported, path) {
			return fs.SkipDir
		}
		if _, err := c.context(path).ImportDir(name, 0); err == nil {
			out = append(out, path)
		}
		return nil
	})
	return out
}

func (c *checker) errorf(format string, args ...any) {
	c.errors++
	fmt.Printf(format+"\n", args...)
}

func (c *checker) context(path string) *build.Context {
	ctx := build.Default
	ctx.GOROOT = c.root
	ctx.GOOS, ctx.GOARCH, ctx.CgoEnabled = "linux", "amd64", false
	ctx.BuildTags, ctx.ToolTags = c.manifest.Tags, c.manifest.ToolTags
	if slices.Contains(c.manifest.RuntimeAsm, path) {
		ctx.BuildTags = nil
	}
	if slices.Contains(c.manifest.Noasm, path) {
		ctx.GOARCH = "noasm"
	}
	return &ctx
}

func (c *checker) overlayOf(path string) *overlay {
	plain := strings.TrimPrefix(path, "vendor/")
	for _, o := range c.manifest.Packages {
		if o.Path == path || o.Path == plain {
			return o
		}
	}
	return nil
}

// Import implements types.Importer.
func (c *checker) Import(path string) (*types.Package, error) {
	if strings.HasPrefix(path, "golang.org/x/") {
		path = "vendor/" + path
	}
	if p := c.load(path); p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("cannot import %s", path)
}

func (c *checker) load(path string) *types.Package {
	if p, ok := c.pkgs[path]; ok {
		return p
	}
	c.pkgs[path] = nil
	o := c.overlayOf(path)
	var files []*ast.File
	if o == nil || o.Mode != "replace" {
		p, err := c.context(path).ImportDir(filepath.Join(c.root, "src", path), 0)
		if err != nil {
			c.errorf("%s: %v", path, err)
			return nil
		}
		for _, f := range p.GoFiles {
			files = append(files, c.parse(filepath.Join(p.Dir, f)))
		}
	}
	if o != nil {
		var ours []*ast.File
		names, _ := filepath.Glob(filepath.Join(c.dir, o.folder(), "*.go"))
		if len(names) == 0 && !o.Optional {
			c.errorf("%s: overlay without files", path)
		}
		for _, name := range names {
			ours = append(ours, c.parse(name))
		}
		if o.Mode != "replace" {
			c.replace(o, files, ours)
		}
		files = append(files, ours...)
	}
	conf := types.Config{Importer: c, Sizes: types.SizesFor("gc", "amd64"), Error: func(err error) { c.errorf("%v", err) }}
	p, _ := conf.Check(path, c.fset, files, nil)
	c.pkgs[path], c.files[path] = p, files
	c.order = append(c.order, path)
	return p
}

func (c *checker) parse(name string) *ast.File {
	data, err := os.ReadFile(name)
	if err != nil {
		c.errorf("%v", err)
	}
	c.sources[name] = data
	f, err := parser.ParseFile(c.fset, name, data, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		c.errorf("%v", err)
	}
	return f
}

// decl is a package-level declaration.
type decl struct {
	name     string
	from, to token.Pos
	remove   func()
}

func declarations(file *ast.File) (out []decl) {
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.Name == "init" || d.Name.Name == "_" {
				continue
			}
			name, to := d.Name.Name, d.End()
			if d.Recv != nil {
				name = receiver(d.Recv.List[0].Type) + "." + name
			}
			if d.Body != nil {
				to = d.Body.Pos()
			}
			out = append(out, decl{name, d.Pos(), to, func() {
				file.Decls = slices.DeleteFunc(file.Decls, func(x ast.Decl) bool { return x == ast.Decl(d) })
			}})
		case *ast.GenDecl:
			for _, s := range d.Specs {
				remove := func() {
					d.Specs = slices.DeleteFunc(d.Specs, func(x ast.Spec) bool { return x == s })
					if len(d.Specs) == 0 {
						file.Decls = slices.DeleteFunc(file.Decls, func(x ast.Decl) bool { return x == ast.Decl(d) })
					}
				}
				switch s := s.(type) {
				case *ast.TypeSpec:
					out = append(out, decl{s.Name.Name, s.Pos(), s.End(), remove})
				case *ast.ValueSpec:
					for _, n := range s.Names {
						out = append(out, decl{n.Name, s.Pos(), s.End(), remove})
					}
				}
			}
		}
	}
	return out
}

func receiver(e ast.Expr) string {
	switch t := e.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.IndexListExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	}
	return "?"
}

// text is the canonical form of a piece of source: its tokens with single spaces between them.
func (c *checker) text(from, to token.Pos) string {
	p, q := c.fset.Position(from), c.fset.Position(to)
	src := c.sources[p.Filename][p.Offset:q.Offset]
	var s scanner.Scanner
	s.Init(token.NewFileSet().AddFile("", -1, len(src)), src, nil, 0)
	var out []string
	for {
		_, tok, lit := s.Scan()
		switch {
		case tok == token.EOF:
			return strings.TrimSuffix(strings.Join(out, " "), " ;")
		case tok == token.SEMICOLON:
			lit = ";"
		case lit == "" || tok.IsOperator():
			lit = tok.String()
		}
		out = append(out, lit)
	}
}

// replace takes the declarations that the manifest lists out of the package's own files.
func (c *checker) replace(o *overlay, std, ours []*ast.File) {
	mine := map[string]bool{}
	for _, f := range ours {
		for _, d := range declarations(f) {
			mine[d.name] = true
		}
	}
	want := map[string]string{}
	for _, r := range o.Replace {
		want[r.Name] = r.Was
	}
	for _, f := range std {
		for _, d := range declarations(f) {
			was, listed := want[d.name]
			if !listed {
				if mine[d.name] {
					c.errorf("%s: %s is declared in GOROOT too, but not listed as replaced", o.Path, d.name)
				}
				continue
			}
			delete(want, d.name)
			is := c.text(d.from, d.to)
			if c.sigs {
				line, _ := json.Marshal(struct {
					Name string `json:"name"`
					Was  string `json:"was"`
				}{d.name, is})
				fmt.Printf("        %s,\n", line)
			} else if is != was {
				c.errorf("%s: %s has changed:\n\tis  %s\n\twas %s", o.Path, d.name, is, was)
			}
			d.remove()
		}
	}
	for name := range want {
		if !o.Optional {
			c.errorf("%s: %s is not declared in GOROOT any more", o.Path, name)
		}
	}
}

// intrinsics are the packages and functions whose bodies the compiler makes.
var intrinsics = regexp.MustCompile(`^(sync/atomic|internal/runtime/atomic)\.[A-Z]\w*$|^internal/abi\.FuncPC\w+$`)

// dead are declarations that std keeps for the linkname directives on them; nothing calls them.
var dead = regexp.MustCompile(`\.badlinkname_\w+$`)

// provided returns the symbols that the Rust runtime defines: the functions without a body in package runtime, and the
// list that ends stubs.go.
func (c *checker) provided() map[string]bool {
	out := map[string]bool{}
	for _, f := range c.files["runtime"] {
		for _, d := range f.Decls {
			if fd, ok := d.(*ast.FuncDecl); ok && fd.Body == nil {
				out["runtime."+fd.Name.Name] = true
			}
		}
	}
	data, _ := os.ReadFile(filepath.Join(c.dir, "runtime", "stubs.go"))
	_, list, _ := strings.Cut(string(data), "// Symbols of other packages")
	pkg := ""
	word := regexp.MustCompile(`[\w/.]+`)
	paren := regexp.MustCompile(`\([^)]*\)?`)
	for _, line := range strings.Split(list, "\n") {
		rest, ok := strings.CutPrefix(line, "//\t")
		if !ok {
			continue
		}
		for _, name := range regexp.MustCompile(`runtime\.(\w+)`).FindAllString(rest, -1) {
			out[name] = true
		}
		words := word.FindAllString(paren.ReplaceAllString(rest, ""), -1)
		if !strings.HasPrefix(rest, " ") && len(words) > 0 {
			pkg, words = words[0], words[1:]
		}
		for _, w := range words {
			out[pkg+"."+w] = true
		}
	}
	for _, o := range strings.Fields("IndexByte IndexByteString Count CountString Compare CompareString Index IndexString") {
		out["internal/bytealg."+o] = true
	}
	return out
}

// missing lists functions without a body that have no definition, no push and no provider.
func (c *checker) missing() int {
	bodies, pushed, pulls := map[string]bool{}, map[string]bool{}, map[string]string{}
	var without []string
	type directive struct{ local, target string }
	var directives []directive
	for _, path := range c.order {
		for _, f := range c.files[path] {
			for _, d := range f.Decls {
				fd, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				name := path + "." + linkName(fd)
				if fd.Body != nil {
					bodies[name] = true
				} else {
					without = append(without, name)
				}
			}
			for _, group := range f.Comments {
				for _, comment := range group.List {
					w := strings.Fields(comment.Text)
					if len(w) == 3 && (w[0] == "//go:linkname" || w[0] == "//go:linknamestd") {
						directives = append(directives, directive{path + "." + w[1], w[2]})
					}
				}
			}
		}
	}
	for _, d := range directives {
		if bodies[d.local] {
			pushed[d.target] = true
		} else {
			pulls[d.local] = d.target
		}
	}
	provided := c.provided()
	has := func(name string) bool { return bodies[name] || pushed[name] || provided[name] }
	n := 0
	for _, name := range without {
		if intrinsics.MatchString(name) || dead.MatchString(name) || has(name) || has(pulls[name]) {
			continue
		}
		n++
		fmt.Println("no provider:", name, pulls[name])
	}
	return n
}

func linkName(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	t := d.Recv.List[0].Type
	if _, ok := t.(*ast.StarExpr); ok {
		return "(*" + receiver(t) + ")." + d.Name.Name
	}
	return receiver(t) + "." + d.Name.Name
}
