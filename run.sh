#!/usr/bin/env bash
# The two commands of hardneg: `./run.sh` makes the smoke experiment and prints
# the path of its report; `./run.sh test` runs every test. `./run.sh help` lists the rest.
set -euo pipefail
cd "$(dirname "$0")"

# gpu_flags let cgo find the reduced CUDA header and the linker script of the
# repository; no CUDA toolkit is needed.
gpu_flags() {
	export CGO_ENABLED=1
	export CGO_CFLAGS="-I$PWD/models/cuda/driver/include ${CGO_CFLAGS:-}"
	export CGO_LDFLAGS="-L$PWD/models/cuda/driver/link ${CGO_LDFLAGS:-}"
}

has_compiler() { command -v "$(go env CC | cut -d' ' -f1)" >/dev/null; }

has_driver() {
	[ -n "${HARDNEG_LIBCUDA:-}" ] || [ -e /dev/nvidiactl ] || [ -e /dev/dxg ] ||
		{ command -v ldconfig >/dev/null && ldconfig -p 2>/dev/null | grep -q 'libcuda\.so\.1'; }
}

# build makes ./hardneg; a no-op of under a second when nothing changed. Where a
# driver and a C compiler are found it can use GPUs, unless CGO_ENABLED is 0.
build() {
	command -v go >/dev/null || { echo "run.sh: Go 1.26 or newer is needed (https://go.dev/dl)" >&2; exit 6; }
	if [ "${CGO_ENABLED:-1}" != 0 ] && has_driver && has_compiler; then
		(gpu_flags; go build -trimpath -buildvcs=auto -tags gpu -o hardneg ./harness/cmd/hardneg) && return
		echo "run.sh: the build with GPU support failed; building without" >&2
	fi
	CGO_ENABLED=${CGO_ENABLED:-0} go build -trimpath -buildvcs=auto -o hardneg ./harness/cmd/hardneg
}

# pack builds what gpu needs on a machine without Go: the program and the tests
# of the CUDA backend, in the folder gpu-pack.
pack() {
	has_compiler || { echo "run.sh: no C compiler found (CC)" >&2; exit 6; }
	gpu_flags
	mkdir -p gpu-pack
	go build -trimpath -buildvcs=auto -ldflags '-s -w' -tags gpu -o gpu-pack/hardneg ./harness/cmd/hardneg
	for p in $(go list -tags gpu -f '{{if .TestGoFiles}}{{.Dir}}{{end}}' ./models/cuda/...); do
		go test -c -trimpath -ldflags '-s -w' -tags gpu -o "gpu-pack/${p##*/}.test" "$p"
		echo "${p#"$PWD"/}" >"gpu-pack/${p##*/}.dir"
	done
}

# gpu verifies the CUDA backend on this machine's GPU; nothing may be skipped. An
# argument names a Python with torch and transformers, which then does the same work,
# a second one which of it (see fixtures/gpu/peer.py).
gpu() {
	has_driver || { echo "run.sh: no NVIDIA driver found (libcuda.so.1); HARDNEG_LIBCUDA may name it" >&2; exit 6; }
	command -v go >/dev/null && pack
	[ -x gpu-pack/hardneg ] || { echo "run.sh: no Go here: run ./run.sh pack where it is and bring the folder gpu-pack" >&2; exit 6; }
	h=$PWD/gpu-pack/hardneg
	"$h" env
	log=$(mktemp)
	trap 'rm -f "$log"' EXIT
	for t in gpu-pack/*.test; do
		(cd "$(cat "${t%.test}.dir")" && HARDNEG_TEST_GPU=1 "$OLDPWD/$t" -test.v -test.skip '^TestEmulator|WithoutDriver$|^TestNoDriver$|^TestMachineCode$') | tee -a "$log"
	done
	if grep -q -e '--- SKIP' "$log"; then
		echo "run.sh: tests were skipped: see above" >&2
		exit 1
	fi
	grep -q '^--- PASS: TestNarrowOps' "$log" || { echo "run.sh: the conformance suite did not run" >&2; exit 1; }
	"$h" --workspace .hardneg-gpu run smoke --set hardware.device=cuda
	"$h" --workspace .hardneg-gpu verify latest --sample 4
	"$h" bench gpu --model qwen2.5-1.5b ${1:+--peer "$1"} ${2:+--peers "$2"} --out fixtures/gpu
}

case "${1:-smoke}" in
smoke) build; exec ./hardneg run experiments/smoke.yaml ;;
build) build ;;
test) shift; CGO_ENABLED=${CGO_ENABLED:-0} exec go test -timeout 30m "$@" ./... ;;
emulate) (gpu_flags; shift; go vet -tags gpu ./models/cuda/... && go build -tags gpu -o /dev/null ./... && exec go test -tags gpu "$@" ./models/cuda/...) ;;
gpu) gpu "${2:-}" "${3:-}" ;;
pack) pack ;;
lint)
	out=$(gofmt -l $(git ls-files '*.go')); [ -z "$out" ] || { echo "gofmt: $out" >&2; exit 1; }
	go vet ./...
	go test ./harness/internal/house ;;
bench) build; shift; exec ./hardneg bench "$@" ;;
help | -h | --help)
	cat <<-'TXT'
	./run.sh              build hardneg, run experiments/smoke.yaml, print the report's path
	./run.sh test         run every test (arguments go to `go test`)
	./run.sh emulate      build with GPU support and test it without a GPU (needs a C++ compiler)
	./run.sh gpu [PYTHON] verify and measure the CUDA backend on this machine's GPU; fails if anything is skipped
	./run.sh pack         build what `gpu` needs on a machine without Go, into gpu-pack
	./run.sh lint         gofmt, vet and the house rules
	./run.sh bench ...    hardneg bench ...
	./run.sh build        only build ./hardneg
	./run.sh COMMAND ...  build, then hardneg COMMAND ...
	TXT
	;;
*) build; exec ./hardneg "$@" ;;
esac
