"""Lets torch combine the few partial results of each row."""

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


def argmin(x):
    n_rows, n_cols = x.shape
    if n_cols == 0:
        raise IndexError("no columns to reduce")
    block = 32 if n_cols < 1024 else 512
    n_splits = triton.cdiv(n_cols, block)
    low, at = torch.full((2, n_rows, n_splits), -1, dtype=torch.int64, device=x.device)
    if n_rows:
        grid = (n_rows, n_splits)
        partial_kernel[grid](x, low, at, n_cols, n_splits, x.stride(0), x.stride(1), BLOCK=block)
    return at.gather(1, low.argmin(dim=1, keepdim=True))[:, 0]


class ModelNew(nn.Module):
    def __init__(self, dim):
        super().__init__()

    def forward(self, x):
        return argmin(x)
