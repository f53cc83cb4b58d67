#!/usr/bin/env bash
# Parses and checks the closure of five big packages with go/parser + go/types and with ferrogo, interleaved, and prints the best
# of each phase: wall and CPU milliseconds, peak memory in MiB. Needs an official go1.27.3 (found through GOTOOLCHAIN).
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
(cd "$root" && cargo build --release -q -p types --example bench_check)
ours="${CARGO_TARGET_DIR:-$root/target}/release/examples/bench_check"
echo "packages $(wc -l < "$work/list"), lines $(tr '\t' '\n' < "$work/list" | grep '^/' | xargs cat | wc -l)"
for run in $(seq "$runs"); do
	"$work/baseline" -threads 1 -check "$work/list" | sed 's/^/go /'
	for threads in 1 2; do
		"$ours" $threads "$work/list" | sed 's/^/ferrogo /'
	done
done | awk '
	{ key = $1 " " $2 " " $3
	  if (!(key in wall)) { wall[key] = $4; cpu[key] = $5; order[++n] = key }
	  if ($4 < wall[key]) wall[key] = $4
	  if ($5 < cpu[key]) cpu[key] = $5 }
	END { for (i = 1; i <= n; i++) {
			key = order[i]; split(key, part, " ")
			unit = part[2] == "memory" ? " MiB" : sprintf(" ms wall, %d ms CPU", cpu[key])
			printf "%-8s %-6s %d thread(s): %d%s\n", part[1], part[2], part[3], wall[key], unit }
		split("parse check", phases, " ")
		for (i = 1; i <= 2; i++) { p = phases[i]
			printf "%s: ferrogo needs one part in %.2f of the wall time, %.2f of the CPU time\n", p,
				wall["go " p " 1"] / wall["ferrogo " p " 1"], cpu["go " p " 1"] / cpu["ferrogo " p " 1"]
			printf "%s: two threads over one: %.2f\n", p, wall["ferrogo " p " 1"] / wall["ferrogo " p " 2"] }
		printf "memory: ferrogo needs %.2f of it\n", wall["ferrogo memory 1"] / wall["go memory 1"] }'
