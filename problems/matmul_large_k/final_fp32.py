"""Stage 3 in class fp32: the accuracy of float32 from TF32 tensor cores.

What changed from the block stage, which multiplies truncated TF32:

1. Each operand is split into its TF32 rounding, one instruction of sm_90, and the rest, which is exact. Of
   the four products of the halves three are computed; the fourth is 2^-24 of the first. 206 GFLOP take the
   tensor cores 0.417 ms; 68.7 GFLOP of float32 arithmetic would take 1.03.
2. Tensor cores truncate each sum. So the product of each 32 elements of K starts at zero, the two small
   products first, and is added to a float32 sum outside.
3. A `for` loop instead of `while`: Triton fetches the next tiles of X into shared memory while the tensor
   cores work on this one. From there X goes into registers and stays. Y is loaded into registers one step
   ahead, and both its halves are stored to shared memory along K, as wgmma wants TF32.
4. The product is turned around, C^T = B^T A^T, where that copies less: Y is fetched 4 bytes at a time unless
   it lies along K.
5. A tile is a moving scalar pointer and fixed 32-bit offsets. Partial results are padded to whole tiles and
   stored 16 bytes at a time, whatever the shape of C.
6. An infinity's rest is NaN. The combine kernel computes what is not finite again, one product after another.

Predicted for the seed workload: 0.60 to 0.70 ms with an error below 1e-6.
Measured: 0.729 ms with an error of 4.3e-7 (H200, while tuning); cuBLAS takes 1.303 ms in float32 and errs by
1.6e-6 to 2.6e-6. Loading Y ahead gained 0.034 ms of it. Of the other workloads each is faster than cuBLAS in
float32, by 1.1 (`almost_power_of_two`) to 2.0 times (`transposed_b`).

Not done: overlapping the splitting with the tensor cores. `short_k` takes 0.545 ms with tiles of 64 x 128,
two programs to a multiprocessor, against 0.676. They cost `seed` 5 %, and no rule here tells the two apart.
"""

# author: tritonpeak
# idea: three products of TF32 halves, summed in float32 outside the tensor cores

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


# For 227 KB of shared memory a block (sm_90), and for 99 KB (sm_89). Of tiles that read as much, the first.
LARGE_SHARED = (Config(128, 128, 32, 8, 4, 1), Config(256, 16, 32, 8, 4, 1))
# For copies of 4 bytes of X.
NARROW = (Config(128, 128, 32, 8, 3, 1), Config(256, 16, 32, 8, 3, 1))
SMALL_SHARED = (Config(128, 64, 32, 8, 3, 1), Config(128, 16, 32, 4, 3, 2))
MIN_K_PER_SPLIT = 512


@triton.jit
def split(x, NEAREST: tl.constexpr):
    # sm_90 rounds in one instruction; elsewhere the halves are truncated, and the second holds more.
    if NEAREST:
        high = tl.inline_asm_elementwise(
            "cvt.rn.tf32.f32 $0, $1;", "=r,r", [x], dtype=tl.float32, is_pure=True, pack=1
        )
    else:
        high = (x.to(tl.int32, bitcast=True) & -0x2000).to(tl.float32, bitcast=True)
    return high, x - high


@triton.jit
def multiply(x, y, product, NEAREST: tl.constexpr):
    # x: [BLOCK_P, BLOCK_K], y: [BLOCK_K, BLOCK_Q]. The small products come first: while the sum is small,
    # truncating it costs little.
    x_high, x_low = split(x, NEAREST)
    y_high, y_low = split(y, NEAREST)
    product = tl.dot(x_low, y_high, product)
    product = tl.dot(x_high, y_low, product)
    return tl.dot(x_high, y_high, product)


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
    Y_AHEAD: tl.constexpr,
    NEAREST: tl.constexpr,
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

    total = tl.zeros((BLOCK_P, BLOCK_Q), dtype=tl.float32)
    zeros = tl.zeros((BLOCK_P, BLOCK_Q), dtype=tl.float32)
    steps = count // BLOCK_K
    if Y_AHEAD:
        # One step ahead, in registers; the last step loads its own tile once more.
        y_next = tl.load(y_tile + y_offsets, mask=inner[:, None] < count, other=0.0)
        ahead = y_tile + tl.minimum(1, steps - 1) * BLOCK_K * stride_yk
        for step in range(steps):
            y = y_next
            y_next = tl.load(ahead + y_offsets)
            x = tl.load(x_tile + x_offsets)
            total += multiply(x, y, zeros, NEAREST)
            x_tile += BLOCK_K * stride_xk
            y_tile += BLOCK_K * stride_yk
            ahead += tl.where(step + 2 < steps, BLOCK_K, 0) * stride_yk
    else:
        for _ in range(steps):
            x = tl.load(x_tile + x_offsets)
            y = tl.load(y_tile + y_offsets)
            total += multiply(x, y, zeros, NEAREST)
            x_tile += BLOCK_K * stride_xk
            y_tile += BLOCK_K * stride_yk
    left = count - steps * BLOCK_K
    if left > 0:
        x = tl.load(x_tile + x_offsets, mask=inner[None, :] < left, other=0.0)
        y = tl.load(y_tile + y_offsets, mask=inner[:, None] < left, other=0.0)
        total += multiply(x, y, zeros, NEAREST)

    # Partial results are padded to whole tiles: no mask, and 16 bytes a store whatever the shape.
    out = partial_ptr + split * split_size
    tl.store(out + ((rows * stride_p)[:, None] + (columns * stride_q)[None, :]), total)


