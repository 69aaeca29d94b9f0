# shellcheck shell=sh disable=SC2034,SC2154
# Shared by the lanes beside it (sourced). A lane is one command that installs a driver and runs the tests on it:
#
#   lane [--reduced] [--build DIRECTORY]
#
# It builds in build-check (or DIRECTORY), and ends with a line that says what ran and what was left out, and why. It exits
# with 0 when all is well, 1 when something failed, and 77 when the driver cannot be had here. --reduced runs the few most
# telling tests.
#
#   lane_begin TEXT ARGUMENT... what the lane is; reads its arguments, builds (with $lane_options for CMake): sets `build`
#                               and, with --reduced, `reduced`
#   lane_packages PACKAGE...    the driver's Debian packages
#   lane_python NAME PACKAGE... its Python packages, in a virtual environment: sets `environment`
#   lane_driver ICD TEXT        hides every driver but the one of this library or .icd file, whose devices are described
#                               by TEXT
#   lane_intel, lane_rusticl    the same for these, which they install
#   lane_data TRAIN TEST        the first images of Fashion-MNIST as a data set, in $scratch/data
#   lane_leave_out REASON TEST...   tests that the next lane_tests does not run
#   lane_tests [TEST...]        runs them (all without names); environment variables say how
#   lane_check TEXT COMMAND...  anything else that must succeed
#   lane_end
. "$(dirname -- "$(readlink -f -- "$0")")/../../tools/setup.sh"
here=$(cd -- "$here/.." && pwd)

lane_begin() {
    lane_text=$1
    shift
    build=$here/build-check
    reduced=''
    lane_began=$(date +%s)
    lane_passed=0
    lane_failed=0
    lane_notes=''
    lane_pattern=''
    lane_failures=''
    while [ $# -gt 0 ]; do
        case $1 in
        --reduced) reduced=yes ;;
        --build)
            [ $# -gt 1 ] || fail "--build needs a directory"
            build=$(mkdir -p -- "$2" && cd -- "$2" && pwd)
            shift
            ;;
        --help | -h) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) fail "there is no option $1: --reduced, --build DIRECTORY and --help are known" ;;
        esac
        shift
    done
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/tessera-lane-XXXXXX")
    trap 'rm -rf -- "$scratch"' EXIT
    trap 'exit 1' INT TERM HUP
    # What a person has set for other runs is not the lane's.
    unset TESSERA_DEVICE OPENCL_LAYERS TESSERA_TEST_SMALL TESSERA_TEST_FEW
    say "$lane_text"
    # shellcheck disable=SC2086
    setup_packages $build_packages $test_packages
    # shellcheck disable=SC2086
    configure "$build" -DTESSERA_WERROR=ON ${lane_options:-}
    compile "$build"
}

lane_unavailable() { # REASON
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
    "$build/tessera" devices >"$scratch/devices" 2>&1 || true
    grep -qF -- "$2" "$scratch/devices" || {
        cat "$scratch/devices" >&2
        lane_unavailable "no device of $2 shows up with OCL_ICD_VENDORS=$1"
    }
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

find_data_set() {
    for directory in "${TESSERA_DATA:-}" /usr/share/datasets/fashion-mnist \
        "${XDG_DATA_HOME:-$HOME/.local/share}/tessera/fashion-mnist"; do
        [ ! -e "$directory/train-images-idx3-ubyte.gz" ] || break
    done
    echo "$directory"
}

lane_data() {
    mkdir "$scratch/data"
    python3 - "$(find_data_set)" "$scratch/data" "$@" <<'END'
import gzip, pathlib, struct, sys
source, target = map(pathlib.Path, sys.argv[1:3])
for part, count in (("train", int(sys.argv[3])), ("t10k", int(sys.argv[4]))):
    for kind, head, each in (("images-idx3", 16, 784), ("labels-idx1", 8, 1)):
        name = f"{part}-{kind}-ubyte"
        with gzip.open(source / f"{name}.gz") as file:
            data = file.read(head + each * count)
        (target / name).write_bytes(data[:4] + struct.pack(">I", count) + data[8:])
END
}

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
    say "lane $program: $line, in $(($(date +%s) - lane_began)) s${lane_notes:+; $lane_notes}"
    [ "$lane_failed" = 0 ] && [ "$lane_passed" -gt 0 ]
    exit
}
