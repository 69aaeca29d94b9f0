#!/bin/sh
# tools/quickstart, tools/check, what they share, and what the lanes of tests/drivers share, on a system of stand-ins: what they install and how, where they build,
# how they start the program, and what they say when something is missing. Nothing is installed, built or trained.
set -eu
tests=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
scratch=$(mktemp -d "${TMPDIR:-/tmp}/tessera test XXXXXX")
trap 'rm -rf -- "$scratch"' EXIT
trap 'exit 1' INT TERM HUP
. "$tests/support/script.sh"

tree="$scratch/a tree"
mkdir -p "$tree/tools" "$tree/.ci" "$scratch/elsewhere"
cp "$tests/../tools/quickstart" "$tests/../tools/check" "$tests/../tools/setup.sh" "$tests/../tools/fetch-data" "$tree/tools"
cp "$tests/../.ci/run" "$tree/.ci"
ln -s "$tree/tools/quickstart" "$scratch/quickstart"
printf '#!/bin/sh\necho "layers: $*"\n' >"$tree/tools/check-layers"
# Asks setup.sh for one thing.
# shellcheck disable=SC2016
printf '#!/bin/sh\n. "$(dirname -- "$0")/setup.sh"\n"$@"\n' >"$tree/tools/ask"
# Lanes of tests/drivers that end with the code of a file of their name.
mkdir -p "$tree/tests/drivers"
for lane in pocl pocl-limited intel rusticl oclgrind exchange profiles compilers; do
    # shellcheck disable=SC2016
    printf '#!/bin/sh\necho "lane $(basename "$0") $*"\n[ ! -e "$0.code" ] || exit "$(cat "$0.code")"\n' >"$tree/tests/drivers/$lane"
    chmod +x "$tree/tests/drivers/$lane"
done
chmod +x "$tree/tools/check-layers" "$tree/tools/ask"
all="gcc libc6-dev cmake ninja-build pkg-config ocl-icd-opencl-dev opencl-headers pocl-opencl-icd libclblast-dev libhdf5-dev
  libjansson-dev zlib1g-dev libpng-dev check graphviz curl python3 dataset-fashion-mnist"

new_system() { # everything is installed and known
    starting "$1"
    fake_system
    # shellcheck disable=SC2086
    printf '%s\n' $all >"$scratch/system/installed"
    # shellcheck disable=SC2086
    printf '%s\n' $all >"$scratch/system/known"
    cp "$scratch/system/known" "$scratch/system/listed"
    rm -rf -- "$tree"/build*
    fake cmake <<'END'
echo "cmake $*" >>"$log"
while [ $# -gt 0 ]; do
    case $1 in
    -B) printf '#!/bin/sh\necho "the program was run in $(pwd) with: $*"\n' >"$2/tessera"; : >"$2/CMakeCache.txt" ;;
    --build) /bin/chmod +x "$2/tessera" ;;
    esac
    shift
done
END
    fake ctest <<'END'
echo "ctest $*" >>"$log"
END
}

without() { sed -i "/^$1\$/d" "$scratch/system/installed"; }
logged() { grep -qF -- "$1" "$scratch/log" || { cat "$scratch/log" >&2; wrong "\"$1\" was not done"; }; }
not_logged() { ! grep -qF -- "$1" "$scratch/log" || wrong "\"$1\" was done"; }
quickstart() { (cd "$scratch/elsewhere" && unset TESSERA_DATA TESSERA_DATA_URL && PATH=$fakes:$plain_path run "$@"); }

new_system "through a link, from another directory, twice"
quickstart "$scratch/quickstart" --data "some where" --epochs 1
ended 0 "==> building in $tree/build" "the program was run in $scratch/elsewhere with: train --data some where --epochs 1"
logged "-G Ninja"
quickstart "$scratch/quickstart" --data x
ended 0 "with: train --data x"
not_logged apt-get

new_system "a build that fails"
fake cmake <<'END'
echo "error: there is no compiler"
exit 1
END
quickstart "$tree/tools/quickstart" --data x
ended 1 "error: there is no compiler" "quickstart: $tree/build cannot be configured, for the reason above"

new_system "no place to build in"
: >"$tree/build"
quickstart "$tree/tools/quickstart" --data x
ended 1 "$tree/build cannot be written: make it yours"

new_system "packages that are missing"
without ninja-build
without check
quickstart "$tree/tools/quickstart" --data x
ended 0 "==> installing ninja-build"
logged "apt-get install -y -qq --no-install-recommends ninja-build"
not_logged "apt-get update"

new_system "a system that has not fetched its lists yet"
without gcc
: >"$scratch/system/known"
quickstart "$tree/tools/quickstart" --data x
ended 0 "==> fetching the package lists"
logged "apt-get update"
grep -qx gcc "$scratch/system/installed" || wrong "gcc was not installed"

