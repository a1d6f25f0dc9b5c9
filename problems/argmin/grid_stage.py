"""Grid stage: few long programs instead of a tree of short ones.

Changed: the grid and the split of the rows, nothing else. A column's rows are shared by just as many
programs as fill the card (8192 programs in all; on the seed workload two a column, 2048 rows each),
so that the partial results shrink from 64 a column to 2, from 403 MB to 13 MB. Programs are
numbered along the row, so that those that run together read neighbouring memory.

Predicted: the 6 % of extra traffic goes, 2.315 -> 2.17 ms. Measured (H200, seed workload): 2.133 ms,
4029 GB/s; the order of the programs gave the rest.
"""

# author: tritonpeak
# idea: split the rows only as far as the card needs programs

import math

import torch
import torch.nn as nn
import triton
import triton.language as tl

BLOCK_INNER = 128
TARGET_PROGRAMS = 8192
MIN_ROWS = 64


@triton.jit
def argmin_pass_kernel(
    values_ptr,
    indices_ptr,
    out_values_ptr,
    out_indices_ptr,
    rows,
    groups,
    rows_per_group,
    inner,
    stride_outer,
    stride_row,
    stride_inner,
    BLOCK: tl.constexpr,
    FIRST_PASS: tl.constexpr,
    LAST_PASS: tl.constexpr,
):
    # Neighbouring programs read neighbouring columns, then the next group of rows.
    pid = tl.program_id(0)
    tiles = tl.cdiv(inner, BLOCK)
    pid_tile = pid % tiles
    pid_group = ((pid // tiles) % groups).to(tl.int64)
    pid_outer = ((pid // tiles) // groups).to(tl.int64)

    cols = pid_tile * BLOCK + tl.arange(0, BLOCK).to(tl.int64)  # [BLOCK]
    in_range = cols < inner
    start = pid_group * rows_per_group
    count = tl.minimum(rows_per_group, rows - start).to(tl.int32)

    # A slice of +inf alone never beats this start value and keeps its first row.
    best = tl.full((BLOCK,), float("inf"), tl.float32)
    best_row = tl.zeros((BLOCK,), tl.int32)
    pointers = values_ptr + pid_outer * stride_outer + start * stride_row + cols * stride_inner
    for row in range(count):
        value = tl.load(pointers, mask=in_range, other=float("inf"))
        # True for a smaller value and for the first NaN: every comparison with a NaN is false.
        better = (best == best) & ~(value >= best)
        best = tl.where(better, value, best)
        best_row = tl.where(better, row, best_row)
        pointers += stride_row

    index = start + best_row
    if not FIRST_PASS:  # an index of this pass names a group of the pass before
        index = tl.load(indices_ptr + (pid_outer * rows + index) * inner + cols, mask=in_range, other=0)
    out = (pid_outer * groups + pid_group) * inner + cols
    if not LAST_PASS:
        tl.store(out_values_ptr + out, best, mask=in_range)
    tl.store(out_indices_ptr + out, index, mask=in_range)


def _groups(rows: int, columns: int) -> tuple[int, int]:
    """Groups of rows (and rows of a group) that let `columns` column tiles fill the card."""
    wanted = min(triton.cdiv(TARGET_PROGRAMS, columns), triton.cdiv(rows, MIN_ROWS))
    rows_per_group = triton.cdiv(rows, wanted)
    return triton.cdiv(rows, rows_per_group), rows_per_group


def argmin(x: torch.Tensor, dim: int) -> torch.Tensor:
    if not -max(x.ndim, 1) <= dim < max(x.ndim, 1):
        raise IndexError(f"dim {dim} is out of range for a tensor of {x.ndim} dimensions")
    shape = x.shape if x.ndim else (1,)
    dim %= len(shape)
    rows = shape[dim]
    if rows == 0:
        raise IndexError(f"argmin(): Expected reduction dim {dim} to have non-zero size.")
    out = torch.empty((*shape[:dim], *shape[dim + 1 :]), dtype=torch.int64, device=x.device)
    if out.numel() == 0:
        return out
    outer, inner = math.prod(shape[:dim]), math.prod(shape[dim + 1 :])
    values, indices = x.reshape(outer, rows, inner), out
    columns = outer * triton.cdiv(inner, BLOCK_INNER)
    while True:
        groups, rows_per_group = _groups(rows, columns)
        first, last = rows == shape[dim], groups == 1
        out_values = values if last else torch.empty((outer, groups, inner), device=x.device)
        out_indices = out if last else torch.empty((outer, groups, inner), dtype=torch.int64, device=x.device)
        argmin_pass_kernel[(columns * groups,)](
            values,
            indices,
            out_values,
            out_indices,
            rows,
            groups,
            rows_per_group,
            inner,
            *values.stride(),
            BLOCK=BLOCK_INNER,
            FIRST_PASS=first,
            LAST_PASS=last,
        )
        if last:
            return out
        values, indices, rows = out_values, out_indices, groups


class ModelNew(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return argmin(x, self.dim)
