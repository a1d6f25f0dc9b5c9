"""Captures its launch in a CUDA graph and replays it on inputs that are copied in."""

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


def argmin(x, out):
    n_rows, n_cols = x.shape
    block = triton.next_power_of_2(n_cols)
    argmin_kernel[(n_rows,)](x, out, n_cols, x.stride(0), x.stride(1), BLOCK=block)


class Captured:
    """One shape's static input, output and graph."""

    def __init__(self, x):
        self.x = torch.empty_like(x)
        self.out = torch.empty(x.shape[0], dtype=torch.int64, device=x.device)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            argmin(self.x, self.out)  # compiles before the capture
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            argmin(self.x, self.out)

    def replay(self, x):
        self.x.copy_(x)
        self.graph.replay()
        return self.out.clone()


class ModelNew(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.captured = {}

    def forward(self, x):
        if x.shape[1] == 0:
            raise IndexError("no columns to reduce")
        if x.shape[0] == 0:
            return torch.empty(0, dtype=torch.int64, device=x.device)
        key = (x.shape, x.stride())
        if key not in self.captured:
            self.captured = {key: Captured(x)}
        return self.captured[key].replay(x)
