"""Final: every lane keeps its own best, many loads in flight, one reduction at the end.

Changed: memory access and what surrounds it.
- A lane compares and keeps (value, row) in registers; lanes meet once, after the last row. Nothing but
  loads and five instructions a value stands in the loop.
- Sixteen rows are unrolled: 64 loads of a thread are independent.
- Four neighbouring columns a thread. Rows of 4095 floats start at every 4-byte phase, so loads stay
  scalar; but a warp then works through 512 neighbouring bytes (17 sectors for 16) where the
  compiler's choice, one value of each 128 bytes, asks for 5 sectors instead of 4 each time. Aligned
  rows get 16-byte loads from the same source.
- Row masks only in the ragged end; column masks only where a tile crosses the edge of a slab.
- Tiny slices go one to a thread, with every row unrolled; a giant reduction gets thousands of programs.

Predicted: 2.027 -> 1.95 ms. Measured (H200, seed workload): 1.910 ms, 4498 GB/s, 94 % of
the datasheet's 4800 GB/s and 99 % of the 4560 GB/s that a kernel which only reads reaches.
"""

# author: tritonpeak
# idea: best per lane in registers, four columns a thread, sixteen rows in flight

import math
from typing import NamedTuple

import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def argmax_tile_kernel(
    x_ptr,
    out_ptr,
    partial_ptr,
    outputs,
    rows,
    inner,
    stride_outer,
    stride_row,
    stride_inner,
    tiles,
    splits,
    rows_per_split,
    FLAT: tl.constexpr,
    MASK: tl.constexpr,
    SPLIT: tl.constexpr,
    LANES: tl.constexpr,
    BLOCK: tl.constexpr,
    UNROLL: tl.constexpr,
):
    # Neighbouring programs read neighbouring memory: first the columns, then the next rows.
    pid = tl.program_id(0)
    pid_tile = pid % tiles
    pid_split = ((pid // tiles) % splits).to(tl.int64)
    pid_outer = ((pid // tiles) // splits).to(tl.int64)

    lanes = tl.arange(0, LANES)  # [LANES] rows that are looked at together
    cols = tl.arange(0, BLOCK)  # [BLOCK]
    first = pid_tile.to(tl.int64) * BLOCK
    start = pid_split * rows_per_split
    count = tl.minimum(rows_per_split, rows - start).to(tl.int32)
    base = x_ptr + start * stride_row
    if FLAT:  # a tile is a run of outputs, whatever slab they belong to
        in_range = cols < outputs - first
        # One 64-bit division a program, 32-bit ones for the lanes.
        column = (first - first // inner * inner).to(tl.int32) + tl.where(in_range, cols, 0)
        slab = first // inner + column // inner
        col_offsets = slab * stride_outer + (column % inner).to(tl.int64) * stride_inner
        out = first + cols
    else:
        in_range = cols < tl.minimum(inner - first, BLOCK).to(tl.int32)
        base += pid_outer * stride_outer + first * stride_inner
        col_offsets = cols.to(tl.int64) * stride_inner
        out = pid_outer * inner + first + cols
    mask = in_range[None, :] if MASK else None
    offsets = col_offsets[None, :]  # [LANES, BLOCK]
    if LANES > 1:
        offsets += lanes[:, None].to(tl.int64) * stride_row

    # A slice of -inf alone never beats this start value: the answer is then its lane's first row.
    best = tl.full((LANES, BLOCK), -float("inf"), tl.float32)
    if not FLAT:
        # Never read: an aligned load of this tile makes the compiler give each thread four neighbours,
        # also where an odd row length would get it every 32nd value and every warp a fifth sector.
        anchor = x_ptr + lanes[:, None] * BLOCK + cols[None, :]
        best = tl.load(anchor, mask=(lanes[:, None] + cols[None, :] < 0) & (count < 0), other=-float("inf"))
    best_row = tl.zeros((LANES, BLOCK), tl.int32)
    STEP: tl.constexpr = LANES * UNROLL
    bulk = count // STEP * STEP
    for row in range(0, bulk, STEP):
        for u in tl.static_range(UNROLL):
            row_ptr = base + tl.cast(row + u * LANES, tl.int64) * stride_row
            value = tl.load(row_ptr + offsets, mask=mask)
            # True for a larger value and for the first NaN: every comparison with a NaN is false.
            better = (best == best) & ~(value <= best)
            best = tl.where(better, value, best)
            best_row = tl.where(better, row + u * LANES, best_row)
    TAIL: tl.constexpr = UNROLL if FLAT else 1
    for row in range(bulk, count, LANES * TAIL):  # past the end: the last row again, which beats nothing
        for u in tl.static_range(TAIL):
            tail = tl.minimum(row + u * LANES + lanes, count - 1).to(tl.int64)
            value = tl.load(base + tail[:, None] * stride_row + col_offsets[None, :], mask=mask)
            better = (best == best) & ~(value <= best)
            best = tl.where(better, value, best)
            best_row = tl.where(better, row + u * LANES, best_row)
    index = tl.minimum(best_row + lanes[:, None], count - 1)

    # An integer that sorts against the value: NaN before all, then the largest, the two zeros equal.
    bits = tl.where(best == 0.0, 0.0, best).to(tl.int32, bitcast=True)
    key = tl.where(best == best, ~(bits ^ ((bits >> 31) & 0x7FFFFFFF)), -0x80000000)
    best_key = tl.min(key, axis=0)
    index = tl.min(tl.where(key == best_key[None, :], index, 0x7FFFFFFF), axis=0)
    if SPLIT:
        packed = (best_key.to(tl.int64) << 32) | index.to(tl.int64)
        tl.store(partial_ptr + pid_split * outputs + out, packed, mask=in_range)
    else:
        tl.store(out_ptr + out, index.to(tl.int64), mask=in_range)


@triton.jit
def argmax_combine_kernel(
    partial_ptr, out_ptr, outputs, splits, rows_per_split, LANES: tl.constexpr, BLOCK: tl.constexpr
):
    cols = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    lanes = tl.arange(0, LANES)
    best = tl.full((LANES, BLOCK), 0x7FFFFFFFFFFFFFFF, tl.int64)
    best_split = tl.zeros((LANES, BLOCK), tl.int32)
    for split in range(0, splits, LANES):
        part = split + lanes
        mask = (part < splits)[:, None] & (cols < outputs)[None, :]
        pointers = partial_ptr + part[:, None].to(tl.int64) * outputs + cols[None, :]
        packed = tl.load(pointers, mask=mask, other=0x7FFFFFFFFFFFFFFF)
        better = (packed >> 32) < (best >> 32)  # the keys alone: on ties the earlier rows stay
        best = tl.where(better, packed, best)
        best_split = tl.where(better, split, best_split)
    index = (best_split + lanes[:, None]).to(tl.int64) * rows_per_split + (best & 0xFFFFFFFF)
    key = best >> 32
    index = tl.where(key == tl.min(key, axis=0)[None, :], index, 0x7FFFFFFFFFFFFFFF)
    tl.store(out_ptr + cols, tl.min(index, axis=0), mask=cols < outputs)


class Plan(NamedTuple):
    """How one launch cuts a [outer, rows, inner] tensor."""

    flat: bool  # a tile is a run of outputs of any slabs; else it lies within one slab
    lanes: int  # rows looked at together
    block: int  # columns (outputs) of a tile
    unroll: int  # loads of a lane in flight
    num_warps: int
    splits: int  # programs that share a column


TARGET_PROGRAMS = 1024


def _plan(outer: int, rows: int, inner: int) -> Plan:
    """The cut for a shape: columns over the lanes, or rows where the columns are few."""
    if inner >= 512:
        block = 2048 if inner >= 2048 else 512
        flat, lanes, unroll, num_warps = False, 1, 16 if rows >= 1024 else 8, block // 128
    elif rows * inner <= 2048 and rows <= 256:
        lanes = triton.next_power_of_2(triton.cdiv(rows, 16))
        flat, block, unroll, num_warps = True, max(16, 128 // lanes), triton.cdiv(rows, lanes), 4
    else:
        block = triton.next_power_of_2(inner)
        flat, lanes, unroll, num_warps = False, max(1, 2048 // block), 8, 8
    columns = triton.cdiv(outer * inner, block) if flat else outer * triton.cdiv(inner, block)
    target = 8192 if inner == 1 else TARGET_PROGRAMS
    splits = max(1, min(triton.cdiv(target, columns), rows // (8 * lanes * unroll)))
    return Plan(flat, lanes, block, unroll, num_warps, splits)


def launch(x: torch.Tensor, out: torch.Tensor, plan: Plan) -> None:
    """Reduce the middle dimension of `x` [outer, rows, inner] into `out`, with a second pass if split."""
    outer, rows, inner = x.shape
    outputs = outer * inner
    tiles = triton.cdiv(outputs if plan.flat else inner, plan.block)
    columns = tiles if plan.flat else tiles * outer
    step = plan.lanes * plan.unroll
    rows_per_split = triton.cdiv(triton.cdiv(rows, plan.splits), step) * step
    splits = triton.cdiv(rows, rows_per_split)
    partial = torch.empty((splits, outputs), dtype=torch.int64, device=x.device) if splits > 1 else out
    argmax_tile_kernel[(columns * splits,)](
        x,
        out,
        partial,
        outputs,
        rows,
        inner,
        x.stride(0) if outer > 1 else 0,
        x.stride(1),
        x.stride(2),
        tiles,
        splits,
        rows_per_split,
        FLAT=plan.flat,
        MASK=not plan.flat and inner % plan.block != 0,
        SPLIT=splits > 1,
        LANES=plan.lanes,
        BLOCK=plan.block,
        UNROLL=plan.unroll,
        num_warps=plan.num_warps,
    )
    if splits > 1:
        lanes = min(64, triton.next_power_of_2(splits))
        block = 1024 // lanes
        argmax_combine_kernel[(triton.cdiv(outputs, block),)](
            partial, out, outputs, splits, rows_per_split, LANES=lanes, BLOCK=block
        )


def argmax(x: torch.Tensor, dim: int) -> torch.Tensor:
    if not -max(x.ndim, 1) <= dim < max(x.ndim, 1):
        raise IndexError(f"dim {dim} is out of range for a tensor of {x.ndim} dimensions")
    shape = x.shape if x.ndim else (1,)
    dim %= len(shape)
    rows = shape[dim]
    if rows == 0:
        raise IndexError(f"argmax(): Expected reduction dim {dim} to have non-zero size.")
    out = torch.empty((*shape[:dim], *shape[dim + 1 :]), dtype=torch.int64, device=x.device)
    if out.numel() == 0:
        return out
    outer, inner = math.prod(shape[:dim]), math.prod(shape[dim + 1 :])
    launch(x.reshape(outer, rows, inner), out, _plan(outer, rows, inner))
    return out


class ModelNew(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return argmax(x, self.dim)
