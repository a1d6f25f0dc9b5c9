"""Splits each row over several programs; a second kernel combines what they found."""

import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def ordered_key(x):
    """An integer that orders floats as argmin does: NaN first, then by value."""
    bits = (x + 0.0).to(tl.int32, bitcast=True)  # -0.0 becomes 0.0
    key = tl.where(bits < 0, bits ^ 0x7FFFFFFF, bits).to(tl.int64)
    return tl.where(x != x, -(1 << 40), key)


@triton.jit
def partial_kernel(x_ptr, low_ptr, at_ptr, n_cols, n_splits, stride_row, stride_col, BLOCK: tl.constexpr):
    row, split = tl.program_id(0).to(tl.int64), tl.program_id(1)
    cols = split * BLOCK + tl.arange(0, BLOCK)  # [BLOCK]
    x = tl.load(x_ptr + row * stride_row + cols * stride_col, mask=cols < n_cols, other=0.0)
    key = tl.where(cols < n_cols, ordered_key(x), 1 << 41)
    low = tl.min(key, axis=0)
    tl.store(low_ptr + row * n_splits + split, low)
    tl.store(at_ptr + row * n_splits + split, tl.min(tl.where(key == low, cols, n_cols), axis=0))


@triton.jit
def combine_kernel(low_ptr, at_ptr, out_ptr, n_splits, SPLITS: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    splits = tl.arange(0, SPLITS)  # [SPLITS]
    low = tl.load(low_ptr + row * n_splits + splits, mask=splits < n_splits, other=1 << 41)
    at = tl.load(at_ptr + row * n_splits + splits, mask=splits < n_splits, other=1 << 30)
    first = tl.min(tl.where(low == tl.min(low, axis=0), at, 1 << 30), axis=0)
    tl.store(out_ptr + row, first.to(tl.int64))


def argmin(x):
    n_rows, n_cols = x.shape
    if n_cols == 0:
        raise IndexError("no columns to reduce")
    out = torch.empty(n_rows, dtype=torch.int64, device=x.device)
    if n_rows:
        n_splits = triton.cdiv(n_cols, 32)
        low, at = torch.empty((2, n_rows, n_splits), dtype=torch.int64, device=x.device)
        grid = (n_rows, n_splits)
        partial_kernel[grid](x, low, at, n_cols, n_splits, x.stride(0), x.stride(1), BLOCK=32)
        combine_kernel[(n_rows,)](low, at, out, n_splits, SPLITS=triton.next_power_of_2(n_splits))
    return out


class ModelNew(nn.Module):
    def __init__(self, dim):
        super().__init__()

    def forward(self, x):
        return argmin(x)
