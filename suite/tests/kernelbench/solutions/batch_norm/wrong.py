import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def statistics_kernel(x_ptr, mean_ptr, rstd_ptr, batch, channels, pixels, eps, BLOCK: tl.constexpr):
    channel = tl.program_id(0).to(tl.int64)
    count = batch * pixels
    total = tl.zeros([BLOCK], tl.float32)
    for start in range(0, count, BLOCK):
        place = start + tl.arange(0, BLOCK)
        at = (place // pixels * channels + channel) * pixels + place % pixels
        total += tl.load(x_ptr + at, place < count, 0.0)
    mean = tl.sum(total, 0) / count
    squares = tl.zeros([BLOCK], tl.float32)
    for start in range(0, count, BLOCK):
        place = start + tl.arange(0, BLOCK)
        at = (place // pixels * channels + channel) * pixels + place % pixels
        difference = tl.where(place < count, tl.load(x_ptr + at, place < count, 0.0) - mean, 0.0)
        squares += difference * difference
    tl.store(mean_ptr + channel, mean)
    tl.store(rstd_ptr + channel, 1.0 / tl.sqrt(tl.sum(squares, 0) / count + eps))


@triton.jit
def normalize_kernel(
    x_ptr, mean_ptr, rstd_ptr, weight_ptr, bias_ptr, out_ptr, channels, pixels, elements, BLOCK: tl.constexpr
):
    offsets = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < elements
    channel = offsets // pixels % channels
    x = (tl.load(x_ptr + offsets, mask) - tl.load(mean_ptr + channel)) * tl.load(rstd_ptr + channel)
    tl.store(out_ptr + offsets, x * tl.load(weight_ptr + channel) + tl.load(bias_ptr + channel), mask)


class ModelNew(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.bn = nn.BatchNorm2d(features)

    def forward(self, x):
        batch, channels, pixels = x.shape[0], x.shape[1], x.shape[2] * x.shape[3]
        mean = torch.empty(channels, device=x.device, dtype=torch.float32)
        rstd = torch.empty_like(mean)
        statistics_kernel[(channels,)](x, mean, rstd, batch, channels, pixels, self.bn.eps, BLOCK=2048)
        out = torch.empty_like(x)
        grid = (triton.cdiv(x.numel(), 1024),)
        normalize_kernel[grid](
            x,
            self.bn.running_mean,
            self.bn.running_var,
            self.bn.weight,
            self.bn.bias,
            out,
            channels,
            pixels,
            x.numel(),
            BLOCK=1024,
        )
        return out
