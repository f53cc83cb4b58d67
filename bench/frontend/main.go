// Command frontend times go/parser (and go/types) on a list of packages, the baseline of
// ferrogo's front end. It reads "importpath<TAB>file<TAB>file..." lines, dependencies first, from
// the file named by its argument, keeps all sources in memory, and prints one line a phase:
// phase, threads, milliseconds, CPU milliseconds; last the peak of memory in MiB.
package main

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"log"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// CPU milliseconds so far, the collector's threads included, and the peak of memory in MiB.
func usage() (cpu, peak float64) {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		log.Fatal(err)
	}
	ms := func(t syscall.Timeval) float64 { return float64(t.Sec)*1000 + float64(t.Usec)/1000 }
	return ms(used.Utime) + ms(used.Stime), float64(used.Maxrss) / 1024
}

type source struct {
	name string
	text []byte
}

type pkg struct {
	path  string
	files []source
	trees []*ast.File
}

func main() {
	threads := flag.Int("threads", 1, "threads")
	check := flag.Bool("check", false, "type-check, too")
	flag.Parse()
	runtime.GOMAXPROCS(*threads)
	list, err := os.ReadFile(flag.Arg(0))
	if err != nil {
		log.Fatal(err)
	}
	var pkgs []*pkg
	for line := range strings.Lines(string(list)) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		p := &pkg{path: fields[0]}
		for _, name := range fields[1:] {
			text, err := os.ReadFile(name)
			if err != nil {
				log.Fatal(err)
			}
			p.files = append(p.files, source{name, text})
		}
		p.trees = make([]*ast.File, len(p.files))
		pkgs = append(pkgs, p)
	}
	fset := token.NewFileSet()
	start := time.Now()
	cpu, _ := usage()
	var next atomic.Int64
	var group sync.WaitGroup
	for range *threads {
		group.Go(func() {
			for {
				at := int(next.Add(1)) - 1
				if at >= len(pkgs) {
					return
				}
				p := pkgs[at]
				for i, file := range p.files {
					tree, err := parser.ParseFile(fset, file.name, file.text, parser.SkipObjectResolution)
					if err != nil {
						log.Fatal(err)
					}
					p.trees[i] = tree
				}
			}
		})
	}
	group.Wait()
	parsed, _ := usage()
	fmt.Printf("parse %d %.1f %.0f\n", *threads, float64(time.Since(start).Microseconds())/1000, parsed-cpu)
	if !*check {
		return
	}
	start = time.Now()
	done := map[string]*types.Package{"unsafe": types.Unsafe}
	for _, p := range pkgs {
		if p.path == "unsafe" {
			continue
		}
		conf := types.Config{
			Importer:    importerFunc(func(path string) (*types.Package, error) { return lookup(done, path) }),
			FakeImportC: true,
			Sizes:       types.SizesFor("gc", "amd64"),
			Error:       func(err error) { fmt.Fprintln(os.Stderr, err) },
		}
		info := &types.Info{
			Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{},
			Uses: map[*ast.Ident]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{},
			Instances: map[*ast.Ident]types.Instance{}, Implicits: map[ast.Node]types.Object{},
			Scopes: map[ast.Node]*types.Scope{},
		}
		checked, _ := conf.Check(p.path, fset, p.trees, info)
		done[p.path] = checked
	}
	checked, peak := usage()
	fmt.Printf("check 1 %.1f %.0f\n", float64(time.Since(start).Microseconds())/1000, checked-parsed)
	fmt.Printf("memory 1 %.0f 0\n", peak)
	runtime.KeepAlive(done)
}

type importerFunc func(string) (*types.Package, error)

func (f importerFunc) Import(path string) (*types.Package, error) { return f(path) }

// Standard packages see their dependencies under vendor/.
func lookup(done map[string]*types.Package, path string) (*types.Package, error) {
	if p := done[path]; p != nil {
		return p, nil
	}
	if p := done["vendor/"+path]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("no package %s", path)
}