@triton.jit
def combine_kernel(
    partial_ptr,
    c_ptr,
    a_ptr,
    b_ptr,
    size,
    N,
    K,
    row_size,
    split_size,
    splits,
    stride_am,
    stride_ak,
    stride_bk,
    stride_bn,
    BLOCK: tl.constexpr,
    BLOCK_SPLITS: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    rows, columns = offsets // N, offsets % N
    mask = offsets < size
    places = partial_ptr + (rows * row_size + columns)[None, :]
    totals = tl.zeros((BLOCK_SPLITS, BLOCK), dtype=tl.float32)
    for start in range(0, splits, BLOCK_SPLITS):
        split = start + tl.arange(0, BLOCK_SPLITS)[:, None]
        inside = mask[None, :] & (split < splits)
        totals += tl.load(places + split.to(tl.int64) * split_size, mask=inside, other=0.0)
    total = tl.sum(totals, axis=0)

    # Infinity times a lower half of the other sign is NaN, and so on: what is not finite is computed again.
    again = mask & ((tl.abs(total) < float("inf")) == 0)
    if tl.max(again.to(tl.int32), axis=0) > 0:
        a_rows = a_ptr + rows.to(tl.int64)[:, None] * stride_am
        b_columns = b_ptr + columns.to(tl.int64)[:, None] * stride_bn
        sums = tl.zeros((BLOCK, BLOCK_K), dtype=tl.float32)
        for start in range(0, K, BLOCK_K):
            k = start + tl.arange(0, BLOCK_K).to(tl.int64)[None, :]
            inside = again[:, None] & (k < K)
            a = tl.load(a_rows + k * stride_ak, mask=inside, other=0.0)
            b = tl.load(b_columns + k * stride_bk, mask=inside, other=0.0)
            sums += a * b
        total = tl.where(again, tl.sum(sums, axis=1), total)
    tl.store(c_ptr + offsets, total, mask=mask)


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


def pick_config(x: torch.Tensor, y: torch.Tensor) -> tuple[int, Config]:
    """What the best tile for `x` (P, K) and `y` (K, Q) copies for one k, and that tile."""
    P, Q = x.shape[0], y.shape[1]
    large = has_large_shared(x.device)
    wide_x = wide(P, x.stride(0), x.stride(1))
    wide_y = wide(Q, y.stride(1), y.stride(0)) and (y.stride(0) == 1 or not large)
    configs = SMALL_SHARED
    if large:
        configs = LARGE_SHARED if wide_x else NARROW
    row_cost = 1 if wide_x else 3  # copies of 4 bytes
    column_cost = 1 if wide_y else 2

    def cost(config: Config) -> int:
        tiles = triton.cdiv(P, config.rows) * triton.cdiv(Q, config.columns)
        return tiles * (row_cost * config.rows + column_cost * config.columns)

    best = min(configs, key=cost)
    return cost(best), best


def pick_split(k: int, tiles: int, config: Config, device: torch.device) -> int:
    """Length of K that one program covers: all multiprocessors busy, none with next to nothing."""
    programs = config.per_multiprocessor * torch.cuda.get_device_properties(device).multi_processor_count
    length = max(triton.cdiv(k, max(1, programs // tiles)), MIN_K_PER_SPLIT)
    return triton.cdiv(length, config.inner) * config.inner


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
    grid = (triton.cdiv(P, config.rows), triton.cdiv(Q, config.columns))
    k_per_split = pick_split(K, grid[0] * grid[1], config, x.device)
    splits = triton.cdiv(K, k_per_split)
    padded_p, padded_q = grid[0] * config.rows, grid[1] * config.columns
    shape = (splits, padded_q, padded_p) if turned else (splits, padded_p, padded_q)
    partial = torch.empty(shape, device=x.device, dtype=torch.float32)
    out_strides = (1, padded_p) if turned else (padded_q, 1)
    known = access(x, y, config.inner)
    x_units = (x.stride(0) // known["UNIT_XP"], x.stride(1) // known["UNIT_XK"])
    y_units = (y.stride(0) // known["UNIT_YK"], y.stride(1) // known["UNIT_YQ"])
    sizes = (P // known["UNIT_P"], Q // known["UNIT_Q"], K)
    tile = {"BLOCK_P": config.rows, "BLOCK_Q": config.columns, "BLOCK_K": config.inner}
    large = has_large_shared(x.device)
    how = {"Y_AHEAD": large, "NEAREST": large}
    pipeline = {"num_warps": config.num_warps, "num_stages": config.num_stages}
    lengths = (padded_p * padded_q, k_per_split)
    partial_kernel[(*grid, splits)](
        x, y, partial, *sizes, *x_units, *y_units, *out_strides, *lengths, **known, **tile, **how, **pipeline
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
    sizes = (c.numel(), N, K, row_size, rows * row_size, splits)
    strides = (*a.stride(), *b.stride())
    tile = {"BLOCK": 128, "BLOCK_SPLITS": 8, "BLOCK_K": 16}
    combine_kernel[(triton.cdiv(c.numel(), 128),)](partial, c, a, b, *sizes, *strides, **tile)
    return c


class ModelNew(nn.Module):
    """C = A @ B."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return matmul(a, b)
