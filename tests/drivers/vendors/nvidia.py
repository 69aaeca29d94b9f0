"""NVIDIA: clang and libclc make PTX, ptxas makes the machine code that nvdisasm lists. NVIDIA's own OpenCL driver has another
front end; what registers and instructions cost is decided by ptxas."""
import re
import tempfile
from functools import lru_cache
from pathlib import Path

from compiled import Kernel, call, need_kernels
from listing import Instruction, Label, hottest_loop

PTX_VERSION = "7.8"  # the first that knows sm_90


def compile(tools, target, source, options, directory):
    """Compiles a source; the kernels in it."""
    ptx, groups = to_ptx(tools.clang, tools.libclc, source, tuple(options))
    path, code = Path(directory, "kernel.ptx"), str(Path(directory, "kernel.cubin"))
    path.write_text(prepare(ptx, target.architecture, groups))
    log = call([tools.ptxas, f"-arch={target.architecture}", "-v", str(path), "-o", code], directory)
    return parse(log, call([tools.nvdisasm, "-c", code], directory), groups)


@lru_cache(maxsize=64)  # the same for every architecture
def to_ptx(clang, libclc, source, options):
    """The PTX of a source, and its kernels' reqd_work_group_size."""
    # Pointers to local memory take 32 bits, as NVIDIA's own compiler has it: with 64, half of a loop is arithmetic on them.
    command = [clang, "-target", "nvptx64-nvidia-nvcl", "-Xclang", "-target-cpu", "-Xclang", "sm_75", "-Xclang",
               "-fcuda-short-ptr", "-mllvm", "-nvptx-short-ptr", "-O3", "-nogpulib", "-w", "-S"]
    # clang leaves -cl-denorms-are-zero to the target, and this target does not look at it.
    flush = ["-Xclang", "-fdenormal-fp-math-f32=preserve-sign"] if "-cl-denorms-are-zero" in options else []
    with tempfile.TemporaryDirectory(prefix="tessera-ptx-") as directory:
        ir, ptx = (Path(directory, f"kernel.{suffix}") for suffix in ("ll", "ptx"))
        call([*command, "-x", "cl", *options, *flush, "-Xclang", "-finclude-default-header", "-Xclang",
              "-mlink-bitcode-file", "-Xclang", f"{libclc}/nvptx64--nvidiacl.bc", "-emit-llvm", str(source), "-o", str(ir)],
             directory)
        call([*command, "-Xclang", "-disable-llvm-passes", "-x", "ir", str(ir), "-o", str(ptx)], directory)
        return ptx.read_text(), required_groups(ir.read_text())


def required_groups(ir):
    """Each kernel's reqd_work_group_size, which clang writes down but does not pass on to ptxas."""
    sizes = {number: tuple(int(n) for n in re.findall(r"i32 (\d+)", text))
             for number, text in re.findall(r"^!(\d+) = !\{((?:i32 \d+(?:, )?){3})\}$", ir, re.M)}
    kernels = re.findall(r"^define .*?@(\w+)\(.*!reqd_work_group_size !(\d+)", ir, re.M)
    return {name: sizes[number] for name, number in kernels}


def prepare(ptx, architecture, groups):
    """The PTX for an architecture, with the kernels' work-groups."""
    ptx = re.sub(r"^\.version .*$", f".version {PTX_VERSION}", ptx, count=1, flags=re.M)
    ptx = re.sub(r"^\.target .*$", f".target {architecture}, texmode_independent", ptx, count=1, flags=re.M)
    for name, group in groups.items():
        size = ", ".join(str(n) for n in group)
        ptx = re.sub(rf"(\.entry {re.escape(name)}\(.*?\n\)\n)", rf"\1.reqntid {size}\n", ptx, count=1, flags=re.S)
    return ptx


def parse(log, listing, groups):
    """The kernels of ptxas's report and of nvdisasm's listing."""
    kernels = []
    for text in log.split("Compiling entry function")[1:]:
        name = re.search(r"'(\w+)'", text).group(1)
        stack, stores, loads = (number(text, rf"(\d+) bytes {what}") for what in ("stack frame", "spill stores", "spill loads"))
        kernels.append(Kernel(name=name, registers=number(text, r"Used (\d+) registers"),
                              local=number(text, r"(\d+) bytes smem", 0), private=stack, spills=stores + loads, width=32,
                              required_group=groups.get(name, ()), loop=hottest_loop(instructions(listing, name))))
    return need_kernels(kernels, "ptxas's report")


def number(text, pattern, otherwise=None):
    found = re.search(pattern, text)
    if not found and otherwise is None:
        raise ValueError(f"ptxas does not say {pattern}")
    return int(found.group(1)) if found else otherwise


def instructions(listing, name):
    """The lines of a kernel's section."""
    body = re.search(rf"^\.text\.{re.escape(name)}:\n(.*?)(?=^\s*\.section|\Z)", listing, re.M | re.S)
    lines = []
    for line in body.group(1).splitlines() if body else ():
        label = re.match(r"(\.L_\w+):", line)
        text = re.match(r"\s+/\*[0-9a-f]+\*/\s+(.*?);", line)
        if label:
            lines.append(Label(label.group(1)))
        elif text:
            lines.append(instruction(text.group(1)))
    return lines


def instruction(text):
    predicate, word = re.match(r"(@!?U?P\w+\s+)?([A-Z0-9_]+)", text).groups()
    always = not predicate or predicate.strip() in ("@PT", "@UPT")
    if word in ("BRA", "BRX", "JMP"):
        condition = re.search(r"!?U?P\d, `", text)
        return Instruction(targets=tuple(re.findall(r"`\(([^)]+)\)", text)), falls=not always or bool(condition))
    if word in ("EXIT", "RET"):
        return Instruction(falls=not always)
    if word == "NOP":
        return Instruction(hint=True)
    return Instruction(multiply_adds=int(word in ("FFMA", "FFMA32I")))
