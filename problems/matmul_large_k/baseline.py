"""Stage 0: a tiled product over K in chunks, one launch a chunk.

The result is small, 256 x 256, and the sum behind each element is long, 524288 products. A program owns a
128 x 128 tile of the result and walks K in steps of 32; K is cut into chunks of 65536, each chunk is one
launch, and PyTorch adds the chunks. Without the cut, one chain of tensor-core additions would be 524288
long and lose accuracy in proportion.

What it costs: a grid of 2 x 2 programs, so 4 of an H200's 132 multiprocessors work, 8 times in a row. And
inside a program nothing overlaps: Triton pipelines `for` loops only, and this is a `while` loop, so every
step waits for its own two loads.

Predicted: 47.5 ms, what the program this one follows takes on an H200. Measured: 49.6 ms (H200, seed
workload), 0.5 % of the speed of light, 0.224 ms. Relative error 9.0e-4.
"""

# author: tritonpeak

import torch
import triton
import triton.language as tl
from torch import nn

BLOCK_M, BLOCK_N, BLOCK_K = 128, 128, 32
NUM_WARPS = 8
K_CHUNK = 65536


@triton.jit
def matmul_kernel(
    a_ptr,
    b_ptr,
    c_ptr,
    M,
    N,
    K,
    stride_am,
    stride_ak,
    stride_bk,
    stride_bn,
    stride_cm,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    # Offsets are 64 bits wide: M * K passes 2^31 elements well before the operands fill a card.
    rows = (tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)).to(tl.int64)
    columns = (tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)).to(tl.int64)
    inner = tl.arange(0, BLOCK_K).to(tl.int64)
    a_ptrs = a_ptr + rows[:, None] * stride_am + inner[None, :] * stride_ak  # [BLOCK_M, BLOCK_K]
    b_ptrs = b_ptr + inner[:, None] * stride_bk + columns[None, :] * stride_bn  # [BLOCK_K, BLOCK_N]

    accumulator = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    k = 0
    while k < K:
        a = tl.load(a_ptrs, mask=(rows[:, None] < M) & (inner[None, :] < K - k), other=0.0)
        b = tl.load(b_ptrs, mask=(inner[:, None] < K - k) & (columns[None, :] < N), other=0.0)
        accumulator = tl.dot(a, b, accumulator)
        a_ptrs += BLOCK_K * stride_ak
        b_ptrs += BLOCK_K * stride_bk
        k += BLOCK_K

    c_ptrs = c_ptr + rows[:, None] * stride_cm + columns[None, :]
    tl.store(c_ptrs, accumulator, mask=(rows[:, None] < M) & (columns[None, :] < N))


def matmul_chunk(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """One launch: the product of `a` (M, K) and `b` (K, N), any strides."""
    M, K = a.shape
    N = b.shape[1]
    c = torch.empty((M, N), device=a.device, dtype=torch.float32)
    grid = (triton.cdiv(M, BLOCK_M), triton.cdiv(N, BLOCK_N))
    matmul_kernel[grid](
        a,
        b,
        c,
        M,
        N,
        K,
        a.stride(0),
        a.stride(1),
        b.stride(0),
        b.stride(1),
        c.stride(0),
        BLOCK_M=BLOCK_M,
        BLOCK_N=BLOCK_N,
        BLOCK_K=BLOCK_K,
        num_warps=NUM_WARPS,
    )
    return c


def matmul(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """C = a @ b for `a` (M, K) and `b` (K, N), float32; RuntimeError when they do not fit together."""
    if a.dim() != 2 or b.dim() != 2 or a.shape[1] != b.shape[0]:
        raise RuntimeError(f"cannot multiply {tuple(a.shape)} by {tuple(b.shape)}")
    if a.dtype != torch.float32 or b.dtype != torch.float32:
        raise RuntimeError(f"expected two float32 matrices, got {a.dtype} and {b.dtype}")
    M, K = a.shape
    N = b.shape[1]
    c = torch.zeros((M, N), device=a.device, dtype=torch.float32)
    if c.numel() == 0:
        return c
    for start in range(0, K, K_CHUNK):
        stop = min(start + K_CHUNK, K)
        c += matmul_chunk(a[:, start:stop], b[start:stop])
    return c


class ModelNew(nn.Module):
    """C = A @ B, chunk by chunk."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return matmul(a, b)
