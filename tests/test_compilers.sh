#!/bin/sh
# What tests/drivers/compilers stands on: how it reads the listings of the vendors' compilers, on small listings; and the
# layer that writes down what a program compiles and launches.
# shellcheck disable=SC2154
set -eu
tests=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
build=$(CDPATH='' cd -- "$(dirname -- "$1")" && pwd)
scratch=$(mktemp -d "${TMPDIR:-/tmp}/tessera-test-XXXXXX")
trap 'rm -rf -- "$scratch"' EXIT
trap 'exit 1' INT TERM HUP
. "$tests/support/script.sh"

capture() { # NETWORK: as if on a GPU of AMD's; nothing is computed
    run env "OPENCL_LAYERS=$build/tests/liblimits.so:$build/tests/libcapture.so" TESSERA_LAYER_PROFILE=amd-gfx1030 \
        "TESSERA_CAPTURE=$scratch" TESSERA_CAPTURE_DRY=1 TESSERA_PROGRAM_CACHE=0 "POCL_CACHE_DIR=$build/cache/pocl" \
        "$build/tests/epoch" "$1"
}

if command -v python3 >/dev/null; then
    starting "the readers of listings"
    run python3 -B "$tests/drivers/vendors/selftest.py"
    ended 0 OK
fi
if [ -e "$build/tests/libcapture.so" ]; then
    starting "a network"
    capture "$tests/../data/networks/reference.json"
    ended 0
    hash=$(sed -n 's/^program \([0-9a-f]*\) .* -D *CHANNELS=32 .*/\1/p' "$scratch/captured" | head -n 1)
    grep -q "^launch $hash conv2d_[a-z_]* [1-9][0-9]* [0-9]* [0-9]*\$" "$scratch/captured" || wrong "no launch of $hash"
    head -n 1 "$scratch/$hash.cl" | grep -q '^#line 1 "conv2d_' || wrong "the source of $hash is not there"

    starting "a network that is not there"
    capture "$scratch/nonsuch.json"
    ended 1 "that can be read"
fi
[ "$cases" -gt 0 ] || exit 77
finish
