"""TF32 with both operands rounded, and a few columns more than a tile for nearly nothing.

What differs from the final stage:

1. Both operands are rounded to TF32; of what they are given, the tensor cores drop the last 13 bits. sm_90
   rounds in one instruction; elsewhere two do, and neither touches a NaN or an infinity.
2. X is rounded between shared memory and registers, as before. Y is loaded into registers one step ahead,
   rounded there and stored to shared memory along K, whichever way it lies in memory. The tile is high rather
   than wide, because it is Y that goes that way.
3. Where the last column tile would hold 16 columns or fewer, they ride along with the full one: a second,
   narrow product of the same X. 255 x 257 is two tiles of 128 x 272, not six of 128 x 128.
4. Where X takes copies of 4 bytes, tiles of half the depth are loaded into registers, one ahead.
5. Partial results are padded to whole tiles and stored 16 bytes at a time, whatever the shape of C.

Predicted: 0.25 to 0.28 ms for the seed workload, where the final stage takes 0.2515, with an error of 3.0e-4
instead of 4.8e-4; 0.27 to 0.32 ms for `transposed_a`, where it takes 0.302.
"""

# author: tritonpeak
# idea: both operands rounded to TF32, a few columns beside the full tile

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import nn


class Config(NamedTuple):
    """Tile and pipeline of one launch; `rows` and `columns` are those of X and Y."""

    rows: int
    columns: int
    inner: int
    num_warps: int
    num_stages: int
    per_multiprocessor: int


# For 227 KB of shared memory a block (sm_90), and for 99 KB (sm_89). Of tiles that cost as much, the first.
LARGE_SHARED = (Config(256, 128, 32, 8, 4, 1), Config(128, 128, 32, 4, 3, 2), Config(256, 16, 32, 4, 6, 1))
# For an X in copies of 4 bytes: one stage, and the next tile waits in registers, which a longer one would
# not fit.
NARROW = (Config(256, 128, 16, 8, 1, 1), Config(128, 256, 16, 8, 1, 1), Config(256, 16, 32, 8, 1, 1))
SMALL_SHARED = (Config(128, 128, 32, 8, 3, 1), Config(128, 16, 32, 4, 3, 2))
MIN_K_PER_SPLIT = 1024
MAX_K_PER_SPLIT = 16384
TAIL = 16
HARDWARE = True
Y_AHEAD = True
ANY_Y = True
PARTS = 1


@triton.jit
def round_to_tf32(x, HARDWARE: tl.constexpr):
    # To nearest, where the tensor cores by themselves drop the last 13 bits.
    if HARDWARE:  # sm_90: one instruction
        return tl.inline_asm_elementwise(
            "cvt.rn.tf32.f32 $0, $1;", "=r,r", [x], dtype=tl.float32, is_pure=True, pack=1
        )
    # Half of the last bit that is kept, with the sign of x; no NaN or infinity becomes anything else.
    power = (x.to(tl.int32, bitcast=True) & -0x800000).to(tl.float32, bitcast=True)
    return x + power * 0.00048828125


