#!/bin/sh
# Tessera's files against the real Keras 2.15 and Keras 3 (tests/keras/check.py), when TESSERA_TEST_KERAS=1.
# usage: test_keras.sh TESSERA_PROGRAM
#
# The Pythons are TESSERA_KERAS2_PYTHON and TESSERA_KERAS3_PYTHON; where one is not set, a virtual environment is made
# once in ${XDG_CACHE_HOME:-~/.cache}/tessera-tests, which downloads TensorFlow. Keras 2.15 needs Python 3.9 to 3.11.
set -eu

if [ "${TESSERA_TEST_KERAS:-}" != 1 ]; then
    echo "skipped: set TESSERA_TEST_KERAS=1 to test against the real Keras"
    exit 77
fi
program=$1
here=$(cd "$(dirname "$0")" && pwd)
environments=${TESSERA_KERAS_ENVIRONMENTS:-${XDG_CACHE_HOME:-$HOME/.cache}/tessera-tests}
work=$(mktemp -d "${TMPDIR:-/tmp}/tessera-keras-XXXXXX")
trap 'rm -rf "$work"' EXIT

# environment NAME PACKAGE...: the Python of a virtual environment that has the packages.
environment() {
    directory=$environments/$1
    shift
    if [ ! -e "$directory/complete" ]; then
        echo "making $directory (downloads TensorFlow)" >&2
        python3 -m venv "$directory" >&2
        "$directory/bin/pip" install --quiet --disable-pip-version-check "$@" >&2
        touch "$directory/complete"
    fi
    echo "$directory/bin/python"
}

keras2=${TESSERA_KERAS2_PYTHON:-}
keras3=${TESSERA_KERAS3_PYTHON:-}
[ -n "$keras2" ] || keras2=$(environment keras2 tensorflow-cpu==2.15.1 'numpy<2')
[ -n "$keras3" ] || keras3=$(environment keras3 tensorflow-cpu keras)

code=0
"$keras2" "$here/keras/check.py" "$program" "$work" || code=1
"$keras3" "$here/keras/check.py" "$program" "$work" || code=1
exit $code