new_system "a package that does not exist"
without gcc
: >"$scratch/system/known"
: >"$scratch/system/listed"
quickstart "$tree/tools/quickstart" --data x
ended 1 "Unable to locate package gcc" "these packages could not be installed: gcc"

new_system "packages that are missing, and no root"
without gcc
without cmake
not_root
quickstart "$tree/tools/quickstart" --data x
ended 1 "quickstart: these packages are missing, and only root can install them: gcc cmake"

new_system "through sudo"
without gcc
not_root
fake sudo <<'END'
echo "sudo $*" >>"$log"
exec "$@"
END
quickstart "$tree/tools/quickstart" --data x
ended 0 "==> installing gcc"
logged "sudo env DEBIAN_FRONTEND=noninteractive apt-get"

new_system "sudo that refuses"
without gcc
not_root
fake sudo <<'END'
exit 1
END
quickstart "$tree/tools/quickstart" --data x
ended 1 "sudo does not let you install them: gcc"

new_system "another kind of system"
no_command dpkg-query
quickstart "$tree/tools/quickstart" --data x
ended 0 "not a Debian system: please see that these are installed" "with: train --data x"

new_system "data from another place, which cannot be had"
fake curl <<'END'
exit 22
END
(cd "$scratch/elsewhere" && HOME=$scratch TESSERA_DATA_URL=http://data PATH=$fakes:$plain_path XDG_DATA_HOME='' \
    run "$tree/tools/quickstart")
ended 1 "http://data/train-images-idx3-ubyte.gz could not be downloaded: put the four Fashion-MNIST files into $scratch/.local"

new_system "whether a package exists"
: >"$scratch/system/known"
PATH=$fakes:$plain_path run "$tree/tools/ask" package_exists dataset-fashion-mnist
ended 0 "fetching the package lists"
: >"$scratch/log"
PATH=$fakes:$plain_path run "$tree/tools/ask" package_exists no-such-package
ended 1
not_logged "apt-get update"
: >"$scratch/system/known"
not_root
PATH=$fakes:$plain_path run "$tree/tools/ask" package_exists dataset-fashion-mnist
ended 1

new_system "the check"
(cd / && PATH=$fakes:$plain_path run "$tree/.ci/run")
ended 0 "==> building with warnings as errors in $tree/build-check" "layers: $tree/build-check/libtessera.so" \
    "==> running all tests: done in " "==> all is well, after "
logged "ctest --test-dir $tree/build-check --output-on-failure"
logged "ctest --test-dir $tree/build-check-sanitize --output-on-failure"
logged "ctest --test-dir $tree/build-check-bare --output-on-failure"
logged "-DTESSERA_SANITIZE=ON"
not_logged apt-get

grep -q "lane intel --reduced" "$scratch/out" || wrong "Intel's lane did not run"
! grep -q "lane pocl" "$scratch/out" || wrong "all lanes ran"

new_system "a check where a driver cannot be installed"
echo 77 >"$tree/tests/drivers/intel.code"
(cd / && PATH=$fakes:$plain_path run "$tree/tools/check")
ended 0 "left out, wholly or in part, as what they run on cannot be installed here: intel" "==> all is well, after "
(cd / && PATH=$fakes:$plain_path run "$tree/tools/check" --all-drivers)
ended 1 "lane pocl" "lane rusticl" "lane exchange" "check: these lanes of tests/drivers failed: intel"

