#!/usr/bin/env bash
# Parses the closure of five big packages with go/parser and with ferrogo, interleaved, and prints
# the fastest run of each. Needs an official go1.27.3 (found through GOTOOLCHAIN).
#   bench/frontend/run.sh [runs]
set -eu
runs=${1:-5}
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GOTOOLCHAIN=go1.27.3 CGO_ENABLED=0 GOFLAGS=
cd "$root/bench/frontend"
go list -deps -f '{{.ImportPath}}{{$d := .Dir}}{{range .GoFiles}}	{{$d}}/{{.}}{{end}}' \
	net/http encoding/json html/template go/types database/sql > "$work/list"
go build -o "$work/baseline" .
(cd "$root" && cargo build --release -q -p syntax --example bench_parse)
ours="${CARGO_TARGET_DIR:-$root/target}/release/examples/bench_parse"
echo "packages $(wc -l < "$work/list"), lines $(tr '\t' '\n' < "$work/list" | grep '^/' | xargs cat | wc -l)"
for run in $(seq "$runs"); do
	for threads in 1 2; do
		"$work/baseline" -threads $threads "$work/list" | sed 's/^/go /'
		"$ours" $threads "$work/list" | sed 's/^/ferrogo /'
	done
done | sort -k1,3 -k4n | awk '{ key = $1" "$2" "$3; if (!(key in best)) { best[key] = $4; order[++n] = key } }
	END { for (i = 1; i <= n; i++) printf "%-8s %-6s threads %s\n", "", "", ""; for (k in best) print k, best[k] " ms"
		for (t = 1; t <= 2; t++) printf "parse, %d thread(s): ferrogo is %.2f times as fast\n", t, best["go parse " t] / best["ferrogo parse " t]
		printf "ferrogo, two threads over one: %.2f\n", best["ferrogo parse 1"] / best["ferrogo parse 2"] }' | grep -v '^ *threads *$'
