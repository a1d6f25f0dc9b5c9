import torch
import torch.nn as nn


class Model(nn.Module):
    """Each channel times a random factor that is fixed when the module is made."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("factors", torch.randn(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factors


batch_size = 65536
channels = 4096


def get_inputs():
    return [torch.rand(batch_size, channels)]


def get_init_inputs():
    return [channels]
