"""Rows of the table, what is wrong with them, and how they are printed."""
import json
from dataclasses import dataclass, field

from occupancy import groups_per_unit

# Kernels that do the work of a network: in their hottest loop at least this share of the instructions must multiply and add,
# on the vendors named.
MAIN_LOOPS = {"conv2d_tiled": 0.6}
MAIN_LOOP_VENDORS = ("amd", "nvidia")


@dataclass
class Row:
    target: object
    file: str
    kernel: str
    options: str
    group: tuple = ()
    compiled: object = None
    groups_per_unit: int = None
    problems: list = field(default_factory=list)

    def share(self):
        loop = self.compiled.loop if self.compiled else None
        return loop.multiply_adds / loop.instructions if loop else None


def row_of(target, program, compiled, group, main_loop=True):
    """The row of a compiled kernel, with its faults. group: its work-items in each dimension, () when not known."""
    row = Row(target, program.file, compiled.name, program.options, compiled.required_group or group, compiled)
    if compiled.spills:
        row.problems.append(f"spills {compiled.spills}")
    if compiled.private:
        row.problems.append(f"{compiled.private} bytes of a work-item's arrays in memory")
    if compiled.local > target.local:
        row.problems.append(f"{compiled.local} bytes of local memory where the class has {target.local}")
    if row.group:
        check_group(row, items_of(row.group))
    least = MAIN_LOOPS.get(compiled.name)
    if main_loop and least and target.vendor in MAIN_LOOP_VENDORS and (row.share() or 0.0) < least:
        row.problems.append(f"{100 * (row.share() or 0.0):.0f} % multiply-adds in the main loop where {100 * least:.0f} % are "
                            "expected")
    return row


def check_group(row, items):
    limit = row.compiled.largest_group
    row.groups_per_unit = groups_per_unit(row.target, row.compiled, items)
    if limit and items > limit:
        row.problems.append(f"a work-group of {items} where the compiler provided for {limit}")
    elif row.groups_per_unit == 0:
        row.problems.append(f"no work-group of {items} fits on a compute unit")


def items_of(group):
    items = 1
    for n in group:
        items *= n
    return items


def short_options(options):
    """Options in short: without -D and what every program has."""
    words = [word[2:] for word in options.split() if word.startswith("-D")]
    return " ".join(words)


COLUMNS = ("target", "kernel", "regs", "local", "scratch", "spills", "width", "group", "groups/CU", "mul-adds", "of", "share")


def cells_of(row):
    c = row.compiled
    if not c:
        return [row.target.name, row.kernel] + ["-"] * 10
    registers = f"{c.registers}+{c.scalars}" if c.scalars else str(c.registers)
    loop = [str(c.loop.multiply_adds), str(c.loop.instructions), f"{100 * row.share():.0f} %"] if c.loop else ["-", "-", "-"]
    group = list(row.group)
    while len(group) > 1 and group[-1] == 1:
        group.pop()
    return [row.target.name, row.kernel, registers, str(c.local), str(c.private), str(c.spills), str(c.width),
            "x".join(str(n) for n in group) or "-", "-" if row.groups_per_unit is None else str(row.groups_per_unit), *loop]


def print_table(rows):
    """A table with the rows of each set of options beneath these options."""
    table = [cells_of(row) for row in rows]
    widths = [max(len(line[i]) for line in [list(COLUMNS)] + table) for i in range(len(COLUMNS))]

    def line(cells):
        left = "  ".join(cell.ljust(width) for cell, width in zip(cells[:2], widths[:2]))
        return "  ".join([left] + [cell.rjust(width) for cell, width in zip(cells[2:], widths[2:])])

    print(line(COLUMNS))
    program = None
    for row, cells in zip(rows, table):
        if (row.file, row.options) != program:
            program = (row.file, row.options)
            print(f"{row.file} {short_options(row.options)}".rstrip())
        print(line(cells) + "".join(f"  <- {problem}" for problem in row.problems))


def as_json(row):
    c = row.compiled
    record = {"target": row.target.name, "vendor": row.target.vendor, "architecture": row.target.architecture, "file": row.file,
              "kernel": row.kernel, "options": row.options, "group": list(row.group), "problems": row.problems}
    if c:
        record.update(registers=c.registers, scalar_registers=c.scalars, local=c.local, private=c.private, spills=c.spills,
                      width=c.width, groups_per_unit=row.groups_per_unit)
        if c.loop:
            record["loop"] = {"multiply_adds": c.loop.multiply_adds, "instructions": c.loop.instructions,
                              "share": round(row.share(), 4)}
    return record


def write_json(rows, path):
    with open(path, "w", encoding="utf-8") as file:
        json.dump([as_json(row) for row in rows], file, indent=1)
        file.write("\n")
