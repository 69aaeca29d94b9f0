"""Loops in a listing of machine instructions."""
from collections import namedtuple

# A line of a listing: a label, or an instruction.
#   parts          instructions that it stands for (two in a pair that is issued at once)
#   multiply_adds  how many of them multiply and add floats
#   targets        labels that it may jump to
#   falls          whether the instruction behind it may follow
#   hint           it only tells the scheduler what to wait for or what comes: NVIDIA and Intel's later devices carry that in
#                  the instruction words, so it is not counted
Label = namedtuple("Label", "name")
Instruction = namedtuple("Instruction", "parts multiply_adds targets falls hint", defaults=(1, 0, (), True, False))

UNROLLED = 8

# What is in a loop and in none of the loops within it.
Loop = namedtuple("Loop", "instructions multiply_adds unrolled", defaults=(False,))


def blocks_of(lines):
    """Basic blocks: lists of instructions, and the numbers of those that may follow each."""
    blocks, labels, fresh = [[]], {}, False
    for line in lines:
        if isinstance(line, Label):
            if blocks[-1]:
                blocks.append([])
            labels[line.name] = len(blocks) - 1
            fresh = False
            continue
        if fresh:
            blocks.append([])
        blocks[-1].append(line)
        fresh = bool(line.targets) or not line.falls
    successors = []
    for number, block in enumerate(blocks):
        last = block[-1] if block else Instruction()
        follow = {labels[name] for name in last.targets if name in labels}
        if last.falls and number + 1 < len(blocks):
            follow.add(number + 1)
        successors.append(follow)
    return blocks, successors


def dominators(successors):
    """For each block, the set of blocks (as bits) through which every way to it leads."""
    count = len(successors)
    predecessors = [[] for _ in range(count)]
    for number, follow in enumerate(successors):
        for next_number in follow:
            predecessors[next_number].append(number)
    everything = (1 << count) - 1
    of = [1] + [everything] * (count - 1)
    changed = True
    while changed:
        changed = False
        for number in range(1, count):
            common = everything
            for before in predecessors[number]:
                common &= of[before]
            common |= 1 << number
            if common != of[number]:
                of[number], changed = common, True
    return of, predecessors


def natural_loops(successors):
    """Loops as sets of blocks; those with the same first block are one."""
    of, predecessors = dominators(successors)
    reached, todo = set(), [0]
    while todo:
        number = todo.pop()
        if number not in reached:
            reached.add(number)
            todo.extend(successors[number])
    loops = {}
    for number in reached:
        for head in successors[number]:
            if not of[number] >> head & 1:
                continue
            body = loops.setdefault(head, {head})
            todo = [number]
            while todo:
                inside = todo.pop()
                if inside not in body and inside in reached:
                    body.add(inside)
                    todo.extend(predecessors[inside])
    return list(loops.values())


def count(instructions, unrolled=False):
    own = [i for i in instructions if not i.hint]
    return Loop(sum(i.parts for i in own), sum(i.multiply_adds for i in own), unrolled)


def hottest_loop(lines):
    """The loop with the most multiply-adds of its own, or None where there are none. Where the code outside of all loops has
    UNROLLED times as many, the compiler has unrolled the loop whole: then that code."""
    blocks, successors = blocks_of(lines)
    loops = natural_loops(successors)
    own = [body - set().union(*(other for other in loops if other < body)) for body in loops]
    best = max((count(i for number in body for i in blocks[number]) for body in own), default=Loop(0, 0, False),
               key=lambda loop: loop.multiply_adds)
    inside = set().union(*loops)
    straight = count((i for number, block in enumerate(blocks) if number not in inside for i in block), unrolled=True)
    if straight.multiply_adds > UNROLLED * best.multiply_adds:
        best = straight
    return best if best.multiply_adds else None
