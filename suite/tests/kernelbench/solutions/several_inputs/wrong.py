import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def addcmul_kernel(a_ptr, b_ptr, c_ptr, out_ptr, weight, elements, BLOCK: tl.constexpr):
    offsets = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < elements
    a = tl.load(a_ptr + offsets, mask)
    b = tl.load(b_ptr + offsets, mask)
    c = tl.load(c_ptr + offsets, mask)
    tl.store(out_ptr + offsets, a + weight * b + c, mask)


class ModelNew(nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def forward(self, a, b, c):
        out = torch.empty_like(a)
        grid = (triton.cdiv(a.numel(), 1024),)
        addcmul_kernel[grid](a, b, c, out, self.weight, a.numel(), BLOCK=1024)
        return out
