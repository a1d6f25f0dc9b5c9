"""Facts from machine code: small pieces as nvdisasm prints them."""

import pytest

from suite.analysis.sass import Access, parse, width_bytes

HEADER = """\t.section\t.text.kernel,"ax",@progbits
\t.align\t128
.text.kernel:
"""


def code(*rows):
    """Rows are instructions or (file, line)."""
    text = HEADER
    for number, row in enumerate(rows):
        if isinstance(row, tuple):
            text += f'\t//## File "{row[0]}", line {row[1]}\n'
        else:
            text += f"        /*{16 * number:04x}*/                   {row} ;\n"
    return text + ".L_x_0:\n        /*0fff*/                   NOP ;\n"


@pytest.mark.parametrize(
    ("opcode", "width"),
    [
        ("LDG.E", 4),
        ("LDG.E.64", 8),
        ("LDG.E.128.CONSTANT", 16),
        ("LDG.E.LTC128B.128", 16),
        ("LDG.E.LTC128B", 4),
        ("LDG.E.U8", 1),
        ("STG.E.U16", 2),
        ("LDG.E.EF.128", 16),
        ("LDGSTS.E.BYPASS.LTC128B.128", 16),
        ("LDGSTS.E", 4),
        ("STG.E.ENL2.256", 32),
    ],
)
def test_widths(opcode, width):
    assert width_bytes(opcode) == width


def test_accesses_by_line():
    facts = parse(
        code(
            ("/home/ada/mine.py", 12),
            "LDC R1, c[0x0][0x28]",
            "@!P0 LDG.E.128 R4, desc[UR4][R2.64]",
            "@P1 LDG.E.128 R8, desc[UR4][R2.64+0x10]",
            ("/home/ada/mine.py", 14),
            "STG.E desc[UR4][R2.64], R4",
            ("/usr/lib/triton/language/standard.py", 14),
            "LDG.E R4, desc[UR4][R2.64]",
        ),
        "mine.py",
    )
    assert facts.accesses == (
        Access("load", 16, 2, 12, 2),
        Access("store", 4, 1, 14, 1),
        Access("load", 4, 1, None, 1),
    )
    assert facts.instructions == 5
    assert (facts.tensor_cores, facts.local, facts.bulk_copies) == ({}, 0, 0)


def test_narrow_loads_that_follow_one_another():
    rows = [f"LDG.E R{10 + i}, desc[UR4][R2.64{f'+0x{4 * i:x}' if i else ''}]" for i in range(4)]
    far = ["LDG.E R20, desc[UR4][R2.64+0x100]", "LDG.E R21, desc[UR4][R6.64+0x10]"]
    (access,) = parse(code(("mine.py", 3), *rows, *far), "mine.py").accesses
    assert (access.count, access.neighbours) == (6, 4)


def test_a_base_that_is_computed_anew_is_another_address():
    rows = ["LDG.E R8, desc[UR4][R2.64]", "IADD3 R2, R2, R9, RZ", "LDG.E R10, desc[UR4][R2.64+0x4]"]
    (access,) = parse(code(("mine.py", 3), *rows), "mine.py").accesses
    assert access.neighbours == 1


def test_negative_offsets():
    rows = ["LDG.E R8, desc[UR4][R2.64+-0x4]", "LDG.E R9, desc[UR4][R2.64]"]
    (access,) = parse(code(("mine.py", 3), *rows), "mine.py").accesses
    assert access.neighbours == 2


def test_tensor_cores_local_memory_and_asynchronous_copies():
    facts = parse(
        code(
            "LDGSTS.E.BYPASS.128 [R5+0x2000], desc[UR6][R2.64], P0",
            "HMMA.1688.F32.TF32 R4, R8, R12, R4",
            "HMMA.1688.F32.TF32 R16, R8, R12, R16",
            "HGMMA.64x256x8.F32.TF32 R24, gdesc[UR8], R24",
            "STL.64 [R1+0x8], R2",
            "@P0 LDL R2, [R1+0x8]",
            "UTMALDG.2D [UR8], [UR4]",
            "HMUL2 R2, R2, R2",
        ),
        "mine.py",
    )
    assert facts.accesses == (Access("copy to shared", 16, 1, None, 1),)
    assert facts.tensor_cores == {"HMMA.1688.F32.TF32": 2, "HGMMA.64x256x8.F32.TF32": 1}
    assert (facts.local, facts.bulk_copies) == (2, 1)


def test_no_code():
    assert parse("", "mine.py").instructions == 0
