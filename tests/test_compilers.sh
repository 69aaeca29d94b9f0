#!/bin/sh
# What tests/drivers/compilers reads out of the listings of the vendors' compilers, on small listings.
set -eu
command -v python3 >/dev/null || { echo "python3 is not there" >&2; exit 77; }
exec python3 -B "$(dirname -- "$0")/drivers/vendors/selftest.py"
