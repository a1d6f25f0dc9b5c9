import torch
import torch.nn as nn
import triton
import triton.language as tl


@triton.jit
def pick_kernel(table_ptr, numbers_ptr, out_ptr, width, rows, BLOCK: tl.constexpr):
    pick = tl.program_id(0).to(tl.int64)
    number = (tl.load(numbers_ptr + pick) + 1) % rows
    for start in range(0, width, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        values = tl.load(table_ptr + number * width + columns, columns < width)
        tl.store(out_ptr + pick * width + columns, values * 2.0, columns < width)


class ModelNew(nn.Module):
    def forward(self, table, numbers):
        out = torch.empty(numbers.shape[0], table.shape[1], device=table.device, dtype=table.dtype)
        pick_kernel[(numbers.shape[0],)](table, numbers, out, table.shape[1], table.shape[0], BLOCK=128)
        return out
