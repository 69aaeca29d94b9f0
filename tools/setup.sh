# shellcheck shell=sh disable=SC2034
# Shared by the scripts beside it (sourced): finds the tree, says what is done, installs what is missing.
#   say, fail TEXT...           a line for the person; the same on stderr, and the end
#   print_help                  what the script says of itself at its top
#   timed TEXT COMMAND...       says TEXT, runs the command and says how long it took
#   quietly COMMAND...          runs a command; the end of what it says is shown only when it fails
#   make_build_directory PATH   for a build; says so when it is not the caller's to write
#   configure PATH OPTION...    with CMake; a build that is there already keeps its generator
#   compile PATH [TARGET...]    everything without targets
#   forget_settings             what a person has set for other runs is not the tests'
#   run_tests PATH [TEST...]    all without names; CTest's options may come before them
#   python_environment NAME PACKAGE...   sets `environment` to a virtual environment that has the packages, made once
#   setup_packages PACKAGE...   installs the Debian packages that are not there yet
#   package_exists PACKAGE      whether the system's package sources know it
#   package_installed PACKAGE

program=$(basename -- "$0")
here=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

say() { printf '==> %s\n' "$*"; }
fail() { printf '%s: %s\n' "$program" "$*" >&2; exit 1; }

print_help() { sed -n '1d;/^#/!q;/^# shellcheck/d;s/^# \{0,1\}//p' "$0"; }

# What building and running needs.
build_packages="gcc libc6-dev cmake ninja-build pkg-config ocl-icd-opencl-dev opencl-headers pocl-opencl-icd libclblast-dev
  libhdf5-dev libjansson-dev zlib1g-dev libpng-dev"
# What the reference run and the tests need besides.
data_packages="dataset-fashion-mnist"
test_packages="check graphviz curl python3"

timed() {
    phase=$1
    shift
    say "$phase"
    phase_began=$(date +%s)
    "$@"
    say "$phase: done in $(($(date +%s) - phase_began)) s"
}

quietly() {
    log=$(mktemp "${TMPDIR:-/tmp}/tessera-log-XXXXXX")
    code=0
    "$@" >"$log" 2>&1 || code=$?
    [ "$code" = 0 ] || tail -n 40 "$log" >&2
    rm -f -- "$log"
    return "$code"
}

make_build_directory() {
    mkdir -p -- "$1" 2>/dev/null || true
    if [ ! -d "$1" ] || [ ! -w "$1" ] || { [ -e "$1/CMakeCache.txt" ] && [ ! -w "$1/CMakeCache.txt" ]; }; then
        fail "$1 cannot be written: make it yours, or copy the sources to a directory of yours"
    fi
}

configure() {
    directory=$1
    shift
    make_build_directory "$directory"
    [ -e "$directory/CMakeCache.txt" ] || set -- -G Ninja "$@"
    quietly cmake -S "$here" -B "$directory" "$@" || fail "$directory cannot be configured, for the reason above"
}

compile() {
    directory=$1
    shift
    [ $# = 0 ] || set -- --target "$@"
    quietly cmake --build "$directory" --parallel "$jobs" "$@" ||
        fail "the build in $directory failed, for the reason above"
}

forget_settings() {
    unset TESSERA_DEVICE TESSERA_TUNING TESSERA_KERNEL_PATH TESSERA_PROGRAM_CACHE TESSERA_TEST_SMALL TESSERA_TEST_FEW \
        TESSERA_TEST_UNGUARDED TESSERA_LAYER_PROFILE OPENCL_LAYERS OPENCL_LAYER_PATH OCL_ICD_FILENAMES \
        OCL_ICD_DEFAULT_PLATFORM POCL_DEVICES POCL_MAX_WORK_GROUP_SIZE POCL_MEMORY_LIMIT
}

run_tests() {
    directory=$1
    shift
    set -- --test-dir "$directory" --output-on-failure --no-tests=error -j "$jobs" "$@"
    pattern=
    count=$#
    while [ "$count" -gt 0 ]; do # the tests' names become one pattern
        case $1 in test_*) pattern=$pattern${pattern:+|}$1 ;; *) set -- "$@" "$1" ;; esac
        shift
        count=$((count - 1))
    done
    [ -z "$pattern" ] || set -- "$@" -R "^($pattern)\$"
    ctest "$@"
}

# Outside the tree, in ${XDG_CACHE_HOME:-~/.cache}/tessera-tests; one process at a time makes it.
python_environment() {
    environment=${TESSERA_TEST_ENVIRONMENTS:-${XDG_CACHE_HOME:-$HOME/.cache}/tessera-tests}/$1
    shift
    [ ! -e "$environment/complete" ] || return 0
    # Debian's Python has the rest of what `venv` needs in a package of its own.
    python3 -c 'import ensurepip' >/dev/null 2>&1 || (setup_packages python3-venv) || return 1
    mkdir -p "$environment" || return 1
    (
        ! command -v flock >/dev/null 2>&1 || flock 9
        [ ! -e "$environment/complete" ] || exit 0
        say "installing $* in $environment"
        python3 -m venv "$environment" &&
            "$environment/bin/pip" install --quiet --disable-pip-version-check "$@" && touch "$environment/complete"
    ) 9>"$environment/lock"
}

# The command that makes its arguments run as root, in as_root (empty for root); false where there is none.
find_root() {
    as_root=
    if [ "$(id -u)" = 0 ]; then return 0; fi
    command -v sudo >/dev/null 2>&1 || return 1
    as_root=sudo
}

update_package_lists() {
    say "fetching the package lists"
    $as_root apt-get -o DPkg::Lock::Timeout=120 update -qq
}

install_packages() {
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -o DPkg::Lock::Timeout=120 install -y -qq --no-install-recommends "$@"
}

package_installed() {
    dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed
}

setup_packages() {
    command -v dpkg-query >/dev/null 2>&1 || {
        say "not a Debian system: please see that these are installed, by the names your system gives them:" "$@"
        return 0
    }
    missing=
    for package in "$@"; do package_installed "$package" || missing="$missing $package"; done
    [ -n "$missing" ] || return 0
    find_root || fail "these packages are missing, and only root can install them:$missing"
    say "installing$missing"
    if [ -n "$as_root" ]; then
        sudo true || fail "these packages are missing, and sudo does not let you install them:$missing"
    fi
    # The lists may be absent or old: they are fetched only when an installation fails.
    # shellcheck disable=SC2086
    install_packages $missing >/dev/null 2>&1 || {
        update_package_lists || fail "the package lists could not be fetched: check the network, then run this again"
        quietly install_packages $missing || fail "these packages could not be installed:$missing"
    }
}

# A system that has no package lists yet, or no longer, knows no package; then they are fetched, where that is allowed.
package_exists() {
    command -v apt-cache >/dev/null 2>&1 || return 1
    apt-cache show "$1" >/dev/null 2>&1 && return 0
    apt-cache policy 2>/dev/null | grep -q '://' && return 1
    find_root && update_package_lists || return 1
    apt-cache show "$1" >/dev/null 2>&1
}
