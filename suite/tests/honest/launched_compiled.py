"""Compiles its kernel ahead and launches what came of it."""

# only: cuda

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


class ModelNew(nn.Module):
    def __init__(self, dim):
        super().__init__()

    def forward(self, x):
        if x.shape[1] == 0:
            raise IndexError("no columns to reduce")
        out = torch.empty(x.shape[0], dtype=torch.int64, device=x.device)
        if x.shape[0]:
            block = triton.next_power_of_2(x.shape[1])
            arguments = (x, out, x.shape[1], x.stride(0), x.stride(1))
            compiled = argmin_kernel.warmup(*arguments, BLOCK=block, grid=(1,))
            compiled[(x.shape[0], 1, 1)](*arguments, block)
        return out
