# shellcheck shell=sh disable=SC2034,SC2154
# Shared by the tests of scripts (sourced; $scratch is a directory of the test's).
#   starting NAME               the case that follows
#   run COMMAND...              runs it; what it says is in $scratch/out
#   ended CODE TEXT...          how it must have ended, and what it must have said
#   wrong TEXT                  the case has failed
#   finish                      the test's exit code
#   fake_system                 a system of stand-ins in $fakes, and $plain_path without the real ones: package tools
#                               write what they are asked to $scratch/log, and `installed`, `known` and `listed` in
#                               $scratch/system hold the packages that are there
#   not_root, no_command NAME   changes to it
wrongs=0
cases=0

starting() {
    case_name=$1
    cases=$((cases + 1))
}

wrong() {
    printf '%s: %s\n' "$case_name" "$*" >&2
    if [ -f "$scratch/out" ]; then sed 's/^/    /' "$scratch/out" >&2; fi
    wrongs=$((wrongs + 1))
}

run() {
    code=0
    "$@" >"$scratch/out" 2>&1 || code=$?
    echo "$code" >"$scratch/code"
}

ended() {
    got=$(cat "$scratch/code")
    [ "$got" = "$1" ] || wrong "exit code $got instead of $1"
    shift
    for text; do grep -qF -- "$text" "$scratch/out" || wrong "\"$text\" was not said"; done
}

finish() {
    echo "$cases cases, $wrongs wrong"
    [ "$wrongs" = 0 ]
}

# A stand-in for a command: its text is read from standard input.
fake() {
    { printf '#!/bin/sh\nsystem=%s\nlog=%s\n' "'$scratch/system'" "'$scratch/log'" && cat; } >"$fakes/$1"
    chmod +x "$fakes/$1"
}

fake_system() {
    fakes=$scratch/fakes
    plain_path=$scratch/plain
    rm -rf -- "$fakes" "$plain_path" "$scratch/system"
    mkdir "$fakes" "$plain_path" "$scratch/system"
    : >"$scratch/log"
    for file in installed known listed; do : >"$scratch/system/$file"; done
    for name in sh cat cut date dirname basename readlink getconf grep gzip id ls mkdir mktemp mv rm sed sha256sum env tail tr flock; do
        ln -s "$(command -v "$name")" "$plain_path/$name"
    done
    echo 0 >"$scratch/system/user"
    echo exit 0 | fake true
    fake id <<'END'
cat "$system/user"
END
    fake dpkg-query <<'END'
for package; do :; done
if grep -qx -- "$package" "$system/installed"; then printf installed; else exit 1; fi
END
    fake apt-cache <<'END'
case $1 in
show) grep -qx -- "$2" "$system/known" ;;
policy) if [ -s "$system/known" ]; then echo " 500 http://packages/debian"; fi ;;
esac
END
    # `listed` is what `known` becomes when the lists are fetched.
    fake apt-get <<'END'
while [ $# -gt 0 ]; do
    case $1 in -o) shift ;; -*) ;; *) break ;; esac
    shift
done
echo "apt-get $*" >>"$log"
command=$1
shift
case $command in
update) cat "$system/listed" >"$system/known" ;;
install)
    for package; do
        case $package in -*) continue ;; esac
        grep -qx -- "$package" "$system/known" || { echo "E: Unable to locate package $package" >&2; exit 100; }
        echo "$package" >>"$system/installed"
    done ;;
esac
END
    for name in curl cmake; do
        fake "$name" <<END
echo "$name \$*" >>"\$log"
END
    done
}

not_root() { echo 1000 >"$scratch/system/user"; }
no_command() { rm -f -- "$fakes/$1" "$plain_path/$1"; }
