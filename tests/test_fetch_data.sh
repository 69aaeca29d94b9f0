#!/bin/sh
# tools/fetch-data against a server of its own: what it takes, what it refuses, and that it leaves no partial file.
set -eu
tests=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
fetch=$tests/../tools/fetch-data
scratch=$(mktemp -d "${TMPDIR:-/tmp}/tessera test XXXXXX")
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf -- "$scratch"' EXIT
trap 'exit 1' INT TERM HUP
. "$tests/support/script.sh"

real=/usr/share/datasets/fashion-mnist
served=$scratch/served
data=$scratch/data/tessera/fashion-mnist
mkdir "$served" "$served/good" "$served/bad" "$served/partial"
echo "not what it should be" | gzip >"$served/bad/train-images-idx3-ubyte.gz"

python3 "$tests/support/http-server.py" "$served" "$scratch/port" &
server=$!
until [ -f "$scratch/port" ] || ! kill -0 "$server" 2>/dev/null; do sleep 0.1; done
url=http://127.0.0.1:$(cat "$scratch/port")
export XDG_DATA_HOME="$scratch/data"
unset TESSERA_DATA 2>/dev/null || true

no_leftovers() { [ -z "$(find "$scratch/data" -name '*.part' 2>/dev/null)" ] || wrong "a partial file was left"; }

starting "a file that is not the one expected"
TESSERA_DATA_URL=$url/bad run "$fetch"
ended 1 "$url/bad/train-images-idx3-ubyte.gz is not the file expected (its SHA-256 differs): put the four" "$data"
[ ! -e "$data/train-images-idx3-ubyte.gz" ] || wrong "it was kept"
no_leftovers

starting "a file that is missing"
TESSERA_DATA_URL=$url/nowhere run "$fetch"
ended 1 "$url/nowhere/train-images-idx3-ubyte.gz could not be downloaded: put the four"
no_leftovers

starting "a server that is not there"
TESSERA_DATA_URL=http://127.0.0.1:1 run "$fetch"
ended 1 "could not be downloaded"

starting "a connection that is cut"
head -c 100000 /dev/urandom >"$served/partial/train-images-idx3-ubyte.gz"
TESSERA_DATA_URL=$url/cut/partial run "$fetch"
ended 1 "could not be downloaded"
no_leftovers

starting "an interruption"
TESSERA_DATA_URL=$url/stall/partial "$fetch" >"$scratch/out" 2>&1 &
child=$!
until [ -s "$data/train-images-idx3-ubyte.gz.part" ] || ! kill -0 "$child" 2>/dev/null; do sleep 0.1; done
kill -TERM "$child"
code=0
wait "$child" || code=$?
[ "$code" = 143 ] || wrong "exit code $code instead of 143"
no_leftovers

starting "no home to put it in"
XDG_DATA_HOME='' HOME='' run "$fetch"
ended 1 "set HOME, or XDG_DATA_HOME"

starting "a home that cannot be written"
XDG_DATA_HOME=/dev/null run "$fetch"
ended 1 "/dev/null/tessera/fashion-mnist cannot be made: set XDG_DATA_HOME"

starting "no curl, and nobody who may install it"
fake_system
no_command curl
not_root
PATH=$fakes:$plain_path run "$fetch"
ended 1 "curl is missing: install it, or put the four Fashion-MNIST files into $data"

if [ -f "$real/t10k-labels-idx1-ubyte.gz" ]; then
    starting "a good server, one damaged file"
    cp "$real"/*.gz "$served/good"
    mkdir -p "$data"
    echo damaged >"$data/t10k-labels-idx1-ubyte.gz"
    ln -s "$fetch" "$scratch/link"
    (cd / && TESSERA_DATA_URL=$url/good run "$scratch/link")
    ended 0 "downloading t10k-labels-idx1-ubyte.gz to $data" "Fashion-MNIST is in $data"
    for file in "$real"/*.gz; do
        cmp -s "$file" "$data/$(basename "$file")" || wrong "$(basename "$file") differs"
    done
    no_leftovers

    starting "a second time, without the server"
    TESSERA_DATA_URL=http://127.0.0.1:1 run "$fetch"
    ended 0 "Fashion-MNIST is in $data"
    ! grep -q downloading "$scratch/out" || wrong "a file was fetched again"
else
    echo "Fashion-MNIST is not installed: good files were not tried"
fi
finish
