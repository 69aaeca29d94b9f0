"""Kernels through the vendors' own compilers, with no card; ../compilers installs them and starts this.

With --file, one kernel file of cl/ with the options given."""
import argparse
import re
import sys
from pathlib import Path

from compile import ANY, Program, compile_all
from report import print_table, write_json
from targets import TARGETS, choose
from tools import find_tools

TREE = Path(__file__).resolve().parents[3]

# What the program passes for every kernel; see host/device/program.c.
COMMON_OPTIONS = "-cl-std=CL1.2 -cl-mad-enable -cl-denorms-are-zero"


def arguments():
    parser = argparse.ArgumentParser(prog="compilers", description="Compiles the kernels with the vendors' own compilers, and "
                                     "says what each takes on each target.")
    parser.add_argument("--list", action="store_true", help="names the targets")
    parser.add_argument("--target", action="append", default=[], help="one of them, or amd, intel or nvidia; may be repeated")
    parser.add_argument("--kernel", action="append", default=[], help="only kernels of this name; may be repeated")
    parser.add_argument("--json", metavar="FILE", help="writes the rows there too")
    parser.add_argument("--file", help="a kernel file of cl/, compiled with --options")
    parser.add_argument("--options", default="", help="for --file: its macros, as in -DVW=4 -DBIAS")
    parser.add_argument("--group", default="", help="for --file: the work-group, as in 16x16, where the kernel does not say")
    parser.add_argument("--python", help=argparse.SUPPRESS)
    # Macros begin with a dash: what follows --options is its value whatever it looks like.
    words = sys.argv[1:]
    for i in range(len(words) - 1):
        if words[i] == "--options":
            words[i:i + 2] = [f"--options={words[i + 1]}"]
            break
    return parser.parse_args(words)


def explicit_program(asked):
    """The program of --file, --options, --kernel and --group."""
    path = TREE / "cl" / asked.file
    if not path.exists():
        raise SystemExit(f"compilers: there is no kernel file {path}")
    if not re.fullmatch(r"(\d+(x\d+){0,2})?", asked.group):
        raise SystemExit(f"compilers: --group {asked.group} is not a work-group such as 64 or 16x16")
    group = tuple(int(n) for n in asked.group.split("x")) if asked.group else ()
    return Program(asked.file, path, f"{COMMON_OPTIONS} {asked.options} -I{path.parent}",
                   {name: {group} for name in asked.kernel or [ANY]}, True)


def main():
    asked = arguments()
    if asked.list:
        for target in TARGETS:
            print(f"{target.name:8}  {target.vendor}, {target.architecture}")
        return 0
    targets = choose(asked.target)
    tools, missing = find_tools(asked.python, {target.vendor for target in targets})
    if missing:
        print(f"compilers: not found: {', '.join(missing)}", file=sys.stderr)
        return 77
    if not asked.file:
        raise SystemExit("compilers: --file is needed")
    rows = compile_all(tools, targets, [explicit_program(asked)])
    print_table(rows)
    if asked.json:
        write_json(rows, asked.json)
    return 1 if any(row.problems for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
