// text/template and html/template: pipelines, ranges, blocks, functions, escaping by context, errors.
package main

import (
	"errors"
	"fmt"
	htmpl "html/template"
	"os"
	"strings"
	"text/template"
)

type Item struct {
	Name  string
	Price float64
	Tags  []string
	Attr  map[string]int
	Next  *Item
}

func (i Item) Upper() string           { return strings.ToUpper(i.Name) }
func (i *Item) Discount(p int) float64 { return i.Price * float64(100-p) / 100 }
func (i Item) Fail(b bool) (string, error) {
	if b {
		return "", errors.New("item failed")
	}
	return "fine", nil
}

const text = `{{define "item"}}[{{.Name | printf "%-6s"}}|{{printf "%.2f" .Price}}{{with .Tags}}|{{join . "+"}}{{else}}|none{{end}}]{{end -}}
{{- /* comment */ -}}
Title: {{.Title | title}}
{{range $i, $e := .Items}}{{if $i}}, {{end}}{{template "item" $e}}{{else}}empty{{end}}
{{range .None}}x{{else}}nothing{{end}}
{{with $x := index .Items 0}}{{$x.Upper}} {{$x.Discount 25}} {{.Next.Name}} {{len .Tags}} {{index .Attr "k"}} {{slice .Name 1 3}}{{end}}
{{if and .Yes (not .No) (or .No "alt")}}and {{else if .No}}no{{else}}else{{end}}{{eq 1 1}} {{eq .Title "a" "shop list"}} {{lt 1 2}} {{ge "b" "a"}} {{ne 1.5 2.5}}
{{$sum := 0}}{{range $k, $v := .Map}}{{$k}}={{$v}};{{$sum = add $sum $v}}{{end}}{{$sum}}
{{range $i := 5}}{{if eq $i 1}}{{continue}}{{end}}{{if eq $i 3}}{{break}}{{end}}{{$i}} {{end}}
{{html "<a>"}} {{js "it's"}} {{urlquery "a b&c"}} {{print 1 2 "x"}} {{println "end"}}{{printf "%v %T" .Yes .Title}}
{{block "foot" .}}default foot{{end}} {{call .Fn 3}} {{(index .Items 1).Name}} {{.Nil}} {{"quoted\t" | printf "%q"}} {{` + "`raw`" + `}} {{'a'}} {{1e3}} {{0x10}} {{true}} {{nil | printf "%v"}}
`

func main() {
	data := map[string]any{
		"Title": "shop list", "Items": []*Item{{Name: "tea", Price: 3.5, Tags: []string{"hot", "x"}, Attr: map[string]int{"k": 5}, Next: &Item{Name: "n"}}, {Name: "jam", Price: 2}},
		"None": []int{}, "Yes": true, "No": false, "Map": map[string]int{"b": 2, "a": 1, "c": 3}, "Fn": func(i int) string { return strings.Repeat("z", i) }, "Nil": nil,
	}
	funcs := template.FuncMap{"join": strings.Join, "title": strings.ToTitle, "add": func(a, b int) int { return a + b }, "fail": func() (int, error) { return 0, errors.New("func failed") }}
	t := template.Must(template.New("main").Funcs(funcs).Parse(strings.Replace(text, "{{nil | printf \"%v\"}}", "", 1)))
	if err := t.Execute(os.Stdout, data); err != nil {
		fmt.Println("error:", err)
	}
	clone := template.Must(t.Clone())
	template.Must(clone.Parse(`{{define "foot"}}custom foot{{end}}`))
	var sb strings.Builder
	fmt.Println(clone.ExecuteTemplate(&sb, "foot", data), sb.String(), t.Lookup("item") != nil, len(strings.Split(t.DefinedTemplates(), ",")))
	for _, s := range []string{"{{", "{{.X.}}", "{{if}}x{{end}}", "{{range .A}}", "{{end}}", "{{nofunc 1}}", "{{template \"x\"", "{{.A | 1}}", "{{$x}}", "{{else}}", "{{\"unterminated}}", "{{break}}"} {
		_, err := template.New("bad").Parse(s)
		fmt.Println(err)
	}
	item := &Item{Name: "x"}
	for _, s := range []string{"{{.Missing}}", "{{.Next.Name}}", "{{index .Tags 3}}", "{{.Fail true}}", "{{.Fail false}}", "{{.Discount}}", "{{.Discount \"s\"}}", "{{fail}}", "{{template \"none\"}}", "{{index .Attr 1}}", "{{len 3}}", "{{lt 1 \"a\"}}", "{{range 3.5}}{{end}}", "{{call .Name}}", "{{slice .Name 5}}"} {
		tt, err := template.New("run").Funcs(funcs).Parse(s)
		if err != nil {
			fmt.Println("parse", err)
			continue
		}
		var sb strings.Builder
		err = tt.Execute(&sb, item)
		fmt.Println(sb.String(), err)
	}
	tt := template.Must(template.New("opt").Option("missingkey=error").Parse("{{.nokey}}"))
	fmt.Println(tt.Execute(&sb, map[string]int{}))
	tt = template.Must(template.New("delims").Delims("<<", ">>").Parse("<<.>> {{.}}\n"))
	tt.Execute(os.Stdout, 5)

	h := htmpl.Must(htmpl.New("h").Parse(`<a href="/s?q={{.Q}}&x={{.U}}" title='{{.T}}' onclick="f({{.J}}, '{{.T}}')" style="color: {{.C}}">{{.T}}</a><script>var x = {{.J}}; var s = "{{.T}}";</script><a href="{{.Evil}}">{{.Safe}}</a><!-- gone {{.T}} --><textarea>{{.T}}</textarea><p {{.Attr}}>{{template "sub" .}}</p>{{define "sub"}}{{.T | printf "%.4s"}}{{end}}
`))
	err := h.Execute(os.Stdout, map[string]any{"Q": "a b&c=d/é", "U": "http://x/?y=1", "T": `<b>"O'Reilly" & co</b>`, "J": map[string]any{"k": []int{1, 2}, "s": "</script>"}, "C": "expression(1)", "Evil": "javascript:alert(1)", "Safe": htmpl.HTML("<i>ok</i>"), "Attr": htmpl.HTMLAttr(`data-x="1"`)})
	fmt.Println(err)
	for _, s := range []string{`<a href='{{if .}}"{{end}}>`, `<script>{{if .}}"{{end}}</script>`, `<a b={{.}} {{template "t"}}>`, "<div>{{.X}}"} {
		hh, err := htmpl.New("bad").Parse(s)
		if err == nil {
			var sb strings.Builder
			err = hh.Execute(&sb, struct{ X string }{"<>"})
			fmt.Print(sb.String(), " ")
		}
		fmt.Println(err)
	}
	fmt.Println(htmpl.HTMLEscapeString("<&'\">\x00"), htmpl.JSEscapeString("'\"<>\u2028"), htmpl.URLQueryEscaper("a b", 1))
}