@triton.jit
def clamp(index, size_units, UNIT: tl.constexpr, BLOCK: tl.constexpr):
    # Past the end, the last UNIT elements again: loads need no mask, and what the extra rows and columns give
    # is never read. The hints keep what Triton knew before: units stay whole, and neighbouring threads still
    # read neighbouring elements. With a UNIT of 1 the alignment is given up.
    if UNIT == 1:  # a hint sits on an operation, and `* 1` would be folded away together with its hint
        clamped = tl.minimum(index, size_units - 1)
    else:
        clamped = tl.minimum(index // UNIT, size_units - 1) * UNIT + index % UNIT
    return tl.max_contiguous(tl.multiple_of(clamped, UNIT), BLOCK)


@triton.jit
def partial_kernel(
    x_ptr,
    y_ptr,
    partial_ptr,
    P_UNITS,
    Q_UNITS,
    K,
    stride_xp_units,
    stride_xk_units,
    stride_yk_units,
    stride_yq_units,
    stride_p,
    stride_q,
    split_size,
    k_per_split,
    UNIT_P: tl.constexpr,
    UNIT_Q: tl.constexpr,
    UNIT_XP: tl.constexpr,
    UNIT_XK: tl.constexpr,
    UNIT_YK: tl.constexpr,
    UNIT_YQ: tl.constexpr,
    X_OFFSET: tl.constexpr,
    Y_OFFSET: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_Q: tl.constexpr,
    BLOCK_K: tl.constexpr,
    TAIL: tl.constexpr,
    PREFETCH: tl.constexpr,
    HARDWARE: tl.constexpr,
    Y_AHEAD: tl.constexpr,
    PARTS: tl.constexpr,
):
    # Of an argument Triton knows only whether 16 divides it. Counts of 4 elements, multiplied out here, tell
    # it that rows start on 16 bytes whenever they do, and the copies become four elements wide.
    stride_xp, stride_xk = stride_xp_units * UNIT_XP, stride_xk_units * UNIT_XK
    stride_yk, stride_yq = stride_yk_units * UNIT_YK, stride_yq_units * UNIT_YQ

    rows = tl.program_id(0) * BLOCK_P + tl.arange(0, BLOCK_P)
    columns = tl.program_id(1) * BLOCK_Q + tl.arange(0, BLOCK_Q)
    inner = tl.arange(0, BLOCK_K)
    split = tl.program_id(2).to(tl.int64)
    first = split * k_per_split
    count = tl.minimum(K - first, k_per_split).to(tl.int32)

    # A tile is a scalar pointer that moves and offsets that do not: half the registers of a tile of pointers.
    p = clamp(rows, P_UNITS, UNIT_P, BLOCK_P).to(X_OFFSET)[:, None]
    q = clamp(columns, Q_UNITS, UNIT_Q, BLOCK_Q).to(Y_OFFSET)[None, :]
    x_offsets = p * stride_xp + inner.to(X_OFFSET)[None, :] * stride_xk  # [BLOCK_P, BLOCK_K]
    y_offsets = inner.to(Y_OFFSET)[:, None] * stride_yk + q * stride_yq  # [BLOCK_K, BLOCK_Q]
    x_tile = x_ptr + first * stride_xk
    y_tile = y_ptr + first * stride_yk
    accumulator = tl.zeros((BLOCK_P, BLOCK_Q), dtype=tl.float32)
    if TAIL > 0:
        tail_columns = BLOCK_Q + tl.arange(0, TAIL)
        tail_q = clamp(tail_columns, Q_UNITS, UNIT_Q, TAIL).to(Y_OFFSET)[None, :]
        tail_offsets = inner.to(Y_OFFSET)[:, None] * stride_yk + tail_q * stride_yq  # [BLOCK_K, TAIL]
        tail_accumulator = tl.zeros((BLOCK_P, TAIL), dtype=tl.float32)

    steps = count // BLOCK_K
    if PREFETCH:
        if steps > 0:
            x_next, y_next = tl.load(x_tile + x_offsets), tl.load(y_tile + y_offsets)
            if TAIL > 0:
                tail_next = tl.load(y_tile + tail_offsets)
            for _ in range(steps - 1):
                x, y = round_to_tf32(x_next, HARDWARE), round_to_tf32(y_next, HARDWARE)
                x_tile += BLOCK_K * stride_xk
                y_tile += BLOCK_K * stride_yk
                x_next, y_next = tl.load(x_tile + x_offsets), tl.load(y_tile + y_offsets)
                if TAIL > 0:
                    tail_accumulator = tl.dot(x, round_to_tf32(tail_next, HARDWARE), tail_accumulator)
                    tail_next = tl.load(y_tile + tail_offsets)
                accumulator = tl.dot(x, y, accumulator)
            x, y = round_to_tf32(x_next, HARDWARE), round_to_tf32(y_next, HARDWARE)
            accumulator = tl.dot(x, y, accumulator)
            if TAIL > 0:
                tail_accumulator = tl.dot(x, round_to_tf32(tail_next, HARDWARE), tail_accumulator)
            x_tile += BLOCK_K * stride_xk
            y_tile += BLOCK_K * stride_yk
    elif Y_AHEAD:
        y_next = tl.load(y_tile + y_offsets, mask=inner[:, None] < count, other=0.0)
        ahead = y_tile + tl.minimum(1, steps - 1) * BLOCK_K * stride_yk
        for step in range(steps):
            y = round_to_tf32(y_next, HARDWARE)
            y_next = tl.load(ahead + y_offsets)
            x = round_to_tf32(tl.load(x_tile + x_offsets), HARDWARE)
            accumulator = tl.dot(x, y, accumulator)
            if TAIL > 0:
                tail = round_to_tf32(tl.load(y_tile + tail_offsets), HARDWARE)
                tail_accumulator = tl.dot(x, tail, tail_accumulator)
            x_tile += BLOCK_K * stride_xk
            y_tile += BLOCK_K * stride_yk
            ahead += tl.where(step + 2 < steps, BLOCK_K, 0) * stride_yk
    elif PARTS > 1:
        # Several dots for one exchange of Y: between them no warpgroup waits for another.
        x_part, y_part = BLOCK_K * stride_xk, BLOCK_K * stride_yk
        for _ in range(steps // PARTS):
            parts = ()
            for part in tl.static_range(PARTS):
                parts = parts + (round_to_tf32(tl.load(y_tile + part * y_part + y_offsets), HARDWARE),)
            for part in tl.static_range(PARTS):
                x = round_to_tf32(tl.load(x_tile + part * x_part + x_offsets), HARDWARE)
                accumulator = tl.dot(x, parts[part], accumulator)
            x_tile += PARTS * x_part
            y_tile += PARTS * y_part
        for _ in range(steps % PARTS):
            x = round_to_tf32(tl.load(x_tile + x_offsets), HARDWARE)
            y = round_to_tf32(tl.load(y_tile + y_offsets), HARDWARE)
            accumulator = tl.dot(x, y, accumulator)
            x_tile += x_part
            y_tile += y_part
    else:
        for _ in range(steps):
            x = round_to_tf32(tl.load(x_tile + x_offsets), HARDWARE)
            y = round_to_tf32(tl.load(y_tile + y_offsets), HARDWARE)
            accumulator = tl.dot(x, y, accumulator)
            if TAIL > 0:
                tail = round_to_tf32(tl.load(y_tile + tail_offsets), HARDWARE)
                tail_accumulator = tl.dot(x, tail, tail_accumulator)
            x_tile += BLOCK_K * stride_xk
            y_tile += BLOCK_K * stride_yk
    left = count - steps * BLOCK_K
    if left > 0:
        x = round_to_tf32(tl.load(x_tile + x_offsets, mask=inner[None, :] < left, other=0.0), HARDWARE)
        y = round_to_tf32(tl.load(y_tile + y_offsets, mask=inner[:, None] < left, other=0.0), HARDWARE)
        accumulator = tl.dot(x, y, accumulator)
        if TAIL > 0:
            tail = round_to_tf32(
                tl.load(y_tile + tail_offsets, mask=inner[:, None] < left, other=0.0), HARDWARE
            )
            tail_accumulator = tl.dot(x, tail, tail_accumulator)

    # Partial results are padded to whole tiles: no mask, and 16 bytes a store whatever the shape.
    out = partial_ptr + split * split_size
    p, q = rows * stride_p, columns * stride_q
    tl.store(out + (p[:, None] + q[None, :]), accumulator)
    if TAIL > 0:
        tl.store(out + (p[:, None] + (tail_columns * stride_q)[None, :]), tail_accumulator)


@triton.jit
def combine_kernel(
    partial_ptr, c_ptr, size, N, row_size, split_size, splits, BLOCK: tl.constexpr, BLOCK_SPLITS: tl.constexpr
):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    lanes = tl.arange(0, BLOCK_SPLITS)
    mask = offsets < size
    places = partial_ptr + (offsets // N * row_size + offsets % N)[None, :]
    total = tl.zeros((BLOCK_SPLITS, BLOCK), dtype=tl.float32)
    for start in range(0, splits, BLOCK_SPLITS):
        split = start + lanes[:, None]
        inside = mask[None, :] & (split < splits)
        total += tl.load(places + split.to(tl.int64) * split_size, mask=inside, other=0.0)
    tl.store(c_ptr + offsets, tl.sum(total, axis=0), mask=mask)


def unit(count: int) -> int:
    """4 where `count` float32 elements are a multiple of 16 bytes, else 1."""
    return 4 if count % 4 == 0 else 1


def offset_type(size: int, stride: int, inner: int, inner_stride: int) -> tl.dtype:
    """The narrowest integer that holds every offset of a tile of `inner` elements of K."""
    return tl.int32 if (size - 1) * stride + (inner - 1) * inner_stride < 2**31 else tl.int64


def has_large_shared(device: torch.device) -> bool:
    """Whether a block may use the 227 KB of shared memory of sm_90; there TF32 operands lie along K."""
    return torch.cuda.get_device_properties(device).shared_memory_per_block_optin > 200_000


def wide(size: int, stride: int, inner_stride: int) -> bool:
    """Whether an operand can be copied 16 bytes at a time, along K or along its own `size`."""
    along_k = inner_stride == 1 and stride % 4 == 0
    return along_k or (stride == 1 and inner_stride % 4 == 0 and size % 4 == 0)


def tail_of(q: int, config: Config) -> int:
    """How many columns ride along with the only full tile of `q` columns: TAIL, or none."""
    return TAIL if config.columns < q <= config.columns + TAIL else 0


def pick_config(x: torch.Tensor, y: torch.Tensor) -> tuple[int, Config]:
    """What the best tile for `x` (P, K) and `y` (K, Q) copies for one k, and that tile."""
    P, Q = x.shape[0], y.shape[1]
    large = has_large_shared(x.device)
    wide_x = wide(P, x.stride(0), x.stride(1))
    wide_y = wide(Q, y.stride(1), y.stride(0))
    along_k = y.stride(0) == 1 or not large
    configs = SMALL_SHARED
    if large:
        configs = LARGE_SHARED if wide_x and (ANY_Y or (wide_y and along_k)) else NARROW
    row_cost = 1 if wide_x else 3
    column_cost = 1 if wide_y and along_k else 2  # copies of 4 bytes

    def cost(config: Config) -> int:
        tail = tail_of(Q, config)
        tiles = triton.cdiv(P, config.rows) * triton.cdiv(Q - tail, config.columns)
        return tiles * (row_cost * config.rows + column_cost * (config.columns + tail))

    best = min(configs, key=cost)
    return cost(best), best


def pick_split(k: int, tiles: int, config: Config, device: torch.device) -> int:
    """Length of K that one program covers: all multiprocessors busy, chains neither long nor tiny."""
    programs = config.per_multiprocessor * torch.cuda.get_device_properties(device).multi_processor_count
    splits = max(1, programs // tiles)
    length = min(max(triton.cdiv(k, splits), MIN_K_PER_SPLIT), MAX_K_PER_SPLIT)
    step = PARTS * config.inner
    return triton.cdiv(length, step) * step


def access(x: torch.Tensor, y: torch.Tensor, inner: int) -> dict[str, int | tl.dtype]:
    """What the kernel may assume of the layout of `x` (P, K) and `y` (K, Q): copy units, offset widths."""
    units = {
        "UNIT_P": unit(x.shape[0]),
        "UNIT_Q": unit(y.shape[1]),
        "UNIT_XP": unit(x.stride(0)),
        "UNIT_XK": unit(x.stride(1)),
        "UNIT_YK": unit(y.stride(0)),
        "UNIT_YQ": unit(y.stride(1)),
    }
    if y.stride(0) != 1 and has_large_shared(x.device):
        # Such a Y is turned on its way into shared memory, in copies of 4 bytes. Believed to be aligned, a
        # thread would take 4 neighbours and a warp's copy would span 512 bytes; unaligned, 128 in a row.
        units["UNIT_Q"] = 1
    offsets = {
        "X_OFFSET": offset_type(x.shape[0], x.stride(0), inner, x.stride(1)),
        "Y_OFFSET": offset_type(y.shape[1], y.stride(1), inner, y.stride(0)),
    }
    return units | offsets


def launch(x: torch.Tensor, y: torch.Tensor, turned: bool, config: Config) -> torch.Tensor:
    """Partial products of `x` (P, K) and `y` (K, Q), padded to whole tiles; (splits, Q, P) if `turned`."""
    P, K = x.shape
    Q = y.shape[1]
    tail = tail_of(Q, config)
    grid = (triton.cdiv(P, config.rows), triton.cdiv(Q - tail, config.columns))
    k_per_split = pick_split(K, grid[0] * grid[1], config, x.device)
    splits = triton.cdiv(K, k_per_split)
    padded_p, padded_q = grid[0] * config.rows, grid[1] * config.columns + tail
    shape = (splits, padded_q, padded_p) if turned else (splits, padded_p, padded_q)
    partial = torch.empty(shape, device=x.device, dtype=torch.float32)
    out_strides = (1, padded_p) if turned else (padded_q, 1)
    known = access(x, y, config.inner)
    x_units = (x.stride(0) // known["UNIT_XP"], x.stride(1) // known["UNIT_XK"])
    y_units = (y.stride(0) // known["UNIT_YK"], y.stride(1) // known["UNIT_YQ"])
    sizes = (P // known["UNIT_P"], Q // known["UNIT_Q"], K)
    tile = {"BLOCK_P": config.rows, "BLOCK_Q": config.columns, "BLOCK_K": config.inner, "TAIL": tail}
    stages = config.num_stages
    large = has_large_shared(x.device)
    pipeline = {"num_warps": config.num_warps, "num_stages": stages, "PREFETCH": stages == 1}
    pipeline |= {
        "HARDWARE": HARDWARE and large,
        "Y_AHEAD": Y_AHEAD and large,
        "PARTS": PARTS if tail == 0 else 1,
    }
    lengths = (padded_p * padded_q, k_per_split)
    partial_kernel[(*grid, splits)](
        x, y, partial, *sizes, *x_units, *y_units, *out_strides, *lengths, **known, **tile, **pipeline
    )
    return partial


def matmul(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """C = a @ b for `a` (M, K) and `b` (K, N), float32; RuntimeError when they do not fit together."""
    if a.dim() != 2 or b.dim() != 2 or a.shape[1] != b.shape[0]:
        raise RuntimeError(f"cannot multiply {tuple(a.shape)} by {tuple(b.shape)}")
    if a.dtype != torch.float32 or b.dtype != torch.float32:
        raise RuntimeError(f"expected two float32 matrices, got {a.dtype} and {b.dtype}")
    M, K = a.shape
    N = b.shape[1]
    if M == 0 or N == 0 or K == 0:
        return torch.zeros((M, N), device=a.device, dtype=torch.float32)
    cost, config = pick_config(a, b)
    turned_cost, turned_config = pick_config(b.t(), a.t())
    turned = turned_cost < cost
    partial = launch(b.t(), a.t(), turned, turned_config) if turned else launch(a, b, turned, config)
    splits, rows, row_size = partial.shape
    c = torch.empty((M, N), device=a.device, dtype=torch.float32)
    sizes = (c.numel(), N, row_size, rows * row_size, splits)
    combine_kernel[(triton.cdiv(c.numel(), 128),)](partial, c, *sizes, BLOCK=128, BLOCK_SPLITS=8)
    return c


class ModelNew(nn.Module):
    """C = A @ B."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return matmul(a, b)
