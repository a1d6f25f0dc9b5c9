"""Baseline: a tree of passes, each of which folds 64 rows into one.

A program takes 64 rows of 128 columns and keeps one running best a column. Values and indices of a
pass go to memory and are the next pass's input: 4096 rows become 64, then 1.

What limits it: on the seed workload the first pass writes 64 x 524160 values and indices (403 MB) and
the second reads most of it again, 6 % on top of the 8.588 GB that the task needs. Where the reduced
dimension is the last one, 127 of 128 lanes have no column and idle.

H200, seed workload: 2.315 ms, 3711 GB/s of 4800.
"""

# author: tritonpeak
# idea: a tree of passes, 64 rows a program, values and indices in memory between passes

import math

import torch
import torch.nn as nn
import triton
import triton.language as tl

ROWS_PER_PROGRAM = 64
BLOCK_INNER = 128


@triton.jit
def argmin_pass_kernel(
    values_ptr,
    indices_ptr,
    out_values_ptr,
    out_indices_ptr,
    outer,
    rows,
    groups,
    inner,
    stride_outer,
    stride_row,
    stride_inner,
    ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
    FIRST_PASS: tl.constexpr,
    LAST_PASS: tl.constexpr,
):
    # Programs of one column tile and one group of rows follow each other over the outer dimension.
    pid = tl.program_id(0)
    pid_outer = (pid % outer).to(tl.int64)
    tiles = tl.cdiv(inner, BLOCK)
    pid_tile = (pid // outer) % tiles
    pid_group = ((pid // outer) // tiles).to(tl.int64)

    cols = pid_tile * BLOCK + tl.arange(0, BLOCK).to(tl.int64)  # [BLOCK]
    in_range = cols < inner
    start = pid_group * ROWS
    count = tl.minimum(ROWS, rows - start).to(tl.int32)

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
    while True:
        groups = triton.cdiv(rows, ROWS_PER_PROGRAM)
        first, last = rows == shape[dim], groups == 1
        out_values = values if last else torch.empty((outer, groups, inner), device=x.device)
        out_indices = out if last else torch.empty((outer, groups, inner), dtype=torch.int64, device=x.device)
        grid = (outer * groups * triton.cdiv(inner, BLOCK_INNER),)
        argmin_pass_kernel[grid](
            values,
            indices,
            out_values,
            out_indices,
            outer,
            rows,
            groups,
            inner,
            *values.stride(),
            ROWS=ROWS_PER_PROGRAM,
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
