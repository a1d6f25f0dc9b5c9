"""The reference as somebody without a kernel of his own would run it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

# Each shape gets a program of its own, as if it were the only one. By itself torch turns sizes that change
# into variables, and after eight programs it no longer compiles.
MOST_PROGRAMS = 256
# Not "max-autotune": its CUDA graphs copy each input first, which here costs more than the call.
MODES = {"torch_compile": "default", "torch_compile_max": "max-autotune-no-cudagraphs"}


def as_variant(model: Any, variant: str) -> Callable[..., Any]:
    """`model` compiled ("torch_compile", "torch_compile_max"), or itself with TF32 allowed ("torch_tf32").

    Raises:
        ValueError: another variant.
    """
    if variant == "torch_tf32":
        torch.set_float32_matmul_precision("high")
        return model  # type: ignore[no-any-return]
    if variant not in MODES:
        raise ValueError(f"the reference has no variant {variant!r}")
    from torch._dynamo import config  # seconds of import that no other worker has a use for

    config.recompile_limit = MOST_PROGRAMS
    return torch.compile(model, mode=MODES[variant], dynamic=False)
