"""Compiles a captured launch for the named card and reads the machine code."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from pathlib import Path
from typing import Any

import triton
from triton.backends.compiler import GPUTarget

from suite.analysis import sass
from suite.analysis.child.capture import Variant
from suite.analysis.occupancy import RESERVED_SMEM_BYTES

_BIN = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
_USAGE = re.compile(r"\b(REG|STACK|SHARED|LOCAL):(\d+)")


def build(variant: Variant, target: GPUTarget, folder: Path, file_name: str) -> dict[str, Any]:
    """Registers, local and shared memory, and the facts of the instructions.

    Args:
        variant: what to compile.
        target: the card's architecture.
        folder: where the machine code may lie.
        file_name: the solution's base name, to which source lines refer.

    Raises:
        Exception: what Triton or ptxas say where they refuse.
    """
    kernel = triton.compile(variant.source, target=target, options=variant.options)
    cubin = folder / "kernel.cubin"
    cubin.write_bytes(kernel.asm["cubin"])
    usage = {name: int(value) for name, value in _USAGE.findall(_tool("cuobjdump", "-res-usage", str(cubin)))}
    facts = sass.parse(_tool("nvdisasm", "-c", "-g", str(cubin)), file_name)
    return {
        "registers": usage["REG"],
        "spill_bytes": max(usage["STACK"], usage["LOCAL"]),
        "static_smem_bytes": max(0, usage["SHARED"] - _reserved_bytes(target)),
        "dynamic_smem_bytes": int(kernel.metadata.shared),
        "num_warps": int(kernel.metadata.num_warps),
        "sass": dataclasses.asdict(facts),
    }


def _reserved_bytes(target: GPUTarget) -> int:
    """From Hopper on the machine code counts what CUDA reserves of a block's shared memory as its own."""
    return RESERVED_SMEM_BYTES if target.arch >= 90 else 0


def _tool(name: str, *arguments: str) -> str:
    command = [str(_BIN / name), *arguments]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - Triton's own tools
    return finished.stdout
