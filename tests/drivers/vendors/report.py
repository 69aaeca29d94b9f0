"""Rows of the table, what is wrong with them, and how they are printed."""
import json
import os
import re
from dataclasses import dataclass, field
from fnmatch import fnmatch

from occupancy import groups_per_unit

# Kernels that do the work of a network, by patterns of their names: in their hottest loop at least this share of the
# instructions must multiply and add, on the vendors named.
MAIN_LOOPS = {"*_tiled": 0.6, "dense_gemm": 0.6}
MAIN_LOOP_VENDORS = ("amd", "nvidia")
# A matrix by a vector has one multiply-add for each number that it reads: it cannot have such a share.
BY_VECTOR = re.compile(r"\bITEM_(ROWS|COLUMNS)=1\b")


@dataclass
class Row:
    target: object
    file: str
    kernel: str
    options: str
    group: tuple = ()
    compiled: object = None
    groups_per_unit: int = None
    judged: bool = None  # whether its main loop was, where the rule holds for it
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
    least = next((share for pattern, share in MAIN_LOOPS.items() if fnmatch(compiled.name, pattern)), None)
    if main_loop and least and target.vendor in MAIN_LOOP_VENDORS and not BY_VECTOR.search(program.options):
        check_loop(row, least)
    return row


def check_loop(row, least):
    """A main loop that the compiler unrolled whole is no loop any more: its share is printed, and not judged."""
    row.judged = not (row.compiled.loop and row.compiled.loop.unrolled)
    if not row.compiled.loop:
        row.problems.append("no multiply-adds are found in it")
    elif not row.compiled.loop.unrolled and row.share() < least:
        row.problems.append(f"{100 * row.share():.0f} % multiply-adds in the main loop, less than {100 * least:.0f} %")


def idle_patterns(rows):
    """The patterns of main loops that none of the kernels' names match, where kernels of these vendors are among the rows."""
    names = {row.kernel for row in rows if row.target.vendor in MAIN_LOOP_VENDORS}
    return [pattern for pattern in MAIN_LOOPS if names and not any(fnmatch(name, pattern) for name in names)]


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


def macros_of(row):
    return [word[2:] for word in row.options.replace("-D ", "-D").split() if word.startswith("-D")]


def short_options(rows):
    """Each row's macros; of a kernel that is there several times only those in which its rows differ."""
    short = []
    for row in rows:
        others = [set(macros_of(other)) for other in rows if (other.file, other.kernel) == (row.file, row.kernel)]
        common = set.intersection(*others) if len(others) > 1 else set()
        short.append(" ".join(word for word in macros_of(row) if word not in common))
    return short


COLUMNS = ("target", "kernel", "regs", "local", "scratch", "spills", "width", "group", "groups/CU", "mul-adds", "of", "share")


def share_text(row):
    return f"({100 * row.share():.0f} %)" if row.compiled.loop.unrolled else f"{100 * row.share():.0f} %"


def cells_of(row):
    c = row.compiled
    if not c:
        return [row.target.name, row.kernel] + ["-"] * 10
    registers = f"{c.registers}+{c.scalars}" if c.scalars else str(c.registers)
    loop = [str(c.loop.multiply_adds), str(c.loop.instructions), share_text(row)] if c.loop else ["-", "-", "-"]
    group = list(row.group)
    while len(group) > 1 and group[-1] == 1:
        group.pop()
    return [row.target.name, row.kernel, registers, str(c.local), str(c.private), str(c.spills), str(c.width),
            "x".join(str(n) for n in group) or "-", "-" if row.groups_per_unit is None else str(row.groups_per_unit), *loop]


def print_table(rows, options=()):
    """The rows beneath one another, each with its options in short where they are given, and what is wrong with it."""
    table = [cells_of(row) for row in rows]
    widths = [max(len(line[i]) for line in [list(COLUMNS)] + table) for i in range(len(COLUMNS))]

    def line(cells):
        left = "  ".join(cell.ljust(width) for cell, width in zip(cells[:2], widths[:2]))
        return "  ".join([left] + [cell.rjust(width) for cell, width in zip(cells[2:], widths[2:])])

    print(line(COLUMNS))
    for number, (row, cells) in enumerate(zip(rows, table)):
        text = line(cells) + (f"  {options[number]}"[:100] if options else "")
        print(text.rstrip() + "".join(f"  <- {problem}" for problem in row.problems))


def print_tables(rows):
    """A table for each target, and what is wrong at the end again."""
    targets = []
    for row in rows:
        if row.target not in targets:
            targets.append(row.target)
    for target in targets:
        own = sorted((row for row in rows if row.target == target), key=lambda row: (row.file, row.kernel))
        print(f"\n{target.name}: {target.vendor}, {target.architecture}, {target.local // 1024} KiB of local memory")
        print_table(own, short_options(own))
    wrong = [row for row in rows if row.problems]
    print(f"\n{len(rows)} kernels on {len(targets)} targets, {len(wrong)} of them with something wrong")
    main_loops = [row.judged for row in rows if row.judged is not None]
    print(f"{len(main_loops)} main loops, {main_loops.count(False)} of them unrolled whole and so not judged")
    for row in wrong:
        print(f"  {row.target.name} {row.kernel}: {'; '.join(row.problems)}")


def as_json(row):
    c = row.compiled
    record = {"target": row.target.name, "vendor": row.target.vendor, "architecture": row.target.architecture, "file": row.file,
              "kernel": row.kernel, "options": row.options, "group": list(row.group), "problems": row.problems}
    if c:
        record.update(registers=c.registers, scalar_registers=c.scalars, local=c.local, private=c.private, spills=c.spills,
                      width=c.width, groups_per_unit=row.groups_per_unit)
        if c.loop:
            record["loop"] = {"multiply_adds": c.loop.multiply_adds, "instructions": c.loop.instructions,
                              "share": round(row.share(), 4), "unrolled": c.loop.unrolled}
    return record


def can_write(path):
    path = os.path.realpath(path)
    return not os.path.isdir(path) and os.access(path if os.path.exists(path) else os.path.dirname(path), os.W_OK)


def write_json(rows, path):
    text = json.dumps([as_json(row) for row in rows], indent=1) + "\n"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
