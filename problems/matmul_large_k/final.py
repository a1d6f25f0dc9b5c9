"""Stage 3: memory access and micro-tuning.

What changed:

1. A `for` loop instead of `while`: Triton fetches the next three tiles into shared memory (4 stages)
   while the tensor cores work on this one.
2. The product is turned around where B is row by row in memory: C^T = B^T A^T. On sm_90 a TF32 operand in
   shared memory must lie along K. A does; B does not, and would be turned 4 bytes at a time. As the
   *first* operand it can also come from registers, where its order in shared memory is free.
3. To make Triton take that path, the first operand is rounded to TF32 in registers (an elementwise step
   between load and dot). All copies become 16 bytes wide, and the error falls from 8.0e-4 to 4.8e-4,
   because the tensor cores truncate what they are given and rounding removes most of that operand's
   share.
4. A tile is a moving scalar pointer and fixed 32-bit offsets. Tiles of 64-bit pointers took 128 registers
   and spilled.
5. Tiles of 128 x 256 read 1.6 GB through L2; the 128 x 64 of the block stage read 3.2 GB. `pick_config`
   takes, for each shape and card, the tile that reads least.

Predicted: if L2 delivers about 5.5 TB/s, 1.6 GB take 0.29 ms, more than the 0.224 ms of memory; 0.30 ms
with the combine.
Measured: 0.262 ms (H200, seed workload), 4.8 times faster than the block stage, 85 % of the speed of
light; cuBLAS takes 0.361 ms in TF32 and 1.303 ms in float32. The combine kernel is 0.007 ms of it.

Still open: rows that start off a 16-byte boundary. With both operands so (255 x 524287 x 257) every copy
is 4 bytes, addresses fill the registers, and it takes 0.91 ms against 0.75 ms of cuBLAS TF32.
"""

# author: tritonpeak

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
LARGE_SHARED = (
    Config(128, 128, 32, 4, 3, 2),
    Config(128, 256, 32, 8, 4, 1),
    Config(256, 128, 32, 8, 4, 1),
    Config(256, 16, 32, 4, 6, 1),
)
# With both operands in copies of 4 bytes, the addresses of larger tiles no longer fit the registers.
NARROW = (Config(128, 128, 32, 8, 3, 2), Config(128, 16, 32, 4, 6, 1))
SMALL_SHARED = (Config(128, 128, 32, 8, 3, 1), Config(128, 16, 32, 4, 3, 2))
MIN_K_PER_SPLIT = 1024
MAX_K_PER_SPLIT = 16384


@triton.jit
def round_to_tf32(x):
    # To nearest, where the tensor cores by themselves drop the last 13 bits. A NaN is left alone: adding to
    # the bits of 0x7fffffff would carry into the sign.
    bits = (x.to(tl.int32, bitcast=True) + 0x1000) & -0x2000
    return tl.where(x == x, bits.to(tl.float32, bitcast=True), x)


@triton.jit
def clamp(index, size_units, UNIT: tl.constexpr, BLOCK: tl.constexpr):
    # Past the end, the last UNIT elements again: loads need no mask, and what the extra columns compute is
    # never stored. The hints keep what Triton knew before: units stay whole, and neighbouring threads still
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
):
    # Of an argument Triton knows only whether 16 divides it. Counts of 4 elements, multiplied out here, tell
    # it that rows start on 16 bytes whenever they do, and the copies become four elements wide.
    P, Q = P_UNITS * UNIT_P, Q_UNITS * UNIT_Q
    stride_xp, stride_xk = stride_xp_units * UNIT_XP, stride_xk_units * UNIT_XK
    stride_yk, stride_yq = stride_yk_units * UNIT_YK, stride_yq_units * UNIT_YQ

    rows = tl.program_id(0) * BLOCK_P + tl.arange(0, BLOCK_P)
    columns = tl.program_id(1) * BLOCK_Q + tl.arange(0, BLOCK_Q)
    inner = tl.arange(0, BLOCK_K)
    split = tl.program_id(2).to(tl.int64)
    first = split * k_per_split
    count = tl.minimum(K - first, k_per_split).to(tl.int32)

    # A tile is a scalar pointer that moves and offsets that do not: half the registers of a tile of pointers.
    # Rows of X are masked and columns of Y clamped: of the four ways to treat the edge, the fastest measured.
    p = rows.to(X_OFFSET)[:, None]
    q = clamp(columns, Q_UNITS, UNIT_Q, BLOCK_Q).to(Y_OFFSET)[None, :]
    row_mask = rows[:, None] < P
    column_mask = columns[None, :] < Q
    x_offsets = p * stride_xp + inner.to(X_OFFSET)[None, :] * stride_xk  # [BLOCK_P, BLOCK_K]
    y_offsets = inner.to(Y_OFFSET)[:, None] * stride_yk + q * stride_yq  # [BLOCK_K, BLOCK_Q]
    x_tile = x_ptr + first * stride_xk
    y_tile = y_ptr + first * stride_yk

    accumulator = tl.zeros((BLOCK_P, BLOCK_Q), dtype=tl.float32)
    steps = count // BLOCK_K
    for _ in range(steps):
        x = tl.load(x_tile + x_offsets, mask=row_mask, other=0.0)
        y = tl.load(y_tile + y_offsets)
        accumulator = tl.dot(round_to_tf32(x), y, accumulator)
        x_tile += BLOCK_K * stride_xk
        y_tile += BLOCK_K * stride_yk
    left = count - steps * BLOCK_K
    if left > 0:
        x = tl.load(x_tile + x_offsets, mask=row_mask & (inner[None, :] < left), other=0.0)
        y = tl.load(y_tile + y_offsets, mask=column_mask & (inner[:, None] < left), other=0.0)
        accumulator = tl.dot(round_to_tf32(x), y, accumulator)

    rows64, columns64 = rows.to(tl.int64), columns.to(tl.int64)
    out_ptrs = partial_ptr + split * P * Q + rows64[:, None] * stride_p + columns64[None, :] * stride_q
    tl.store(out_ptrs, accumulator, mask=row_mask & column_mask)


