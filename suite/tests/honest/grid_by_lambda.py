"""Builds its grid from the meta-parameters, several rows a program."""

import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def argmin_kernel(
    x_ptr, out_ptr, n_rows, n_cols, stride_row, stride_col, ROWS: tl.constexpr, BLOCK: tl.constexpr
):
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)[:, None]  # [ROWS, 1]
    cols = tl.arange(0, BLOCK)[None, :]  # [1, BLOCK]
    inside = (rows < n_rows) & (cols < n_cols)
    x = tl.load(x_ptr + rows * stride_row + cols * stride_col, mask=inside, other=float("inf"))
    low = tl.min(x, axis=1)[:, None]
    has_nan = tl.max((x != x).to(tl.int32), axis=1)[:, None]
    best = tl.where(has_nan > 0, x != x, x == low) & (cols < n_cols)
    at = tl.min(tl.where(best, cols, BLOCK), axis=1)[:, None].to(tl.int64)
    tl.store(out_ptr + rows, at, mask=rows < n_rows)


def argmin(x):
    n_rows, n_cols = x.shape
    if n_cols == 0:
        raise IndexError("no columns to reduce")
    out = torch.empty(n_rows, dtype=torch.int64, device=x.device)
    if n_rows:
        block = triton.next_power_of_2(n_cols)
        grid = lambda meta: (triton.cdiv(n_rows, meta["ROWS"]),)  # noqa: E731 - as in the Triton tutorials
        argmin_kernel[grid](x, out, n_rows, n_cols, x.stride(0), x.stride(1), ROWS=4, BLOCK=block)
    return out


class ModelNew(nn.Module):
    def __init__(self, dim):
        super().__init__()

    def forward(self, x):
        return argmin(x)
