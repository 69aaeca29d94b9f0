# Shared by quickstart and check (sourced): finds the tree, says what is done, installs what is missing.
#   setup_packages PACKAGE...   installs the Debian packages that are not there yet

here=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

say() { printf '==> %s\n' "$*"; }
fail() { printf '%s: %s\n' "$(basename -- "$0")" "$*" >&2; exit 1; }

# What building and running needs.
build_packages="gcc libc6-dev cmake ninja-build pkg-config ocl-icd-opencl-dev opencl-headers pocl-opencl-icd libclblast-dev
  libhdf5-dev libjansson-dev zlib1g-dev libpng-dev check"
# What the reference run and the tests need besides.
data_packages="dataset-fashion-mnist"
test_packages="graphviz"

setup_packages() {
    command -v dpkg-query >/dev/null 2>&1 || {
        say "not a Debian system: please see that these are installed, by the names your system gives them:" "$@"
        return 0
    }
    missing=
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    say "installing$missing"
    if [ "$(id -u)" = 0 ]; then as_root=
    elif command -v sudo >/dev/null 2>&1; then as_root=sudo
    else fail "these packages are missing and only root can install them:$missing"
    fi
    # The lists may be absent or old: they are fetched again only when an installation fails.
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 || {
        $as_root apt-get update -qq || fail "the package lists could not be fetched: check the network, then run this again"
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
            fail "these packages could not be installed:$missing"
    }
}

# Whether the system's package sources know a package.
package_exists() {
    command -v apt-cache >/dev/null 2>&1 && apt-cache show "$1" >/dev/null 2>&1
}