@triton.jit
def combine_kernel(partial_ptr, c_ptr, size, splits, BLOCK: tl.constexpr, BLOCK_SPLITS: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    lanes = tl.arange(0, BLOCK_SPLITS)
    mask = offsets[None, :] < size
    total = tl.zeros((BLOCK_SPLITS, BLOCK), dtype=tl.float32)
    for start in range(0, splits, BLOCK_SPLITS):
        split = start + lanes[:, None]
        pointers = partial_ptr + split.to(tl.int64) * size + offsets[None, :]
        total += tl.load(pointers, mask=mask & (split < splits), other=0.0)
    tl.store(c_ptr + offsets, tl.sum(total, axis=0), mask=offsets < size)


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


def pick_config(x: torch.Tensor, y: torch.Tensor) -> Config:
    """The tile that reads least of `x` (P, K) and `y` (K, Q), among those that fit the card."""
    P, Q = x.shape[0], y.shape[1]
    large = has_large_shared(x.device)
    wide_x = wide(P, x.stride(0), x.stride(1))
    wide_y = wide(Q, y.stride(1), y.stride(0)) and (y.stride(0) == 1 or not large)
    column_cost = 1 if wide_y else 2  # copies of 4 bytes

    def cost(config: Config) -> int:
        tiles = triton.cdiv(P, config.rows) * triton.cdiv(Q, config.columns)
        return tiles * (config.rows + column_cost * config.columns)

    configs = LARGE_SHARED if large else SMALL_SHARED
    if large and not wide_x and not wide_y:
        configs = NARROW
    return min(configs, key=cost)


def pick_split(k: int, tiles: int, config: Config, device: torch.device) -> int:
    """Length of K that one program covers: all multiprocessors busy, chains neither long nor tiny."""
    programs = config.per_multiprocessor * torch.cuda.get_device_properties(device).multi_processor_count
    splits = max(1, programs // tiles)
    length = min(max(triton.cdiv(k, splits), MIN_K_PER_SPLIT), MAX_K_PER_SPLIT)
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


def launch(x: torch.Tensor, y: torch.Tensor, c: torch.Tensor) -> None:
    """Write x @ y into `c`, for `x` (P, K), `y` (K, Q) and a `c` (P, Q) whose storage has no holes."""
    P, K = x.shape
    Q = y.shape[1]
    config = pick_config(x, y)
    grid = (triton.cdiv(P, config.rows), triton.cdiv(Q, config.columns))
    k_per_split = pick_split(K, grid[0] * grid[1], config, x.device)
    splits = triton.cdiv(K, k_per_split)
    partial = c if splits == 1 else torch.empty((splits, c.numel()), device=c.device, dtype=torch.float32)
    known = access(x, y, config.inner)
    x_units = (x.stride(0) // known["UNIT_XP"], x.stride(1) // known["UNIT_XK"])
    y_units = (y.stride(0) // known["UNIT_YK"], y.stride(1) // known["UNIT_YQ"])
    sizes = (P // known["UNIT_P"], Q // known["UNIT_Q"], K)
    tile = {"BLOCK_P": config.rows, "BLOCK_Q": config.columns, "BLOCK_K": config.inner}
    pipeline = {"num_warps": config.num_warps, "num_stages": config.num_stages}
    partial_kernel[(*grid, splits)](
        x, y, partial, *sizes, *x_units, *y_units, *c.stride(), k_per_split, **known, **tile, **pipeline
    )
    if splits > 1:
        size = c.numel()
        combine_kernel[(triton.cdiv(size, 128),)](partial, c, size, splits, BLOCK=128, BLOCK_SPLITS=8)


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
    c = torch.empty((M, N), device=a.device, dtype=torch.float32)
    if b.stride(0) == 1:
        launch(a, b, c)
    else:
        launch(b.t(), a.t(), c.t())
    return c


class ModelNew(nn.Module):
    """C = A @ B."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return matmul(a, b)
