"""What a compiler says of a kernel, and how the compilers are called."""
import subprocess
from dataclasses import dataclass, field
from typing import Optional


class CompileError(Exception):
    """The compiler refused a program, or its answer could not be understood; the text is for a person."""


@dataclass
class Kernel:
    """A compiled kernel. `spills` are bytes or registers that went to memory, in the compiler's own unit; `private` is memory
    of a work-item for arrays that did not become registers (and for spills, where the compiler does not tell them apart)."""
    name: str
    registers: int
    local: int
    private: int
    spills: int
    width: int                     # work-items of a wave, a warp, a hardware thread
    scalars: int = 0               # AMD: scalar registers
    required_group: tuple = ()     # the kernel's reqd_work_group_size
    largest_group: Optional[int] = None
    loop: object = None            # listing.Loop
    notes: list = field(default_factory=list)


def call(command, directory, environment=None):
    """Runs a compiler; its output, or CompileError with its last lines."""
    done = subprocess.run(command, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", check=False)
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line] or lines
        raise CompileError(f"{command[0].rsplit('/', 1)[-1]} exits with {done.returncode}: " + "; ".join(errors[:3]))
    return done.stdout


def need_kernels(kernels, what):
    """A listing in which no kernel is found is not a kernel without spills."""
    if not kernels:
        raise CompileError(f"no kernel was found in {what}")
    return kernels
