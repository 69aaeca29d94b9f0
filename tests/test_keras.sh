#!/bin/sh
# Tessera's files against the real Keras 2.15 and Keras 3 (tests/keras/check.py), when TESSERA_TEST_KERAS=1.
# usage: test_keras.sh TESSERA_PROGRAM
#
# The Pythons are TESSERA_KERAS2_PYTHON and TESSERA_KERAS3_PYTHON; where one is not set, a virtual environment is made
# once (python_environment in tools/setup.sh), which downloads TensorFlow. Keras 2.15 needs Python 3.9 to 3.11.
set -eu

if [ "${TESSERA_TEST_KERAS:-}" != 1 ]; then
    echo "skipped: set TESSERA_TEST_KERAS=1 to test against the real Keras"
    exit 77
fi
tessera=$1
. "$(dirname -- "$(readlink -f -- "$0")")/../tools/setup.sh"
work=$(mktemp -d "${TMPDIR:-/tmp}/tessera-keras-XXXXXX")
trap 'rm -rf "$work"' EXIT

keras2=${TESSERA_KERAS2_PYTHON:-}
keras3=${TESSERA_KERAS3_PYTHON:-}
if [ -z "$keras2" ]; then
    python_environment keras2 tensorflow-cpu==2.15.1 'numpy<2' || fail "Keras 2.15 cannot be installed"
    keras2=$environment/bin/python
fi
if [ -z "$keras3" ]; then
    python_environment keras3 tensorflow-cpu keras || fail "Keras 3 cannot be installed"
    keras3=$environment/bin/python
fi

code=0
"$keras2" "$here/tests/keras/check.py" "$tessera" "$work" || code=1
"$keras3" "$here/tests/keras/check.py" "$tessera" "$work" || code=1
exit $code
