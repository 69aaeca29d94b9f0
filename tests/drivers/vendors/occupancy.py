"""How many work-groups fit on a compute unit at a time, by what the vendors publish of registers, local memory and waves."""


def divide_up(n, by):
    return -(-n // by)


def round_up(n, to):
    return divide_up(n, to) * to


def groups_per_unit(target, kernel, items):
    """Work-groups of `items` work-items that fit; 0 when not even one does."""
    return {"amd": amd, "intel": intel, "nvidia": nvidia}[target.vendor](target.unit, kernel, items)


def amd(unit, kernel, items):
    """A wave takes registers in steps of `granule` from those of its SIMD; a group's waves spread over the SIMDs."""
    waves = min(unit["waves"], unit["registers"] // round_up(max(kernel.registers, 1), unit["granule"]))
    if unit["scalars"]:
        waves = min(waves, unit["scalars"] // round_up(max(kernel.scalars, 1), unit["scalar_granule"]))
    group_waves = divide_up(items, kernel.width)
    groups = unit["simds"] * waves // group_waves
    if group_waves > 1:  # those of one wave need none of the unit's barriers
        groups = min(groups, unit["groups"])
    return min(groups, by_local(unit["local"], round_up(kernel.local, 512)))


def nvidia(unit, kernel, items):
    """A warp takes registers in steps of 256, and warps are shared out four at a time; a block takes some local memory."""
    warps = min(unit["warps"], unit["registers"] // round_up(kernel.registers * 32, 256) // 4 * 4)
    groups = min(unit["groups"], warps // divide_up(items, 32))
    return min(groups, by_local(unit["local"], round_up(kernel.local + unit["local_reserved"], unit["local_granule"])))


def intel(unit, kernel, items):
    """Every thread has its own registers, whatever the kernel takes; local memory comes in a few sizes."""
    groups = min(unit["groups"], unit["threads"] // divide_up(items, kernel.width))
    sizes = [kib * 1024 for kib in unit["granules"] if kib * 1024 >= kernel.local]
    if kernel.local and not sizes:
        return 0
    return min(groups, by_local(unit["local"], sizes[0] if kernel.local else 0))


def by_local(available, taken):
    return available // taken if taken else 1 << 30
