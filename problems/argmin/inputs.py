"""Workloads, inputs and edge cases of argmin. Every number of bytes here is decimal."""

import math

import torch

# `shape` and `dim` say what is reduced. Two optional axes vary the values and the memory layout:
# `distribution` (see `_fill`) and `layout` (see `_allocate`).
WORKLOADS = {
    # The seed documents' shape: 4095 columns put every row on another 16-byte phase.
    "seed": {"tier": "bench", "axes": {"shape": [128, 4096, 4095], "dim": 1}},
    # The same work with aligned rows; exactly 2**31 elements: the count overflows 32 bits, no offset does.
    "pow2_twin": {"tier": "bench", "axes": {"shape": [128, 4096, 4096], "dim": 1}},
    # 2.1 GB each from here on. The reduced values are neighbours in memory.
    "last_dim": {"tier": "bench", "axes": {"shape": [32771, 16385], "dim": -1}},
    # One slab, a million columns of 509 rows: nothing to split but columns.
    "first_dim": {"tier": "bench", "axes": {"shape": [509, 1050623], "dim": 0}},
    # Sixteen outputs: without a split 16 programs would do all the work.
    "giant_reduction": {"tier": "bench", "axes": {"shape": [16, 33554431], "dim": 1}},
    # 40 million slices of 44 bytes: the outputs are 15 % of the traffic, and a program needs many of them.
    "many_tiny": {"tier": "bench", "axes": {"shape": [40000003, 11], "dim": -1}},
    # Narrow columns (not a multiple of a warp), normally distributed.
    "narrow_inner": {
        "tier": "bench",
        "axes": {"shape": [37, 141311, 99], "dim": 1, "distribution": "normal"},
    },
    "middle_odd": {"tier": "check", "axes": {"shape": [3, 37, 65], "dim": 1}},
    "middle_pow2": {"tier": "check", "axes": {"shape": [2, 64, 128], "dim": 1}},
    "middle_two_passes": {"tier": "check", "axes": {"shape": [1, 131, 67], "dim": 1}},
    "first_odd": {"tier": "check", "axes": {"shape": [65, 3, 43], "dim": 0}},
    "last_odd": {"tier": "check", "axes": {"shape": [3, 1, 150], "dim": -1, "distribution": "offset"}},
    "last_long": {"tier": "check", "axes": {"shape": [1, 700], "dim": 1, "distribution": "offset"}},
    "one_dimension": {"tier": "check", "axes": {"shape": [515], "dim": 0, "distribution": "offset"}},
    "four_dimensions": {
        "tier": "check",
        "axes": {"shape": [2, 3, 17, 5], "dim": -2, "distribution": "offset"},
    },
    "one_column": {"tier": "check", "axes": {"shape": [2, 200, 1], "dim": 1, "distribution": "offset"}},
    "past_a_tile": {"tier": "check", "axes": {"shape": [1, 9, 2049], "dim": 1, "distribution": "ties"}},
    "tiny_slices": {"tier": "check", "axes": {"shape": [39, 7], "dim": -1, "distribution": "ties"}},
    "tiny_slabs": {"tier": "check", "axes": {"shape": [35, 6, 31], "dim": 1}},
    "normal": {"tier": "check", "axes": {"shape": [2, 129, 400], "dim": 1, "distribution": "normal"}},
    "ties": {"tier": "check", "axes": {"shape": [2, 129, 63], "dim": 1, "distribution": "ties"}},
    "large_offset": {"tier": "check", "axes": {"shape": [2, 70, 31], "dim": 1, "distribution": "offset"}},
    "best_at_the_end": {
        "tier": "check",
        "axes": {"shape": [2, 130, 31], "dim": 1, "distribution": "downhill"},
    },
    "transposed": {"tier": "check", "axes": {"shape": [5, 66, 34], "dim": 1, "layout": "transposed"}},
    "every_other": {"tier": "check", "axes": {"shape": [3, 65, 35], "dim": 1, "layout": "every_other"}},
}

# Indices: there is nothing to round, and torch's rule for ties names one right answer.
TOLERANCE = "exact"

# What `get_inputs` can fill its tensor with; the first is what it does by itself.
DISTRIBUTIONS = (
    "uniform",
    "normal",
    "offset",
    "heavy_tails",
    "integers",
    "ties",
    "downhill",
    "nan",
    "infinities",
    "denormals",
)

_SEED_SHAPE = (128, 4096, 4095)

# Of short, middling and long slices. A loop over rows takes the interpreter a third of a millisecond each; on
# a card the long ones must be shared among programs.
_HOST_EXPONENTS = ((5, 7), (8, 9), (10, 11))
_CARD_EXPONENTS = ((5, 8), (9, 13), (14, 20))


def get_init_inputs(dim: int = 1, **_axes) -> list:
    """Arguments of `Model`: the dimension to reduce."""
    return [dim]