new_system "a check whose lanes fail"
echo 1 >"$tree/tests/drivers/intel.code"
echo 1 >"$tree/tests/drivers/oclgrind.code"
(cd / && PATH=$fakes:$plain_path run "$tree/tools/check")
ended 1 "check: these lanes of tests/drivers failed: intel oclgrind"
rm -f -- "$tree"/tests/drivers/*.code

# A lane of one driver, one check and, with SECOND, another driver.
sed "s,/usr/share/datasets,$scratch/datasets," "$tests/drivers/lane.sh" >"$tree/tests/drivers/lane.sh" # not this system's
cat >"$tree/tests/drivers/example" <<'END'
#!/bin/sh
# What the example says of itself.
# shellcheck disable=SC1091
set -eu
. "$(dirname -- "$(readlink -f -- "$0")")/lane.sh"
lane_begin "an example" "$@"
lane_driver "$DRIVER" "${DEVICE:-with: devices}"
lane_check "the check" sh -c "exit ${CODE:-0}"
[ -z "${ABSENT:-}" ] || lane_absent "$ABSENT"
[ -z "${SECOND:-}" ] || lane_driver "$SECOND" "with: devices"
if [ "${DATA:-}" ]; then lane_data 1 1; fi
lane_end
END
chmod +x "$tree/tests/drivers/example"
lane() { # VARIABLE=VALUE... for the lane
    run env "PATH=$fakes:$plain_path" "$@" "$tree/tests/drivers/example" --build "$tree/build-lane"
}
new_system "a lane"
: >"$scratch/driver"
lane "DRIVER=$scratch/driver"
ended 0 "lane example: 1 passed, 0 failed, in "
lane "DRIVER=$scratch/driver" CODE=1
ended 1 "lane example: 0 passed, 1 failed (the check), in "
lane "DRIVER=$scratch/driver" ABSENT="one thing"
ended 77 "lane example: 1 passed, 0 failed, in " "cannot be had here: one thing"
lane "DRIVER=$scratch/driver" ABSENT="one thing" CODE=1
ended 1 "cannot be had here: one thing"
PATH=$fakes:$plain_path run "$tree/tests/drivers/example" --help
ended 0 "What the example says of itself."
! grep -q shellcheck "$scratch/out" || wrong "--help speaks of shellcheck"

new_system "a lane without its driver"
lane "DRIVER=$scratch/nonsuch"
ended 77 "lane example: nothing ran: $scratch/nonsuch is not there"
lane "DRIVER=$scratch/driver" CODE=1 "SECOND=$scratch/nonsuch"
ended 1 "lane example: 0 passed, 1 failed (the check), in " "the rest did not run: $scratch/nonsuch is not there"

new_system "a lane whose driver shows no device"
lane "DRIVER=$scratch/driver" DEVICE=nonsuch
ended 1 "no device of nonsuch shows up in \"tessera devices\" with OCL_ICD_VENDORS=$scratch/driver"

new_system "a lane whose program crashes"
fake cmake <<'END'
while [ $# -gt 0 ]; do
    case $1 in
    -B) printf '#!/bin/sh\necho "with: $*"\nkill -SEGV $$\n' >"$2/tessera"; : >"$2/CMakeCache.txt" ;;
    --build) /bin/chmod +x "$2/tessera" ;;
    esac
    shift
done
END
lane "DRIVER=$scratch/driver"
ended 1 "no device of with: devices shows up"

new_system "a lane whose data set cannot be had"
fake curl <<'END'
exit 22
END
without dataset-fashion-mnist
: >"$scratch/system/known"
: >"$scratch/system/listed"
lane "DRIVER=$scratch/driver" CODE=1 DATA=yes "XDG_DATA_HOME=$scratch/data home" TESSERA_DATA="$scratch/nonsuch"
ended 1 "could not be downloaded" "the Fashion-MNIST data set cannot be had: put its four files into a directory"
mkdir "$scratch/images"
for file in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do
    head -c 1000 /dev/zero >"$scratch/images/$file-ubyte"
done
fake python3 <<END
PATH='$PATH' exec python3 "\$@"
END
lane "DRIVER=$scratch/driver" DATA=yes TESSERA_DATA="$scratch/images"
ended 0
gzip "$scratch/images/t10k-labels-idx1-ubyte"
lane "DRIVER=$scratch/driver" DATA=yes TESSERA_DATA="$scratch/images"
ended 0

new_system "the check against the real Keras"
# shellcheck disable=SC2016
printf '#!/bin/sh\necho "python $*"\n' >"$scratch/python"
chmod +x "$scratch/python"
run env TESSERA_TEST_KERAS=1 TESSERA_KERAS2_PYTHON="$scratch/python" TESSERA_KERAS3_PYTHON="$scratch/python" \
    sh "$tests/test_keras.sh" /some/where/tessera
ended 0 "check.py /some/where/tessera "

new_system "a virtual environment on a system without the package for them"
echo python3-venv >>"$scratch/system/known"
fake python3 <<'END'
grep -qx python3-venv "$system/installed" || { echo "No module named ensurepip" >&2; exit 1; }
[ "$1" = -c ] || mkdir -p "$3/bin"
[ "$1" = -c ] || { printf '#!/bin/sh\necho "pip $*"\n' >"$3/bin/pip" && /bin/chmod +x "$3/bin/pip"; }
END
environment() { # NAME
    (export TESSERA_TEST_ENVIRONMENTS="$scratch/environments" && PATH=$fakes:$plain_path run "$tree/tools/ask" \
        python_environment "$1" some-package==1)
}
ln -s "$(command -v touch)" "$plain_path/touch"
environment one
ended 0 "==> installing python3-venv" "pip install --quiet --disable-pip-version-check some-package==1"
without python3-venv
not_root
environment one
ended 0
environment two
ended 1 "these packages are missing, and only root can install them: python3-venv"

new_system "a check that is asked for what it does not know"
(cd / && PATH=$fakes:$plain_path run "$tree/tools/check" --all)
ended 1 "check: there is no option --all"

new_system "a check whose tests fail"
fake ctest <<'END'
exit 8
END
(cd / && PATH=$fakes:$plain_path run "$tree/tools/check")
ended 8 "==> running all tests"
! grep -q "all is well" "$scratch/out" || wrong "all was well"
finish
