"""Programs through the compilers of all targets."""
import shlex
import struct
import tempfile
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count

import amd
import intel
import nvidia
from compiled import CompileError
from report import Row, row_of

# What the readers of listings come upon where a compiler's answer has another form, or options an open quote.
UNREADABLE = (AttributeError, LookupError, OSError, TypeError, ValueError, struct.error)

VENDORS = {"amd": amd, "intel": intel, "nvidia": nvidia}

# file      the kernel file's name in cl/
# source    the path of the text to compile
# options   as the program passes them to clBuildProgram
# groups    the kernels to look at, each with the work-groups that it is launched with; of ANY: all that are compiled
# main      whether the rule about main loops holds for it
Program = namedtuple("Program", "file source options groups main")
ANY = "(all)"


def compile_program(tools, target, program):
    """The rows of a program's kernels on a target; one row with the reason where it does not compile."""
    with tempfile.TemporaryDirectory(prefix="tessera-compile-") as directory:
        try:
            kernels = VENDORS[target.vendor].compile(tools, target, program.source, shlex.split(program.options), directory)
        except CompileError as error:
            return failed(target, program, str(error))
        except UNREADABLE as error:
            return failed(target, program, f"what its compiler says cannot be read ({type(error).__name__}: {error})")
    compiled = {kernel.name: kernel for kernel in kernels}
    rows = []
    groups_of = {name: program.groups[ANY] for name in compiled} if ANY in program.groups else program.groups
    for name, groups in sorted(groups_of.items()):
        if name not in compiled:
            rows.append(Row(target, program.file, name, program.options,
                            problems=[f"is not among the kernels compiled: {', '.join(sorted(compiled))}"]))
            continue
        rows.extend(row_of(target, program, compiled[name], group, program.main) for group in sorted(groups) or [()])
    return rows


def failed(target, program, reason):
    return [Row(target, program.file, name, program.options, problems=[reason]) for name in sorted(program.groups)]


def compile_all(tools, pairs):
    """The rows of pairs of a target and a program, in their order."""
    with ThreadPoolExecutor(cpu_count()) as pool:
        return [row for rows in pool.map(lambda pair: compile_program(tools, *pair), pairs) for row in rows]
