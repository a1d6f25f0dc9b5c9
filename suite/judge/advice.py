"""What usually mends a failure, for the ways in which first answers usually fail."""

from __future__ import annotations

import difflib
import re

from suite.result import Status

# Names that authors expect of Triton and what there is in their place.
_INSTEAD = {
    "tanh": "write 2 * tl.sigmoid(2 * x) - 1, or take libdevice.tanh from triton.language.extra",
    "gelu": "write it from tl.erf, or from tl.sigmoid",
    "silu": "write x * tl.sigmoid(x)",
    "mish": "write it from tl.exp and tl.log",
    "relu": "write tl.maximum(x, 0)",
    "pow": "take libdevice.pow from triton.language.extra, or multiply",
    "inf": "write float('inf')",
    "isnan": "write x != x",
}
_IMPORTS = {
    "tl": "import triton.language as tl",
    "triton": "import triton",
    "torch": "import torch",
    "nn": "import torch.nn as nn",
    "F": "import torch.nn.functional as F",
    "math": "import math",
    "libdevice": "from triton.language.extra import libdevice",
}
_OVERRUN = (
    "a load or store runs past its tensor: check masks and strides, and offsets of 2**31 or more need int64"
)
# The words of torch 2.11 to 2.13 and Triton 3.6 to 3.7, by what they contain.
_BY_TEXT = {
    "Conflicting meta-parameters": "leave out of the launch what @triton.autotune passes",
    "out of resource: shared memory": "smaller blocks or fewer stages; see bench inspect",
    "out of resource: register": "fewer warps or smaller blocks",
    "range must be a power of 2": "round the block up with triton.next_power_of_2 and mask the rest",
    "must be of type tl.constexpr": "declare the block size as tl.constexpr",
    "illegal memory access": _OVERRUN,
    "misaligned address": "an access crosses its alignment: check offsets and hints such as tl.multiple_of",
    "cannot be accessed from Triton": "make the tensor on the device of the inputs",
    "Shape element": "block shapes are powers of two",
    "should have M >=": "tl.dot needs at least 16 on each side: pad the block",
    "Cannot make_shape_compatible": "two blocks of different shapes meet: expand with [:, None] or [None, :]",
    "numel cannot be larger than": "a block has at most 1048576 elements: loop over smaller ones",
    "exceeds triton maximum tensor numel": "a block has at most 1048576 elements: loop over smaller ones",
    "defines no class ModelNew": "call the torch.nn.Module that launches your kernels so",
    "ModelNew.__init__()": "ModelNew takes the arguments of the problem's Model",
    "ModelNew.forward()": "its forward takes the arguments of that of the problem's Model",
    "no attribute '_init_handles'": "a compiled kernel needs a card: size the grid by the number of SMs",
    "object of type 'int' has no len()": "if this is a launch: its grid is a tuple, kernel[(n,)](...)",
}


def advise(status: Status, kind: str, message: str) -> str | None:
    """One short clause on what usually mends this, or None.

    Args:
        status: what the failure counts as.
        kind: the name of the exception's type; "" if the process died.
        message: what it said, or how the process ended.
    """
    for text, advice in _BY_TEXT.items():
        if text in message:
            return advice
    invented = re.search(r"module 'triton\.language' has no attribute '(\w+)'", message)
    if invented:
        return _known_name(invented[1])
    undefined = re.search(r"name '(\w+)' is not defined", message) or re.search(
        r"NameError\('(\w+) is not defined'\)", message
    )
    if undefined:
        return _IMPORTS.get(undefined[1])
    if kind == "ModuleNotFoundError":
        return "solutions may import torch, triton and the standard library"
    if any(name in message for name in ("SIGSEGV", "SIGBUS", "SIGABRT")):  # the last: of a broken heap
        return _OVERRUN
    return "compute in place or piece by piece" if status is Status.OUT_OF_MEMORY else None


def _known_name(name: str) -> str:
    """What to write for a name that `triton.language` does not have."""
    if name in _INSTEAD:
        return _INSTEAD[name]
    import triton.language as tl  # half a second, and only for this

    close = difflib.get_close_matches(name, [known for known in dir(tl) if known.islower()], n=1)
    return f"did you mean tl.{close[0]}?" if close else "triton.language has no such function"
