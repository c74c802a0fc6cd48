#!/usr/bin/env bash
# The two commands of hardneg: `./run.sh` makes the smoke experiment and prints
# the path of its report; `./run.sh test` runs every test. `./run.sh help` lists the rest.
set -euo pipefail
cd "$(dirname "$0")"

# build makes ./hardneg; a no-op of under a second when nothing changed.
build() {
	command -v go >/dev/null || { echo "run.sh: Go 1.26 or newer is needed (https://go.dev/dl)" >&2; exit 6; }
	CGO_ENABLED=${CGO_ENABLED:-0} go build -trimpath -o hardneg ./harness/cmd/hardneg
}

case "${1:-smoke}" in
smoke) build; exec ./hardneg run experiments/smoke.yaml ;;
build) build ;;
test) shift; CGO_ENABLED=${CGO_ENABLED:-0} exec go test "$@" ./... ;;
lint)
	out=$(gofmt -l $(git ls-files '*.go')); [ -z "$out" ] || { echo "gofmt: $out" >&2; exit 1; }
	go vet ./...
	go test ./harness/internal/house ;;
bench) build; shift; exec ./hardneg bench "$@" ;;
help | -h | --help)
	cat <<-'TXT'
	./run.sh              build hardneg, run experiments/smoke.yaml, print the report's path
	./run.sh test         run every test (arguments go to `go test`)
	./run.sh lint         gofmt, vet and the house rules
	./run.sh bench ...    hardneg bench ...
	./run.sh build        only build ./hardneg
	./run.sh COMMAND ...  build, then hardneg COMMAND ...
	TXT
	;;
*) build; exec ./hardneg "$@" ;;
esac
