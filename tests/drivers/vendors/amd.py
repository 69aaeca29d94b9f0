"""AMD: LLVM's AMDGPU back end, which ROCm uses, with libclc for the built-in functions."""
import re
from pathlib import Path

from compiled import Kernel, call, need_kernels
from listing import Instruction, Label, hottest_loop

HINTS = ("s_waitcnt", "s_nop", "s_delay_alu", "s_clause", "s_inst_prefetch", "s_code_end", "s_set_inst_prefetch", "s_sleep")
MULTIPLY_ADD = re.compile(r"v_(dual_)?(fma|fmac|mac|mad|fmaak|fmamk|fmaac|madak|madmk)_(legacy_)?f32|v_fmac_f32|v_pk_fma_f32")


def compile(tools, target, source, options, directory):
    """Compiles a source; the kernels in it."""
    listing = Path(directory, "kernel.s")
    call([tools.clang, "-x", "cl", *options, "-target", "amdgcn-amd-amdhsa", f"-mcpu={target.architecture}",
          "-Xclang", "-finclude-default-header", "-O3", "-nogpulib", "-w", "-Xclang", "-mlink-bitcode-file",
          "-Xclang", f"{tools.libclc}/amdgcn--amdhsa.bc", "-S", str(source), "-o", str(listing)], directory)
    return parse(listing.read_text())


def parse(listing):
    """The kernels of an assembly listing."""
    kernels = []
    for fields in metadata(listing):
        name = fields["name"]
        spills = int(fields["vgpr_spill_count"]) + int(fields["sgpr_spill_count"])
        kernels.append(Kernel(
            name=name, registers=int(fields["vgpr_count"]), scalars=int(fields["sgpr_count"]),
            local=int(fields["group_segment_fixed_size"]), private=int(fields["private_segment_fixed_size"]),
            spills=spills, width=int(fields["wavefront_size"]), required_group=fields.get("reqd_workgroup_size", ()),
            largest_group=int(fields["max_flat_workgroup_size"]), loop=hottest_loop(instructions(listing, name))))
    return need_kernels(kernels, "clang's listing for AMD")


def metadata(listing):
    """The fields of each kernel in the listing's metadata (a little YAML, of a fixed form)."""
    found = re.search(r"^amdhsa\.kernels:\n(.*?)^amdhsa\.target", listing, re.M | re.S)
    for text in re.split(r"^  - ", found.group(1), flags=re.M)[1:] if found else ():
        fields = dict(re.findall(r"^ {4}\.(\w+): +(\S+)$", "    " + text, re.M))
        group = re.search(r"^ {4}\.reqd_workgroup_size:\n((?: {6}- \d+\n){3})", "    " + text, re.M)
        if group:
            fields["reqd_workgroup_size"] = tuple(int(n) for n in re.findall(r"\d+", group.group(1)))
        yield fields


def instructions(listing, name):
    """A kernel's lines, from its label to its end."""
    body = re.search(rf"^{re.escape(name)}:.*?^\.Lfunc_end", listing, re.M | re.S)
    lines = []
    for line in body.group(0).splitlines() if body else ():
        line = line.split(";")[0].rstrip()
        label = re.match(r"(\.L\w+):", line)
        if label:
            lines.append(Label(label.group(1)))
        elif re.match(r"\t[a-z]\w+", line):
            lines.append(instruction(line.strip()))
    return lines


def instruction(text):
    if text.startswith(HINTS):
        return Instruction(hint=True)
    jump = re.match(r"s_c?branch\w*\s+(\.L\w+)", text)
    if jump:
        return Instruction(targets=(jump.group(1),), falls=not text.startswith("s_branch"))
    if text.startswith(("s_endpgm", "s_setpc")):
        return Instruction(falls=False)
    parts = text.split("::")
    per_part = 2 if text.startswith("v_pk_fma_f32") else 1
    multiply_adds = sum(bool(MULTIPLY_ADD.match(part.strip())) for part in parts)
    return Instruction(len(parts) * per_part, multiply_adds * per_part)
