# shellcheck shell=sh disable=SC2034,SC2154
# Shared by the lanes beside it (sourced). A lane is one command that installs a driver and runs the tests on it:
#
#   lane [--reduced] [--build DIRECTORY]
#
# It builds in build-check (or DIRECTORY), and ends with a line that says what ran and what was left out, and why. It exits
# with 0 when all is well, 1 when something failed, and 77 when the driver cannot be had here; a driver that is there and
# shows no device has failed. --reduced runs the few most telling tests.
#
#   lane_begin TEXT ARGUMENT... what the lane is; reads its arguments, builds (with $lane_options for CMake): sets `build`
#                               and, with --reduced, `reduced`
#   lane_packages PACKAGE...    the driver's Debian packages
#   lane_python NAME PACKAGE... its Python packages, in a virtual environment: sets `environment`
#   lane_driver ICD TEXT        hides every driver but the one of this library or .icd file, whose devices are described
#                               by TEXT
#   lane_intel, lane_rusticl    the same for these, which they install
#   lane_data TRAIN TEST        the first images of Fashion-MNIST, which it fetches, as a data set in $scratch/data
#   lane_unavailable REASON     ends the lane: nothing more can run
#   lane_absent TEXT            what cannot be had here, where the rest can run: the lane then ends with 77 at best
#   lane_leave_out REASON TEST...   tests that the next lane_tests does not run
#   lane_tests [TEST...]        runs them (all without names); environment variables say how
#   lane_check TEXT COMMAND...  anything else that must succeed
#   lane_end
. "$(dirname -- "$(readlink -f -- "$0")")/../../tools/setup.sh"
here=$(CDPATH='' cd -- "$here/.." && pwd)

lane_passed=0
lane_failed=0
lane_notes=''
lane_missing=''
lane_pattern=''
lane_failures=''

lane_begin() {
    lane_text=$1
    shift
    build=$here/build-check
    reduced=''
    lane_began=$(date +%s)
    while [ $# -gt 0 ]; do
        case $1 in
        --reduced) reduced=yes ;;
        --build)
            [ $# -gt 1 ] || fail "--build needs a directory"
            build=$(mkdir -p -- "$2" && CDPATH='' cd -- "$2" && pwd)
            shift
            ;;
        --help | -h) print_help; exit 0 ;;
        *) fail "there is no option $1: --reduced, --build DIRECTORY and --help are known" ;;
        esac
        shift
    done
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/tessera-lane-XXXXXX")
    trap 'rm -rf -- "$scratch"' EXIT
    trap 'exit 1' INT TERM HUP
    forget_settings
    say "$lane_text"
    # shellcheck disable=SC2086
    setup_packages $build_packages $test_packages
    # shellcheck disable=SC2086
    configure "$build" -DTESSERA_WERROR=ON ${lane_options:-}
    compile "$build"
}

lane_unavailable() { # REASON
    if [ "$lane_failed" -gt 0 ]; then
        lane_note "the rest did not run: $*"
        lane_end
    fi
    say "lane $program: nothing ran: $*"
    exit 77
}

lane_packages() {
    (setup_packages "$@") || lane_unavailable "these packages cannot be installed here: $*"
}

lane_python() {
    python_environment "$@" || lane_unavailable "the Python packages of $1 cannot be installed here"
}

lane_driver() {
    [ -e "$1" ] || lane_unavailable "$1 is not there"
    export OCL_ICD_VENDORS="$1"
    if "$build/tessera" devices >"$scratch/devices" 2>&1 && grep -qF -- "$2" "$scratch/devices"; then return 0; fi
    cat "$scratch/devices" >&2
    lane_failed=$((lane_failed + 1))
    lane_failures="$lane_failures, no device of $2 shows up in \"tessera devices\" with OCL_ICD_VENDORS=$1"
    lane_end
}

# Intel's runtime: its second package has libraries that the first one needs and does not ask for. They find each other;
# LD_LIBRARY_PATH would put another loader in the place of the system's.
lane_intel() {
    intel_version=2026.2.0
    lane_python "intel-opencl-$intel_version" "intel-opencl-rt==$intel_version" "intel-cmplr-lib-rt==$intel_version"
    lane_driver "$environment/lib/libintelocl.so" "Intel(R) OpenCL"
}

# Without its cache rusticl compiles at every launch.
lane_rusticl() {
    lane_packages mesa-opencl-icd
    export RUSTICL_ENABLE=llvmpipe MESA_SHADER_CACHE_DIR="$build/cache/mesa"
    lane_driver /etc/OpenCL/vendors/rusticl.icd "rusticl"
}

