"""Inputs, workloads and error bounds of the large-K matrix product.

Entries are normal. With uniform [0, 1) entries every element of C lies within 0.2 % of K/4, so a
program that never reads its inputs would come near; with normal entries the mean of C is zero, and a constant
answer is an error of 100 %.
"""

import torch

# The tier "bench" has more than 302 MB of inputs, four times the 75.5 MB (72 MiB) L2 of an RTX 4090, and
# takes less than 12 GB with float64 copies of A and B beside them. With K = 65536 that asks for M + N > 1152.
WORKLOADS: dict = {
    "seed": {"tier": "bench", "axes": {"m": 256, "k": 524288, "n": 256}},
    "short_k": {"tier": "bench", "axes": {"m": 512, "k": 65536, "n": 700}},
    "long_k": {"tier": "bench", "axes": {"m": 256, "k": 1048576, "n": 256}},
    "wide": {"tier": "bench", "axes": {"m": 512, "k": 131072, "n": 512}},
    "skinny": {"tier": "bench", "axes": {"m": 16, "k": 1048576, "n": 256}},
    "odd": {"tier": "bench", "axes": {"m": 200, "k": 399999, "n": 300}},
    "almost_power_of_two": {"tier": "bench", "axes": {"m": 255, "k": 524287, "n": 257}},
    "transposed_a": {"tier": "bench", "axes": {"m": 256, "k": 524288, "n": 256, "transpose_a": True}},
    "transposed_b": {"tier": "bench", "axes": {"m": 256, "k": 524288, "n": 256, "transpose_b": True}},
    "transposed_both": {
        "tier": "bench",
        "axes": {"m": 384, "k": 262144, "n": 320, "transpose_a": True, "transpose_b": True},
    },
    "one_tile": {"tier": "check", "axes": {"m": 64, "k": 512, "n": 64}},
    "ragged": {"tier": "check", "axes": {"m": 100, "k": 777, "n": 130}},
    "several_tiles": {"tier": "check", "axes": {"m": 140, "k": 300, "n": 270}},
    "ragged_tail": {"tier": "check", "axes": {"m": 33, "k": 2001, "n": 31}},
    "inner_size_one": {"tier": "check", "axes": {"m": 40, "k": 1, "n": 24}},
    "inner_below_a_tile": {"tier": "check", "axes": {"m": 17, "k": 13, "n": 65}},
    "one_row": {"tier": "check", "axes": {"m": 1, "k": 1500, "n": 48}},
    "one_column": {"tier": "check", "axes": {"m": 48, "k": 1500, "n": 1}},
    "narrow": {"tier": "check", "axes": {"m": 3, "k": 1999, "n": 11}},
    "transposed_a_small": {"tier": "check", "axes": {"m": 66, "k": 515, "n": 40, "transpose_a": True}},
    "transposed_b_small": {"tier": "check", "axes": {"m": 40, "k": 515, "n": 66, "transpose_b": True}},
    "transposed_both_small": {
        "tier": "check",
        "axes": {"m": 36, "k": 1030, "n": 52, "transpose_a": True, "transpose_b": True},
    },
    "split_boundary": {"tier": "check", "axes": {"m": 16, "k": 1025, "n": 16}},
}

# Largest relative Frobenius error against a float64 product, per precision class.
# fp32: adding float32 products one after another errs by 1.5e-5 at K = 524288 (simulated) and by 2.1e-5 at
#   twice that K, since the error grows with its root; cuBLAS errs by 1.6e-6 to 2.6e-6 (H200). The next
#   cheaper scheme, three products of float16 halves, errs by 2.9e-5 and is not of this class.
# tf32: truncating both operands to TF32's 10 explicit bits errs by 7.7e-4 (simulated) and up to 9.0e-4 with a
#   tensor-core chain of 65536 (H200); rounding them by 3.0e-4. Rounding both to bfloat16 errs by 2.4e-3 and
#   rounding only one by 1.65e-3 (both simulated), so that bfloat16 fails.
# README.md holds these against the theory.
TOLERANCE: dict = {"fp32": 2.5e-5, "tf32": 1.5e-3}

# What `get_inputs` can fill its operands with; the first is what it does by itself.
DISTRIBUTIONS: tuple = (
    "normal",
    "uniform",
    "offset",
    "heavy_tails",
    "integers",
    "ties",
    "off_grid",
    "nan",
    "infinities",
    "denormals",
)
# Of short, middling and long K: a card has to split the long ones.
_HOST_EXPONENTS = ((5, 7), (8, 10), (11, 12))
_CARD_EXPONENTS = ((5, 8), (9, 13), (14, 18))
_SPECIAL = {"nan": (torch.nan, torch.nan), "infinities": (torch.inf, -torch.inf)}


