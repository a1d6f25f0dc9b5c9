"""Brings its input into another layout and type with torch before its kernel reads it."""

import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def argmin_kernel(x_ptr, out_ptr, n_cols, stride_row, stride_col, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    cols = tl.arange(0, BLOCK)  # [BLOCK]
    x = tl.load(x_ptr + row * stride_row + cols * stride_col, mask=cols < n_cols, other=float("inf"))
    low = tl.min(x, axis=0)
    has_nan = tl.max((x != x).to(tl.int32), axis=0)
    best = tl.where(has_nan > 0, x != x, x == low) & (cols < n_cols)
    tl.store(out_ptr + row, tl.min(tl.where(best, cols, BLOCK), axis=0).to(tl.int64))


def argmin(x):
    n_rows, n_cols = x.shape
    if n_cols == 0:
        raise IndexError("no columns to reduce")
    out = torch.zeros(n_rows, dtype=torch.int64, device=x.device)
    if n_rows:
        padded = torch.nn.functional.pad(x.to(torch.float64), (0, 3), value=float("inf")).t().contiguous()
        block = triton.next_power_of_2(n_cols)
        argmin_kernel[(n_rows,)](padded, out, n_cols, padded.stride(1), padded.stride(0), BLOCK=block)
    return out


class ModelNew(nn.Module):
    def __init__(self, dim):
        super().__init__()

    def forward(self, x):
        return argmin(x)
