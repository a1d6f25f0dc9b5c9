import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def scale_kernel(x_ptr, factors_ptr, out_ptr, channels, elements, BLOCK: tl.constexpr):
    offsets = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < elements
    x = tl.load(x_ptr + offsets, mask)
    factors = tl.load(factors_ptr + offsets % channels, mask)
    tl.store(out_ptr + offsets, x * factors, mask)


class ModelNew(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.register_buffer("factors", torch.randn(channels))

    def forward(self, x):
        out = torch.empty_like(x)
        grid = (triton.cdiv(x.numel(), 1024),)
        scale_kernel[grid](x, self.factors, out, x.shape[1], x.numel(), BLOCK=1024)
        return out
