import torch
import torch.nn as nn


class Model(nn.Module):
    """a + weight * b * c, element by element."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        return torch.addcmul(a, b, c, value=self.weight)


rows, columns = 8192, 8192


def get_inputs():
    return [torch.rand(rows, columns), torch.rand(rows, columns), torch.rand(rows, columns)]


def get_init_inputs():
    return [0.75]