def get_init_inputs(**axes: int | bool) -> list:
    """Arguments of `Model(...)`: none."""
    return []


def _operand(rows: int, columns: int, transposed: bool) -> torch.Tensor:
    """An uninitialized (rows, columns) float32 matrix, column by column in memory when `transposed`."""
    return torch.empty(columns, rows).t() if transposed else torch.empty(rows, columns)


def _fill(x: torch.Tensor, distribution: str) -> None:
    """Fill an operand in place; only the small ones of the check tier need temporaries."""
    # A power of two: it changes no rounding, no bit of a mantissa and no time, but what a result is.
    scale = 2.0 ** int(torch.randint(-8, 9, (), device="cpu"))
    if distribution == "uniform":
        x.uniform_(-scale, scale)
    elif distribution == "offset":
        x.normal_(1000.0 * scale, scale)
    elif distribution == "integers":  # exact in bfloat16, and so are sums of 1000 products in float32
        x.random_(-127, 128)
    elif distribution == "ties":
        x.random_(0, 4)
    elif (
        distribution == "off_grid"
    ):  # halfway between two bfloat16 numbers, exact in TF32: rounding shows at once
        x.random_(-2, 3).exp2_().mul_(scale * (1 + 2.0**-8))
    else:
        x.normal_(0.0, scale)
    if distribution == "heavy_tails":  # elements over 12 orders of magnitude, rows and columns over 6 more
        x.mul_(torch.randn(x.shape).mul_(3).exp_())
        x.mul_(torch.randint(-10, 11, (x.shape[0], 1)).exp2()).mul_(
            torch.randint(-10, 11, (1, x.shape[1])).exp2()
        )
    elif distribution == "denormals":  # among normal numbers: their products vanish beside the others
        x.masked_fill_(torch.rand(x.shape) < 0.5, 1e-43)
    elif distribution in ("nan", "infinities"):
        places = torch.randint(x.numel(), (2,)).tolist()
        for place, value in zip(places, _SPECIAL[distribution], strict=True):
            x[place // x.shape[1], place % x.shape[1]] = value


def get_inputs(
    m: int = 256,
    k: int = 524288,
    n: int = 256,
    transpose_a: bool = False,
    transpose_b: bool = False,
    distribution: str = "normal",
) -> list[torch.Tensor]:
    """A (m, k) and B (k, n), float32, on the current default device; no temporaries of their size."""
    if distribution not in DISTRIBUTIONS:
        raise ValueError(f"distribution must be one of {DISTRIBUTIONS}, got {distribution!r}")
    operands = [_operand(m, k, transpose_a), _operand(k, n, transpose_b)]
    for operand in operands:
        _fill(operand, distribution)
    return operands


def draw_axes(randint) -> dict:
    """Axes of a hidden workload: any shape that the interpreter multiplies in a second.

    Half of the sizes are a power of two, one fewer or one more.
    """
    return {
        "m": randint(1, 140) if randint(0, 1) else 2 ** randint(3, 8) + randint(-1, 1),
        "k": randint(1, 1200) if randint(0, 1) else 2 ** randint(3, 10) + randint(-1, 1),
        "n": randint(1, 140) if randint(0, 1) else 2 ** randint(3, 8) + randint(-1, 1),
        "transpose_a": bool(randint(0, 1)),
        "transpose_b": bool(randint(0, 1)),
    }


def error_scale(a: torch.Tensor, b: torch.Tensor) -> list[torch.Tensor]:
    """Of each element of C: the root of the sum of its K squared products, float64.

    Rounding errors of the products add up like this whatever their signs; the sum itself may cancel.
    """
    rows = torch.linalg.vector_norm(a, dim=1, keepdim=True, dtype=torch.float64)
    columns = torch.linalg.vector_norm(b, dim=0, keepdim=True, dtype=torch.float64)
    squares = (a / rows.float()).square_() @ (b / columns.float()).square_()
    return [squares.double().sqrt_() * rows * columns]


def bytes_moved(
    m: int = 256, k: int = 524288, n: int = 256, transpose_a: bool = False, transpose_b: bool = False
) -> int:
    """Bytes of A and B read once and of C written once."""
    return 4 * (m * k + k * n + m * n)


def flops(
    m: int = 256, k: int = 524288, n: int = 256, transpose_a: bool = False, transpose_b: bool = False
) -> int:
    """One multiplication and one addition for each of M * N * K products."""
    return 2 * m * n * k


def _case(name: str, a: torch.Tensor, b: torch.Tensor, expects: str = "reference") -> dict:
    """One edge case on explicit operands."""
    return {"name": name, "axes": {}, "init_inputs": [], "inputs": [a, b], "expects": expects}


def _non_finite_cases() -> list[dict]:
    """NaN and infinities: the result has them at the places where the reference has them."""
    cases = []
    for name, value in (("nan", torch.nan), ("inf", torch.inf), ("minus_inf", -torch.inf)):
        a, b = torch.randn(20, 150), torch.randn(150, 24)
        a[3, 70] = value
        cases.append(_case(f"{name}_in_a", a, b))
        a, b = torch.randn(20, 150), torch.randn(150, 24)
        b[149, 5] = value
        cases.append(_case(f"{name}_in_b", a, b))
    a, b = torch.randn(20, 150), torch.randn(150, 24)
    a[0, 10], a[0, 140], b[10], b[140] = torch.inf, torch.inf, 1.0, -1.0
    cases.append(_case("inf_minus_inf", a, b))
    return cases


def _layout_cases() -> list[dict]:
    """Operands that are views into larger storage."""
    wide = torch.randn(40, 700)
    tall = torch.randn(700, 50)
    return [
        _case("every_other_column_of_a", torch.randn(24, 600)[:, ::2], torch.randn(300, 20)),
        _case("every_other_row_of_b", torch.randn(24, 300), torch.randn(600, 20)[::2]),
        _case("offset_slices", wide[3:30, 5:455], tall[7:457, 1:34]),
        _case("both_transposed", torch.randn(333, 30).t(), torch.randn(20, 333).t()),
        _case("broadcast_row_of_a", torch.randn(1, 200).expand(18, 200), torch.randn(200, 20)),
    ]


def _size_cases() -> list[dict]:
    """Sizes zero and one, and operands that do not fit together.

    A single element has no other errors to average with: TF32 drops up to 2^-10 of each factor, and a sum
    that happens to cancel makes any error large. So results of one element use small integers, exact in TF32.
    """
    return [
        _case("k_zero", torch.randn(5, 0), torch.randn(0, 7)),
        _case("m_zero", torch.randn(0, 9), torch.randn(9, 7)),
        _case("n_zero", torch.randn(5, 9), torch.randn(9, 0)),
        _case("all_one", torch.randint(1, 9, (1, 1)).float(), torch.randint(1, 9, (1, 1)).float()),
        _case("dot_product", torch.randint(1, 9, (1, 999)).float(), torch.randint(1, 9, (999, 1)).float()),
        _case("inner_dimensions_differ", torch.randn(4, 8), torch.randn(9, 4), "RuntimeError"),
    ]


def _magnitude_cases() -> list[dict]:
    """Products near 1e36 and near 1e-29, and denormal entries among normal ones."""
    large_a, large_b = torch.randn(18, 200), torch.randn(200, 18)
    small_a, small_b = torch.randn(18, 200), torch.randn(200, 18)
    a, b = torch.randn(18, 200), torch.randn(200, 18)
    a[:, 50] = 1e-40
    b[60] = -1e-42
    return [
        _case("large_magnitudes", large_a.mul_(1e18), large_b.mul_(1e17)),
        _case("small_magnitudes", small_a.mul_(1e-15), small_b.mul_(1e-15)),
        _case("denormal_entries", a, b),
    ]


def _tile_edge_cases() -> list[dict]:
    """K of 2^n, one fewer and one more: tiles and pieces of any size end there. One NaN, in the last half.

    One product left out is an error of 1/sqrt(K).
    """
    reach = _CARD_EXPONENTS if torch.get_default_device().type == "cuda" else _HOST_EXPONENTS
    cases = []
    for (low, high), past in zip(reach, torch.randperm(3, device="cpu").tolist(), strict=True):
        k = 2 ** _drawn(low, high) + past - 1
        a, b = torch.randn(_drawn(8, 24), k), torch.randn(k, _drawn(8, 24))
        a[_drawn(0, a.shape[0] - 1), _drawn(k // 2, k - 1)] = torch.nan
        cases.append(_case(f"k_of_{k}", a, b))
    return cases


def _drawn(low: int, high: int) -> int:
    return int(torch.randint(low, high + 1, (), device="cpu"))


def edge_cases() -> list[dict]:
    """Tiny operands where kernels go wrong, on the current default device."""
    return [
        *_non_finite_cases(),
        *_layout_cases(),
        *_size_cases(),
        *_magnitude_cases(),
        *_tile_edge_cases(),
    ]
