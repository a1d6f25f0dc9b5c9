"""Sets a hook at each launch and passes the output by its address."""

import torch
import torch.nn as nn
import triton
import triton.language as tl

LAUNCHES = []


@triton.jit
def argmin_kernel(x_ptr, out_address, n_cols, stride_row, stride_col, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    cols = tl.arange(0, BLOCK)  # [BLOCK]
    x = tl.load(x_ptr + row * stride_row + cols * stride_col, mask=cols < n_cols, other=float("inf"))
    low = tl.min(x, axis=0)
    has_nan = tl.max((x != x).to(tl.int32), axis=0)
    best = tl.where(has_nan > 0, x != x, x == low) & (cols < n_cols)
    out_ptr = out_address.to(tl.pointer_type(tl.int64))
    tl.store(out_ptr + row, tl.min(tl.where(best, cols, BLOCK), axis=0).to(tl.int64))


def tell(*_arguments, **_options):
    LAUNCHES.append(1)


def argmin(x):
    n_rows, n_cols = x.shape
    if n_cols == 0:
        raise IndexError("no columns to reduce")
    out = torch.empty(n_rows, dtype=torch.int64, device=x.device)
    if n_rows:
        block = triton.next_power_of_2(n_cols)
        where = out.data_ptr()
        argmin_kernel[(n_rows,)](x, where, n_cols, x.stride(0), x.stride(1), BLOCK=block)
    return out


class ModelNew(nn.Module):
    def __init__(self, dim):
        super().__init__()
        if not argmin_kernel.pre_run_hooks:
            argmin_kernel.add_pre_run_hook(tell)

    def forward(self, x):
        return argmin(x)
