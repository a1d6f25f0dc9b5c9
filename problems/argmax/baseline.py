"""Baseline: one pass, a tile of 256 rows and 32 columns a step.

A program owns 32 columns. Each step loads 256 rows of them, finds the tile's maxima and their rows,
and folds these into the running best. NaN and the two zeros are settled by comparing integers that sort
like the values, which costs six instructions a value.

What limits it: 64 values a thread with a mask on each row, then a reduction across the four warps
through shared memory, every step: loading and reducing take turns. Tiles are only 128 bytes wide.

H200, seed workload: 2.313 ms, 3715 GB/s of 4800.
"""

# author: tritonpeak
# idea: one pass, 32 columns a program, 256 rows a step

import math

import torch
import torch.nn as nn
import triton
import triton.language as tl

BLOCK_ROWS = 256
BLOCK_INNER = 32


@triton.jit
def argmax_kernel(
    x_ptr,
    out_ptr,
    rows,
    inner,
    stride_outer,
    stride_row,
    stride_inner,
    ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    pid = tl.program_id(0)
    tiles = tl.cdiv(inner, BLOCK)
    pid_outer = (pid // tiles).to(tl.int64)
    cols = (pid % tiles) * BLOCK + tl.arange(0, BLOCK).to(tl.int64)  # [BLOCK]
    in_range = cols < inner
    lanes = tl.arange(0, ROWS)

    base = x_ptr + pid_outer * stride_outer
    best_key = tl.full((BLOCK,), -0x80000000, tl.int32)
    best_row = tl.zeros((BLOCK,), tl.int64)
    for start in range(0, rows, ROWS):
        row = start + lanes.to(tl.int64)
        mask = (row < rows)[:, None] & in_range[None, :]
        pointers = base + row[:, None] * stride_row + cols[None, :] * stride_inner
        value = tl.load(pointers, mask=mask, other=-float("inf"))  # [ROWS, BLOCK]
        # An integer that sorts like the value: NaN above all, the two zeros equal.
        bits = tl.where(value == 0.0, 0.0, value).to(tl.int32, bitcast=True)
        key = tl.where(value == value, bits ^ ((bits >> 31) & 0x7FFFFFFF), 0x7FFFFFFF)
        step_key, step_row = tl.max(key, axis=0, return_indices=True)  # the first row on ties
        better = step_key > best_key
        best_key = tl.where(better, step_key, best_key)
        best_row = tl.where(better, step_row + tl.cast(start, tl.int64), best_row)

    tl.store(out_ptr + pid_outer * inner + cols, best_row, mask=in_range)


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
    x = x.reshape(outer, rows, inner)
    grid = (outer * triton.cdiv(inner, BLOCK_INNER),)
    argmax_kernel[grid](
        x, out, rows, inner, *x.stride(), ROWS=BLOCK_ROWS, BLOCK=BLOCK_INNER, num_warps=4, num_stages=2
    )
    return out


class ModelNew(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return argmax(x, self.dim)
