"""The devices that the vendors' compilers compile for, and what is published of their compute units."""
from collections import namedtuple

# architecture    the compiler's name for it
# profile         the device that tests/layers/limits.c pretends, for what the program would compile for this class
# local           bytes of local memory that one work-group may have in OpenCL
# unit            occupancy facts; see occupancy.py
Target = namedtuple("Target", "name vendor architecture profile local unit")

KIB = 1024

# AMD: a compute unit is what OpenCL counts, a CU with four SIMDs on GCN and a work-group processor (two CUs) on RDNA.
# Registers and waves are of one SIMD. From AMD's instruction set documents and LLVM's AMDGPU back end.
GCN = dict(simds=4, waves=10, registers=256, granule=4, scalars=800, scalar_granule=16, local=64 * KIB, groups=16)
RDNA2 = dict(simds=4, waves=16, registers=1024, granule=16, scalars=None, local=128 * KIB, groups=32)
RDNA3 = dict(RDNA2, registers=1536, granule=24)

# Intel: a compute unit is a sub-slice (a dual sub-slice, an Xe core): hardware threads that share local memory.
GEN9 = dict(threads=8 * 7, local=64 * KIB, groups=16, granules=(1, 2, 4, 8, 16, 32, 64))
GEN12 = dict(threads=16 * 7, local=128 * KIB, groups=32, granules=(1, 2, 4, 8, 16, 32, 64))
XE_HPG = dict(threads=16 * 8, local=128 * KIB, groups=32, granules=(1, 2, 4, 8, 16, 24, 32, 48, 64))

# NVIDIA: a compute unit is a streaming multiprocessor. From the CUDA programming guide's table of compute capabilities.
TURING = dict(warps=32, groups=16, registers=64 * KIB, local=64 * KIB, local_granule=256, local_reserved=0)
AMPERE = dict(warps=64, groups=32, registers=64 * KIB, local=164 * KIB, local_granule=128, local_reserved=KIB)
HOPPER = dict(AMPERE, local=228 * KIB)

TARGETS = [
    Target("gen9", "intel", "skl", "intel-gen9", 64 * KIB, GEN9),
    Target("gen12", "intel", "tgllp", "intel-gen12", 64 * KIB, GEN12),
    Target("xe-hpg", "intel", "dg2", "intel-xe-hpg", 64 * KIB, XE_HPG),
    Target("gfx803", "amd", "gfx803", "amd-gfx803", 64 * KIB, GCN),
    Target("gfx906", "amd", "gfx906", "amd-gfx906", 64 * KIB, GCN),
    Target("gfx1030", "amd", "gfx1030", "amd-gfx1030", 64 * KIB, RDNA2),
    Target("gfx1100", "amd", "gfx1100", "amd-gfx1100", 64 * KIB, RDNA3),
    Target("sm_75", "nvidia", "sm_75", "nvidia-sm75", 48 * KIB, TURING),
    Target("sm_80", "nvidia", "sm_80", "nvidia-sm80", 48 * KIB, AMPERE),
    Target("sm_90", "nvidia", "sm_90", "nvidia-sm90", 48 * KIB, HOPPER),
]


def choose(names):
    """The targets of these names or vendors; all without names."""
    known = {name for t in TARGETS for name in (t.name, t.vendor, t.architecture)}
    for name in names:
        if name not in known:
            raise SystemExit(f"there is no target {name}: " + ", ".join(t.name for t in TARGETS) + " are known, and their "
                             "vendors amd, intel and nvidia")
    return [t for t in TARGETS if not names or {t.name, t.vendor, t.architecture} & set(names)]
