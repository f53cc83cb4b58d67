// Command runtimetests selects the tests of std's package runtime that need nothing but exported API.
//
//	runtimetests GOROOT DIR
//
// It type-checks the external test package of GOROOT/src/runtime without the files that export internals to it, drops every
// declaration that does not check or uses one that was dropped, and writes what is left to DIR, line by line where it was, with an overlay
// file for `go test -overlay=DIR/overlay.json runtime`. The names of the tests left are printed.
package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// unit is a top-level declaration, which is kept or dropped as a whole.
type unit struct {
	decl    ast.Decl
	uses    map[*unit]bool
	dropped bool
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: runtimetests GOROOT DIR")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "runtimetests:", err)
		os.Exit(1)
	}
}

func run(goroot, out string) error {
	build.Default.GOROOT = goroot
	build.Default.CgoEnabled = false
	dir := filepath.Join(goroot, "src", "runtime")
	names, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return err
	}
	fset := token.NewFileSet()
	overlay := map[string]string{}
	var files []*ast.File
	for _, name := range names {
		if ok, err := build.Default.MatchFile(dir, filepath.Base(name)); err != nil || !ok {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		overlay[name] = ""
		if file.Name.Name == "runtime_test" {
			files = append(files, file)
		}
	}

	units := unitsOf(files)
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
	config := types.Config{
		Importer: importer.ForCompiler(fset, "source", nil),
		Error: func(err error) {
			if e, ok := err.(types.Error); ok && !e.Soft {
				if u := enclosing(units, e.Pos); u != nil {
					u.dropped = true
				}
			}
		},
	}
	// Errors are expected; they are what is looked for.
	config.Check("runtime_test", fset, files, info)
	connect(units, info)
	connectByEnvironment(units)
	for changed := true; changed; {
		changed = false
		for _, u := range units {
			for used := range u.uses {
				if used.dropped && !u.dropped {
					u.dropped, changed = true, true
				}
			}
		}
	}

	if err := os.MkdirAll(out, 0o777); err != nil {
		return err
	}
	for _, file := range files {
		name := fset.File(file.Pos()).Name()
		text, tests, err := reduce(fset, file, units, info)
		if err != nil {
			return err
		}
		if text == nil {
			continue
		}
		copied := filepath.Join(out, filepath.Base(name))
		if err := os.WriteFile(copied, text, 0o666); err != nil {
			return err
		}
		overlay[name] = copied
		for _, test := range tests {
			fmt.Println(test)
		}
	}
	data, err := json.MarshalIndent(map[string]any{"Replace": overlay}, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "overlay.json"), data, 0o666)
}

func unitsOf(files []*ast.File) []*unit {
	var units []*unit
	for _, file := range files {
		for _, decl := range file.Decls {
			if g, ok := decl.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
				continue
			}
			u := &unit{decl: decl, uses: map[*unit]bool{}}
			// A function of the runtime under another name.
			if f, ok := decl.(*ast.FuncDecl); ok && f.Body == nil {
				u.dropped = true
			}
			units = append(units, u)
		}
	}
	return units
}

func enclosing(units []*unit, pos token.Pos) *unit {
	for _, u := range units {
		if u.decl.Pos() <= pos && pos < u.decl.End() {
			return u
		}
	}
	return nil
}

// connect notes which declarations each one uses. A type uses its methods: without one it may no longer be what it is used as.
func connect(units []*unit, info *types.Info) {
	defined := map[types.Object]*unit{}
	for id, obj := range info.Defs {
		if obj != nil {
			if u := enclosing(units, id.Pos()); u != nil {
				defined[obj] = u
			}
		}
	}
	for id, obj := range info.Uses {
		switch o := obj.(type) {
		case *types.Func:
			obj = o.Origin()
		case *types.Var:
			obj = o.Origin()
		}
		if u, of := enclosing(units, id.Pos()), defined[obj]; u != nil && of != nil && u != of {
			u.uses[of] = true
			if f, ok := u.decl.(*ast.FuncDecl); ok && f.Recv != nil && f.Recv.Pos() <= id.Pos() && id.Pos() < f.Recv.End() {
				of.uses[u] = true
			}
		}
	}
}

// connectByEnvironment lets tests that start themselves anew use the init function that knows the child by an environment variable:
// without it every child would start another one.
func connectByEnvironment(units []*unit) {
	readers := map[string]*unit{}
	for _, u := range units {
		if f, ok := u.decl.(*ast.FuncDecl); ok && f.Name.Name == "init" {
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) != 1 {
					return true
				}
				if s, ok := call.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Getenv" {
					if name, ok := stringOf(call.Args[0]); ok {
						readers[name] = u
					}
				}
				return true
			})
		}
	}
	for _, u := range units {
		ast.Inspect(u.decl, func(n ast.Node) bool {
			if e, ok := n.(ast.Expr); ok {
				if text, ok := stringOf(e); ok {
					name, _, _ := strings.Cut(text, "=")
					if reader := readers[name]; reader != nil && reader != u {
						u.uses[reader] = true
					}
				}
			}
			return true
		})
	}
}

// stringOf returns the value of a string literal.
func stringOf(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// reduce blanks what is dropped of a file, and imports that nobody uses then. nil if nothing is left.
func reduce(fset *token.FileSet, file *ast.File, units []*unit, info *types.Info) (text []byte, tests []string, err error) {
	tf := fset.File(file.Pos())
	text, err = os.ReadFile(tf.Name())
	if err != nil {
		return nil, nil, err
	}
	blank := func(from, to token.Pos) {
		for at := tf.Offset(from); at < tf.Offset(to); at++ {
			if text[at] != '\n' {
				text[at] = ' '
			}
		}
	}
	left := false
	var kept []ast.Node
	for _, u := range units {
		if u.decl.Pos() < file.FileStart || u.decl.Pos() >= file.FileEnd {
			continue
		}
		f, isFunc := u.decl.(*ast.FuncDecl)
		if !u.dropped {
			left = true
			kept = append(kept, u.decl)
			if isFunc && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") && f.Name.Name != "TestMain" {
				tests = append(tests, f.Name.Name)
			}
			continue
		}
		from := u.decl.Pos()
		switch d := u.decl.(type) {
		case *ast.FuncDecl:
			if d.Doc != nil {
				from = d.Doc.Pos()
			}
		case *ast.GenDecl:
			if d.Doc != nil {
				from = d.Doc.Pos()
			}
		}
		blank(from, u.decl.End())
	}
	if !left {
		return nil, nil, nil
	}
	used := map[string]bool{}
	for _, node := range kept {
		ast.Inspect(node, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				switch o := info.Uses[id].(type) {
				case *types.PkgName:
					used[o.Imported().Path()] = true
				case nil:
				default:
					// Through a dot import.
					if o.Pkg() != nil && o.Parent() == o.Pkg().Scope() {
						used[". "+o.Pkg().Path()] = true
					}
				}
			}
			return true
		})
	}
	// From the last one on, so that offsets stay valid.
	for _, spec := range slices.Backward(file.Imports) {
		path := strings.Trim(spec.Path.Value, `"`)
		switch {
		case spec.Name != nil && spec.Name.Name == "_":
		case spec.Name != nil && spec.Name.Name == "." && used[". "+path]:
		case (spec.Name == nil || spec.Name.Name != ".") && used[path]:
		default:
			// Keeps the package a dependency, and the form of the declaration valid.
			replace := "_ " + spec.Path.Value
			from, to := tf.Offset(spec.Pos()), tf.Offset(spec.End())
			text = slices.Concat(text[:from], []byte(replace), text[to:])
		}
	}
	return text, tests, nil
}
