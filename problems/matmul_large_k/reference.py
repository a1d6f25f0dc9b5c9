"""Matrix product with a very long inner dimension, in PyTorch."""

import torch
from torch import nn


class Model(nn.Module):
    """C = A @ B for a short, very wide A and a very tall, narrow B."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """Multiply `a` (M, K) by `b` (K, N), both float32; returns (M, N) float32.

        RuntimeError when the inner dimensions differ.
        """
        return torch.matmul(a, b)
