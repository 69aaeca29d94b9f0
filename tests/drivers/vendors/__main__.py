"""Kernels through the vendors' own compilers, with no card; ../compilers installs them and starts this.

Without --file, what the program compiles for the class of device that each target stands for, to train and run the networks
in data/networks; with it, one kernel file of cl/ with the options given."""
import argparse
import re
import sys
import tempfile
from pathlib import Path

from capture import CaptureError, kernel_files, missing_programs, networks
from compile import ANY, Program, compile_all
from report import can_write, idle_patterns, print_table, print_tables, write_json
from targets import TARGETS, choose
from tools import find_tools

REDUCED = ["xe-hpg", "gfx1030", "sm_80"]
TREE = Path(__file__).resolve().parents[3]

# What the program passes for every kernel (host/device/program.c, and for Intel's GPUs host/device/quirks.c): --file has it
# from here, and what is captured must agree.
COMMON_OPTIONS = {"amd": "-cl-std=CL1.2 -cl-mad-enable -cl-denorms-are-zero",
                  "intel": "-cl-std=CL1.2 -cl-denorms-are-zero",
                  "nvidia": "-cl-std=CL1.2 -cl-mad-enable -cl-denorms-are-zero"}


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
    parser.add_argument("--reduced", action="store_true", help="a target of each vendor, and the reference network's kernels")
    parser.add_argument("--build", default="build", help="where tests/epoch and the layers were built")
    parser.add_argument("--python", help=argparse.SUPPRESS)
    # For ../compilers: the vendors of the targets asked for, each with the tools of its that are missing.
    parser.add_argument("--vendors", action="store_true", help=argparse.SUPPRESS)
    # Macros begin with a dash: what follows --options is its value whatever it looks like.
    words = sys.argv[1:]
    for i in range(len(words) - 1):
        if words[i] == "--options":
            words[i:i + 2] = [f"--options={words[i + 1]}"]
            break
    return parser.parse_args(words)


def explicit_program(asked, target):
    """The program of --file, --options, --kernel and --group for a target."""
    path = TREE / "cl" / asked.file
    if not path.exists():
        raise SystemExit(f"compilers: there is no kernel file {path}")
    if not re.fullmatch(r"(\d+(x\d+){0,2})?", asked.group):
        raise SystemExit(f"compilers: --group {asked.group} is not a work-group such as 64 or 16x16")
    group = tuple(int(n) for n in asked.group.split("x")) if asked.group else ()
    return Program(asked.file, path, f"{COMMON_OPTIONS[target.vendor]} {asked.options} -I{path.parent}",
                   {name: {group} for name in asked.kernel or [ANY]}, True)


def captured_pairs(asked, targets, directory):
    """The targets with the programs for each: those of the networks and, so that every kernel file is compiled, of the
    tests of files that no network uses."""
    files = sorted((TREE / "data" / "networks").glob("reference.json" if asked.reduced else "*.json"))
    pairs, used = [], set()
    for target in targets:
        programs = networks(asked.build, target.profile, files, directory / target.name)
        check_common_options(target, programs)
        if asked.reduced:
            programs = [program for program in programs if program.file.startswith(("conv2d", "dense"))]
        used |= {program.file for program in programs}
        pairs.extend((target, program) for program in programs)
    if not asked.reduced:
        missing = [file for file in kernel_files(TREE / "cl") if file not in used and has_kernel(file, asked.kernel)]
        programs = missing_programs(asked.build, targets[0].profile, missing, directory / "missing")
        pairs.extend((target, program) for target in targets for program in programs)
    return [(target, only(asked.kernel, program)) for target, program in pairs if only(asked.kernel, program).groups]


def check_common_options(target, programs):
    for program in programs:
        if not program.options.startswith(COMMON_OPTIONS[target.vendor]):
            raise CaptureError(f"the program builds with {program.options}, which COMMON_OPTIONS in vendors/__main__.py "
                               f"does not say of {target.vendor}: mend it")


def has_kernel(file, names):
    text = (TREE / "cl" / file).read_text()
    return not names or any(re.search(rf"\b{re.escape(name)}\(", text) for name in names)


def only(names, program):
    """The program with the kernels of these names; all without names."""
    groups = {name: group for name, group in program.groups.items() if not names or name in names}
    return program._replace(groups=groups)


def main():
    asked = arguments()
    if asked.list:
        for target in TARGETS:
            print(f"{target.name:8}  {target.vendor}, {target.architecture}")
        return 0
    targets = choose(asked.target or (REDUCED if asked.reduced else []))
    vendors = sorted({target.vendor for target in targets})
    tools, missing = find_tools(asked.python, vendors)
    if asked.vendors:
        for vendor in vendors:
            print(vendor, ",".join(missing.get(vendor, [])))
        return 0
    for vendor, names in missing.items():
        print(f"compilers: {vendor} is left out: {', '.join(names)} not found", file=sys.stderr)
    targets = [target for target in targets if target.vendor not in missing]
    if not targets:
        return 77
    code = compile_for(asked, tools, targets)
    return code or (77 if missing else 0)


def compile_for(asked, tools, targets):
    """Compiles what is asked for and prints it; 1 when something is wrong with it."""
    if asked.json and not can_write(asked.json):
        print(f"compilers: {asked.json} cannot be written: name another file for --json", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="tessera-compilers-") as directory:
        if asked.file:
            rows = compile_all(tools, [(target, explicit_program(asked, target)) for target in targets])
            print_table(rows)
        else:
            try:
                pairs = captured_pairs(asked, targets, Path(directory))
            except CaptureError as error:
                print(f"compilers: {error}", file=sys.stderr)
                return 1
            rows = compile_all(tools, pairs)
            print_tables(rows)
    if asked.json:
        write_json(rows, asked.json)
    if not rows:
        print("compilers: no kernel of that name was compiled", file=sys.stderr)
    idle = [] if asked.file or asked.kernel or asked.reduced else idle_patterns(rows)
    for pattern in idle:
        print(f"compilers: no kernel is called {pattern}: mend MAIN_LOOPS in vendors/report.py", file=sys.stderr)
    return 1 if not rows or idle or any(row.problems for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