def get_inputs(
    shape: list[int] | tuple[int, ...] = _SEED_SHAPE,
    dim: int = 1,
    distribution: str = "uniform",
    layout: str = "contiguous",
) -> list[torch.Tensor]:
    """One float32 tensor of `shape` on the default device, filled in place: no temporary of its size."""
    x = _allocate(list(shape), layout)
    _fill(x, dim, distribution)
    return [x]


def bytes_moved(shape: list[int] | tuple[int, ...] = _SEED_SHAPE, dim: int = 1, **_axes) -> int:
    """Bytes read (4 an element) and written (8 an output), each once."""
    elements = math.prod(shape)
    return 4 * elements + 8 * (elements // shape[dim])


def flops(**_axes) -> int:
    """None: the task compares and counts, it adds and multiplies nothing."""
    return 0


def edge_cases() -> list[dict]:
    """Small cases in which a wrong tie rule, start value, NaN rule or address shows."""
    return [*_value_cases(), *_layout_cases(), *_shape_cases(), *_tile_edge_cases(), *_far_apart_cases()]


def _allocate(shape, layout):
    if layout == "contiguous" or len(shape) == 1:
        return torch.empty(shape)
    if layout == "transposed":  # the first and the last dimension swapped in memory
        return torch.empty([shape[-1], *shape[1:-1], shape[0]]).transpose(0, -1)
    if layout == "every_other":  # every second row and column of a larger tensor
        return torch.empty([shape[0], *(2 * n for n in shape[1:])])[
            (slice(None), *[slice(None, None, 2)] * (len(shape) - 1))
        ]
    raise ValueError(f"layout must be contiguous, transposed or every_other, got {layout!r}")


def _fill(x, dim, distribution):
    if distribution == "uniform":
        # The best lies at the end away from zero, where float32 numbers are sparsest. On the seed workload
        # some 50 outputs have a tied extremum, so that a wrong tie rule fails on every draw, and
        # bfloat16 confuses candidates. The scale is a power of two: it costs no time and changes no mantissa.
        scale = 2.0 ** int(torch.randint(-20, 21, (), device="cpu"))
        x.uniform_(-scale, 0.0)
    elif distribution == "normal":
        x.normal_()
    elif distribution == "heavy_tails":
        x.cauchy_()
    elif distribution == "integers":
        x.random_(-127, 128)
    elif distribution == "ties":  # about four share the best place: it may be in either half
        x.random_(0, max(2, x.shape[dim] // 4))
    elif distribution == "offset":  # nothing near zero, and one value in bfloat16
        x.uniform_().add_(1000.0)
    elif distribution == "denormals":
        x.random_(1, 1 << 20).mul_(2.0**-149)
    elif distribution == "downhill":  # the best is among the last 8: a loop that stops early fails everywhere
        size = x.shape[dim]
        ramp = torch.arange(size, 0, -1, dtype=torch.float32).clamp(min=8)
        x.uniform_().add_(ramp.reshape([size if i == dim % x.ndim else 1 for i in range(x.ndim)]))
    elif distribution in ("nan", "infinities"):
        # About one in a slice, whatever its length: with many the first tile would settle all.
        x.uniform_(-1.0, 1.0)
        special = (math.nan, -math.nan) if distribution == "nan" else (math.inf, -math.inf)
        for value in special:
            x.masked_fill_(torch.rand(x.shape) < 0.5 / x.shape[dim], value)
    else:
        raise ValueError(f"unknown distribution {distribution!r}")


def draw_axes(randint):
    """Axes of a hidden workload: 1 to 4 dimensions, at most 36 outputs: the interpreter takes its time.

    Half of the slices end where a tile of a power of two does, one before or one after.
    """
    others = randint(0, 3)
    shape = [randint(1, (36, 6, 3)[others - 1]) for _ in range(others)]
    dim = randint(0, len(shape))
    shape.insert(dim, randint(1, 300) if randint(0, 1) else 2 ** randint(3, 8) + randint(-1, 1))
    layouts = ["contiguous", "transposed", "every_other"]
    return {
        "shape": shape,
        "dim": dim - len(shape) * randint(0, 1),
        "layout": layouts[randint(0, 2)],
    }


def _case(name, x, dim, expects="reference"):
    return {"name": name, "axes": {}, "init_inputs": [dim], "inputs": [x], "expects": expects}


def _value_cases():
    inf, nan = math.inf, math.nan
    columns = torch.rand(3, 40, 21)
    some_nan = columns.clone()
    some_nan[:, 5, ::2] = nan
    some_nan[:, 23, :] = nan
    infinities = columns.clone()
    infinities[:, 7, ::3] = inf
    infinities[:, 11, ::3] = -inf
    infinities[:, 31, ::3] = -inf
    signed_zeros = torch.zeros(2, 9, 10)
    signed_zeros[:, ::2] = -0.0
    signed_zeros[1] = -signed_zeros[1]
    denormals = torch.randint(1, 1000, (2, 50, 9)).to(torch.int32).view(torch.float32)
    return [
        _case("all_equal", torch.full((2, 70, 5), 2.5), 1),
        _case("two_values", torch.randint(0, 2, (4, 90, 6)).float(), 1),
        _case("some_nan", some_nan, 1),
        _case("one_nan_at_the_end", torch.tensor([[3.0, 1.0, 2.0, nan], [nan, 1.0, -inf, inf]]), 1),
        _case("all_nan", torch.full((2, 67, 3), nan), 1),
        _case("nan_of_negative_sign", torch.tensor([[1.0, -nan, -inf, nan], [0.0, inf, -nan, nan]]), 1),
        _case("infinities", infinities, 1),
        _case("all_plus_infinity", torch.full((2, 66, 4), inf), 1),
        _case("all_minus_infinity", torch.full((2, 66, 4), -inf), 1),
        _case(
            "largest_finite_after_infinity", torch.tensor([[inf, 3.4028234663852886e38], [-inf, -3.0e38]]), 1
        ),
        _case("signed_zeros_tie", signed_zeros, 1),
        _case("denormals", denormals, 1),
        _case("negative_denormals", -denormals, 1),
    ]


def _layout_cases():
    base = torch.rand(6, 33, 14)
    return [
        _case("transposed_matrix", torch.rand(35, 66).t(), 1),
        _case("permuted", base.permute(2, 0, 1), 1),
        _case("strided_slice", base[1:, ::3, 1::2], 1),
        _case("expanded_reduction", torch.rand(4, 1, 9).expand(4, 12, 9), 1),
        _case("expanded_columns", torch.rand(4, 12, 1).expand(4, 12, 9), 1),
        _case("offset_view", torch.rand(1000)[3:993].view(11, 90), 1),
    ]


def _shape_cases():
    return [
        _case("one_dimension", torch.rand(777), 0),
        _case("one_element", torch.rand(1), 0),
        _case("no_dimension", torch.rand(()), 0),
        _case("size_one_reduction", torch.rand(5, 1, 6), 1),
        _case("negative_dim", torch.rand(3, 20, 7), -2),
        _case("first_dim", torch.rand(20, 3, 7), 0),
        _case("five_dimensions", torch.rand(2, 3, 18, 2, 3), 2),
        _case("empty_output", torch.rand(0, 5, 3), 1),
        _case("empty_output_after", torch.rand(4, 5, 0), 1),
        _case("empty_reduction", torch.rand(3, 0, 4), 1, "IndexError"),
        _case("empty_reduction_and_output", torch.rand(0, 0), 1, "IndexError"),
        _case("dim_out_of_range", torch.rand(3, 4), 2, "IndexError"),
        _case("negative_dim_out_of_range", torch.rand(3, 4), -3, "IndexError"),
    ]


def _tile_edge_cases():
    """Slices of 2^n elements, one fewer and one more, so that tiles of any size end there.

    What decides a slice stands in its second half, often with a rival in the first. So a loop that stops
    early shows, and a rule for ties, NaN, infinities, zeros or denormals that fails between two tiles.
    """
    reach = _CARD_EXPONENTS if torch.get_default_device().type == "cuda" else _HOST_EXPONENTS
    cases = []
    for (low, high), past in zip(reach, torch.randperm(3, device="cpu").tolist(), strict=True):
        rows = 2 ** _drawn(low, high) + past - 1
        x = _decided_late(rows)
        last = bool(_drawn(0, 1))
        cases.append(_case(f"slices_of_{rows}", x.t().contiguous() if last else x, int(last)))
    return cases


def _drawn(low, high):
    return int(torch.randint(low, high + 1, (), device="cpu"))


def _decided_late(rows):
    """Six columns; each has its minimum, or a rival of it, in the second half."""
    x = torch.rand(rows, 6)
    early, late = _drawn(0, rows // 2 - 1), _drawn(rows // 2, rows - 1)
    best = int(x[:, 0].argmin())
    x[[best, rows - 1], 0] = x[[rows - 1, best], 0]
    x[early, 1] = x[late, 1] = -1.0
    x[late, 2] = math.copysign(math.nan, _drawn(0, 1) - 0.5)
    x[early, 3], x[late, 3] = -3.4028234663852886e38, -math.inf
    x[early, 4], x[late, 4] = 0.0, -0.0
    x[early, 5], x[late, 5] = 0.0, -1e-40
    return x


def _far_apart_cases():
    """Elements more than 2^31 apart, for 64-bit offsets: 8.6 GB of memory, of which a view reads little.

    None where they have no room: in the host memory that judge and worker share, on a card with less free.
    """
    if torch.get_default_device().type != "cuda" or torch.cuda.mem_get_info()[0] < 10e9:
        return []
    x = torch.empty(2**31 + 1024).as_strided((3, 70, 5), (2**30, 5, 1))
    return [_case("far_apart", x.uniform_(), 1)]
