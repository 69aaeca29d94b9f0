"""Intel: ocloc, which calls the graphics compiler of Intel's driver (IGC)."""
import os
import re
import struct
from pathlib import Path

from compiled import CompileError, Kernel, call, need_kernels
from listing import Instruction, Label, hottest_loop


def compile(tools, target, source, options, directory):
    """Compiles a source; the kernels in it. The binary in the zebin form says what each kernel takes, and the compiler writes
    down the instructions where it is asked to."""
    dumps, out = Path(directory, "dumps"), Path(directory, "binary")
    dumps.mkdir()
    environment = dict(os.environ, IGC_ShaderDumpEnable="1", IGC_DumpToCustomDir=f"{dumps}/", IGC_EnableZEBinary="1")
    log = call([tools.ocloc, "compile", "-file", str(source), "-device", target.architecture, "-options", " ".join(options),
                "-internal_options", "-cl-intel-allow-zebin -allow-zebin", "-out_dir", str(out)], directory, environment)
    binaries = list(out.glob("*.bin"))
    if len(binaries) != 1:
        raise CompileError(f"ocloc wrote {len(binaries)} binaries")
    parts = sections(binaries[0].read_bytes())
    codes = [(path.with_suffix(".asm").read_text(), path.read_bytes()) for path in sorted(dumps.glob("*.dat"))
             if path.with_suffix(".asm").exists()]
    return parse(parts, codes, log)


def sections(binary):
    """The sections of an ELF file by name."""
    offset, = struct.unpack_from("<Q", binary, 0x28)
    size, count, names = struct.unpack_from("<HHH", binary, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", binary, offset + i * size) for i in range(count)]
    found = {}
    for header in headers:
        start = headers[names][4] + header[0]
        found[binary[start:binary.index(b"\0", start)].decode()] = binary[header[4]:header[4] + header[5]]
    return found


def parse(parts, codes, log=""):
    """The kernels of a binary's sections. `codes` are the listings that the compiler wrote on its way, each with its code: it
    may compile a kernel several times, for other widths or after a spill, and only one of them is in the binary."""
    kernels = []
    info = parts.get(".ze_info", b"").decode()
    found = re.search(r"^kernels:\n(.*?)(?=^\w|^\.\.\.|\Z)", info, re.M | re.S)
    for text in re.split(r"^  - (?=name:)", found.group(1), flags=re.M)[1:] if found else ():
        name = re.search(r"name: +(\S+)", text).group(1).strip("'\"")
        group = re.search(r"required_work_group_size: \[ (\d+), (\d+), (\d+) \]", text)
        code = parts.get(f".text.{name}", b"")
        listing = next((listing for listing, own in codes if own and code.startswith(own)), None)
        if listing is None:
            raise CompileError(f"no listing of IGC is that of the kernel {name}")
        spills = sum(int(n) for n in re.findall(r"^//\.spill size\s+(\d+)", listing, re.M))
        width = int(re.search(r"simd_size: +(\d+)", text).group(1))
        if f"kernel {name} compiled SIMD{width} " in log and "spilled" in log:
            spills = max(spills, 1)
        kernels.append(Kernel(
            name=name, registers=registers(listing), local=field(text, "slm_size"), private=memory_buffers(text), spills=spills,
            width=width, required_group=tuple(int(n) for n in group.groups()) if group else (),
            loop=hottest_loop(instructions(listing))))
    return need_kernels(kernels, "ocloc's binary")


def field(text, name):
    found = re.search(rf"\b{name}: +(\d+)", text)
    return int(found.group(1)) if found else 0


def memory_buffers(text):
    """Bytes of memory for a hardware thread's arrays and spills (for a work-item's where the compiler counts them so)."""
    found = re.search(r"per_thread_memory_buffers:\n((?: {6}.*\n)*)", text)
    return sum(int(n) for n in re.findall(r"\bsize: +(\d+)", found.group(1))) if found else 0


def registers(listing):
    """How many of the thread's registers the instructions name."""
    code = "\n".join(line.split("//")[0] for line in listing.splitlines())
    return len(set(re.findall(r"\br(\d+)\b", code)))


def instructions(listing):
    lines = []
    for line in listing.splitlines():
        label = re.match(r"(\w+):", line)
        text = re.match(r"(\(.*?\))?\s+([a-z]\w*(\.\w+)*)\s+(.*)", line.split("//")[0])
        if label:
            lines.append(Label(label.group(1)))
        elif text:
            lines.append(instruction(text.group(1), text.group(2), text.group(4)))
    return lines


def instruction(predicate, word, operands):
    word = word.split(".")[0]  # goto.b, sync.nop
    if word in ("sync", "nop"):
        return Instruction(hint=True)
    always = not predicate or predicate == "(W)"
    if word in ("goto", "while", "jmpi", "brc", "brd"):
        names = re.sub(r"^\(.*?\)", "", operands).split("{")[0].split()
        # All of a thread's work-items that are still there may leave a while at once: what is behind it follows.
        return Instruction(targets=tuple(names), falls=not always or word == "while")
    if word in ("mad", "mac") and re.search(r"<\d>:f\b", operands):
        return Instruction(multiply_adds=1)
    return Instruction(falls="EOT" not in operands)
