"""Facts from the text of a disassembled kernel: memory access widths, tensor-core and local-memory opcodes.

Reads what `nvdisasm -c -g` prints: instructions, each below the source line that it came from.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

_LINE = re.compile(r'//## File "([^"]*)", line (\d+)')
_INSTRUCTION = re.compile(r"/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Za-z0-9_.]*)\s*([^;]*);")
_ADDRESS = re.compile(r"\[(U?R\w+(?:\.\w+)*)(?:\+(?:UR\w+|(-?0x[0-9a-f]+)))?\]")

# Modifiers that name a width in bytes; an opcode without one moves 4. LTC128B and the like are cache hints.
_WIDTHS = {"U8": 1, "S8": 1, "U16": 2, "S16": 2, "64": 8, "128": 16, "256": 32}
_GLOBAL = {"LDG": "load", "STG": "store", "LDGSTS": "copy to shared"}
_TENSOR_CORE = ("HMMA", "HGMMA", "IMMA", "IGMMA", "DMMA", "QMMA", "QGMMA", "OMMA", "UTCHMMA", "UTCQMMA")
_BULK = ("UTMALDG", "UTMASTG", "UBLKCP")
_LOCAL = ("LDL", "STL")


@dataclass(frozen=True, slots=True)
class Access:
    """Global memory instructions of one kind, width and source line."""

    kind: str
    """"load", "store" or "copy to shared" (an asynchronous load)."""
    width_bytes: int
    """Bytes that one thread moves with one instruction."""
    count: int
    line: int | None
    """In the solution's file; None where the compiler left none."""
    neighbours: int
    """The most of these that follow one another in a thread's memory without a gap."""


@dataclass(frozen=True, slots=True)
class SassFacts:
    """What the instructions of one kernel say."""

    instructions: int
    accesses: tuple[Access, ...]
    tensor_cores: dict[str, int]
    """Opcodes with their types, such as HMMA.1688.F32.TF32, and how often they stand in the code."""
    local: int
    """Loads and stores of local memory: spilled registers, or arrays that are indexed at run time."""
    bulk_copies: int
    """Instructions of the tensor memory accelerator."""


@dataclass(frozen=True, slots=True)
class _Instruction:
    opcode: str
    operands: str
    line: int | None


def parse(text: str, file_name: str) -> SassFacts:
    """The facts of one disassembly; lines of files other than `file_name` (a base name) count as unknown."""
    instructions = list(_instructions(text, file_name))
    opcodes = Counter(instruction.opcode for instruction in instructions)

    def total(names: tuple[str, ...]) -> int:
        return sum(count for opcode, count in opcodes.items() if opcode.split(".")[0] in names)

    return SassFacts(
        instructions=len(instructions),
        accesses=_accesses(instructions),
        tensor_cores={
            opcode: count for opcode, count in opcodes.items() if opcode.split(".")[0] in _TENSOR_CORE
        },
        local=total(_LOCAL),
        bulk_copies=total(_BULK),
    )


def width_bytes(opcode: str) -> int:
    """Bytes that one thread moves: 16 for LDG.E.128.CONSTANT, 4 for STG.E."""
    return next((_WIDTHS[part] for part in opcode.split(".")[1:] if part in _WIDTHS), 4)


def _instructions(text: str, file_name: str) -> Iterator[_Instruction]:
    line: int | None = None
    for row in text.splitlines():
        if found := _LINE.search(row):
            line = int(found[2]) if found[1].rpartition("/")[2] == file_name else None
        elif (found := _INSTRUCTION.search(row)) and found[1] != "NOP":  # NOPs pad the end
            yield _Instruction(found[1], found[2], line)


def _accesses(instructions: list[_Instruction]) -> tuple[Access, ...]:
    counts: Counter[tuple[str, int, int | None]] = Counter()
    offsets: dict[tuple[str, int, int | None], dict[str, list[int]]] = {}
    versions: Counter[str] = Counter()  # a register that is written again is another address
    for instruction in instructions:
        kind = _GLOBAL.get(instruction.opcode.split(".")[0])
        if kind is not None:
            key = (kind, width_bytes(instruction.opcode), instruction.line)
            counts[key] += 1
            for base, offset in _address(instruction):
                name = f"{base}/{versions[base]}"
                offsets.setdefault(key, {}).setdefault(name, []).append(offset)
        for register in _written(instruction):
            versions[register] += 1
    return tuple(
        Access(kind, width, count, line, _longest_run(offsets.get((kind, width, line), {}), width))
        for (kind, width, line), count in counts.items()
    )


def _address(instruction: _Instruction) -> list[tuple[str, int]]:
    """The base register and the offset in bytes of the global address; of LDGSTS it is the last one."""
    found = _ADDRESS.findall(instruction.operands)
    if not found:
        return []
    base, offset = found[-1]
    return [(base.split(".")[0], int(offset, 16) if offset else 0)]


def _written(instruction: _Instruction) -> list[str]:
    """Registers that the first operand names, the upper half of a pair that becomes an address included."""
    if instruction.opcode.split(".")[0] in ("STG", "LDGSTS", "STS", "STL"):
        return []
    first = instruction.operands.split(",")[0].strip()
    found = re.fullmatch(r"(U?R)(\d+)", first)
    if found is None:
        return []
    number = int(found[2])
    return [first, f"{found[1]}{number - 1}"]


def _longest_run(offsets: dict[str, list[int]], width: int) -> int:
    longest = 1
    for values in offsets.values():
        ordered, run = sorted(set(values)), 1
        for before, after in pairwise(ordered):
            run = run + 1 if after - before == width else 1
            longest = max(longest, run)
    return longest