# Where the program looks for it, too: its four files, compressed or not; sets `data_set`.
find_data_set() {
    for data_set in "${TESSERA_DATA:-}" /usr/share/datasets/fashion-mnist \
        "${XDG_DATA_HOME:-${HOME:-}/.local/share}/tessera/fashion-mnist"; do
        complete=yes
        for name in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do
            [ -e "$data_set/$name-ubyte" ] || [ -e "$data_set/$name-ubyte.gz" ] || complete=''
        done
        [ -z "$complete" ] || return 0
    done
    return 1
}

lane_data() {
    find_data_set || {
        if package_exists "$data_packages"; then (setup_packages "$data_packages") || true; fi
        find_data_set || "$here/tools/fetch-data" || true
        find_data_set || lane_unavailable "the Fashion-MNIST data set cannot be had: put its four files into a directory, and" \
            "its path into TESSERA_DATA"
    }
    mkdir "$scratch/data"
    python3 - "$data_set" "$scratch/data" "$@" <<'END'
import gzip, pathlib, struct, sys
source, target = map(pathlib.Path, sys.argv[1:3])
for part, count in (("train", int(sys.argv[3])), ("t10k", int(sys.argv[4]))):
    for kind, head, each in (("images-idx3", 16, 784), ("labels-idx1", 8, 1)):
        name = f"{part}-{kind}-ubyte"
        path = source / name
        with open(path, "rb") if path.exists() else gzip.open(f"{path}.gz") as file:
            data = file.read(head + each * count)
        if len(data) < head + each * count:
            sys.exit(f"{path} has fewer than {count} items: put the Fashion-MNIST data set there")
        (target / name).write_bytes(data[:4] + struct.pack(">I", count) + data[8:])
END
}

lane_absent() { lane_missing="$lane_missing${lane_missing:+; }$*"; }

lane_note() { lane_notes="$lane_notes${lane_notes:+; }$*"; }

lane_leave_out() {
    reason=$1
    shift
    for test; do lane_pattern="$lane_pattern${lane_pattern:+|}$test"; done
    lane_note "$* left out: $reason"
}

tests_that_were() { # PATTERN: of CTest's word for how it ended
    sed -n "s/.*Test *#[0-9]*: \\([^ ]*\\) .*\\*\\*\\*\\($1\\).*/\\1/p" "$scratch/log" | tr '\n' ' ' | sed 's/ $//'
}

lane_tests() {
    [ -z "$lane_pattern" ] || set -- -E "^($lane_pattern)\$" "$@"
    lane_pattern=''
    { run_tests "$build" "$@" 2>&1 && echo 0 >"$scratch/code" || echo 1 >"$scratch/code"; } | tee "$scratch/log"
    passed=$(grep -c ' Test .*   Passed ' "$scratch/log" || true)
    skipped=$(tests_that_were 'Skipped')
    failed=$(tests_that_were 'Failed\|Exception\|Timeout\|Not Run')
    # The tests say how many cases they left out for TESSERA_TEST_SMALL and TESSERA_TEST_FEW.
    left_out=$(sed -n 's/.*: \([0-9]*\) of \([0-9]*\) cases left out, .*/\1 \2/p' "$build/Testing/Temporary/LastTest.log" |
        awk '{ n += $1; of += $2 } END { if (n) print n " of " of }')
    lane_passed=$((lane_passed + passed))
    [ -z "$skipped" ] || lane_note "skipped: $skipped"
    [ -z "$left_out" ] || lane_note "$left_out cases of tests that have large or many ones left out"
    for test in $failed; do lane_failures="$lane_failures, $test"; done
    # shellcheck disable=SC2086
    set -- $failed
    # CTest fails without a test's name where no test is there.
    [ "$(cat "$scratch/code")" = 0 ] || [ $# -gt 0 ] || set -- none
    lane_failed=$((lane_failed + $#))
}

lane_check() {
    what=$1
    shift
    say "$what" # not with timed: where a condition waits for it, it does not stop at a failure
    if "$@"; then
        lane_passed=$((lane_passed + 1))
    else
        lane_failed=$((lane_failed + 1))
        lane_failures="$lane_failures, $what"
    fi
}

lane_end() {
    line="$lane_passed passed, $lane_failed failed${lane_failures:+ (${lane_failures#, })}"
    [ -z "$lane_missing" ] || lane_note "cannot be had here: $lane_missing"
    say "lane $program: $line, in $(($(date +%s) - lane_began)) s${lane_notes:+; $lane_notes}"
    [ "$lane_failed" = 0 ] && [ "$lane_passed" -gt 0 ] || exit 1
    [ -z "$lane_missing" ] || exit 77
    exit 0
}
