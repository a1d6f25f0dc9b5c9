import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def conv_kernel(
    x_ptr,
    w_ptr,
    b_ptr,
    out_ptr,
    channels,
    height,
    width,
    filters,
    out_height,
    out_width,
    SIZE: tl.constexpr,
    CHANNELS: tl.constexpr,
    FILTERS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    image = tl.program_id(2).to(tl.int64)
    filter_ = tl.program_id(0) * FILTERS + tl.arange(0, FILTERS)
    place = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    mask = place < out_height * out_width
    row, column = place // out_width, place % out_width
    bias = tl.load(b_ptr + filter_, filter_ < filters, 0.0)
    total = tl.zeros([FILTERS, BLOCK], tl.float32) + bias[:, None]
    for first in range(0, channels, CHANNELS):
        channel = first + tl.arange(0, CHANNELS)
        for i in range(SIZE):
            for j in range(SIZE):
                at = ((image * channels + channel[:, None]) * height + row[None, :] + i) * width
                x = tl.load(
                    x_ptr + at + column[None, :] + j, (channel[:, None] < channels) & mask[None, :], 0.0
                )
                tap = ((filter_[:, None] * channels + channel[None, :]) * SIZE + j) * SIZE + i
                known = (filter_[:, None] < filters) & (channel[None, :] < channels)
                weight = tl.load(w_ptr + tap, known, 0.0)
                total += tl.sum(weight[:, :, None] * x[None, :, :], 1)
    at = (image * filters + filter_[:, None]) * out_height * out_width + place[None, :]
    tl.store(out_ptr + at, total, (filter_[:, None] < filters) & mask[None, :])


class ModelNew(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size):
        super().__init__()
        self.conv2d = nn.Conv2d(in_channels, out_channels, kernel_size)

    def forward(self, x):
        weight, bias = self.conv2d.weight, self.conv2d.bias
        images, channels, height, width = x.shape
        filters, _, size, _ = weight.shape
        out_height, out_width = height - size + 1, width - size + 1
        out = torch.empty(images, filters, out_height, out_width, device=x.device, dtype=x.dtype)
        grid = (triton.cdiv(filters, 8), triton.cdiv(out_height * out_width, 64), images)
        conv_kernel[grid](
            x,
            weight,
            bias,
            out,
            channels,
            height,
            width,
            filters,
            out_height,
            out_width,
            SIZE=size,
            CHANNELS=16,
            FILTERS=8,
            BLOCK=64,
        )
        return out
