"""The prompt for a stage: the card, the stage, the code, its profile, what binds it, and how to answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from suite.counters import FIVE, MEMORY_STALLS, REGISTERS
from suite.gpus import GpuSpec
from suite.problem import Problem
from suite.profile import NCU, Profile
from suite.profile_store import latest
from suite.stages.card_facts import card_facts
from suite.stages.evidence import Evidence
from suite.stages.findings import binding, compiled
from suite.stages.stage import Stage

SHOWN = (*FIVE, MEMORY_STALLS, REGISTERS)
ROLE = "You optimize Triton kernels. Write the fastest kernel that is still correct on every input."
TASK = (
    "From the metrics, the compiled code and the source, find what keeps this kernel from the speed of "
    "light, and mend that within the rules of the stage. If nothing in this stage can help, answer with the "
    "code as it is."
)
OUTPUT_RULES = (
    "One Python block and nothing else in Python, in this order: imports (torch, torch.nn, triton, "
    "triton.language as tl; the standard library is allowed), @triton.jit kernels, wrappers that compute the "
    "grid and launch, class ModelNew(nn.Module) that calls them.",
    "ModelNew keeps its signature, and launches your kernels for every input that the current code handles.",
    "No tests, no prints, no `if __name__`, no get_inputs, no get_init_inputs, no reference Model.",
    "Only what triton.language has: there is no tl.tanh, tl.gelu, tl.silu, tl.mish.",
)

Metrics = dict[str, dict[str, float | None]]


@dataclass(frozen=True, slots=True)
class Repair:
    """An answer that was refused, and why; `code` is None where it had no code."""

    code: str | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """Everything that a prompt says."""

    problem: str
    description: str
    workload: str
    inputs: tuple[str, ...]
    gpu: GpuSpec
    stage: Stage
    code: str
    metrics: Metrics | None
    unmeasured: str
    """Why there are no metrics."""
    binding: tuple[str, ...]
    compiled: tuple[str, ...]
    repair: Repair | None = None


def compose(
    problem: Problem,
    evidence: Evidence,
    stage: Stage,
    code: str,
    metrics: Metrics | None,
    unmeasured: str,
    repair: Repair | None = None,
) -> Prompt:
    """The prompt that asks for the next version of `code`, on the card and workload of its inspection."""
    inspection = evidence.inspection
    return Prompt(
        problem=problem.name,
        description=problem.description,
        workload=inspection.workload,
        inputs=inspection.work.inputs if inspection.work is not None else (),
        gpu=inspection.gpu,
        stage=stage,
        code=code,
        metrics=metrics,
        unmeasured=unmeasured,
        binding=tuple(binding(evidence, inspection.gpu)),
        compiled=tuple(compiled(evidence)),
        repair=repair,
    )


def known_metrics(profiles: Iterable[Profile], sha256: str, workload: str) -> tuple[Metrics | None, str]:
    """The metrics that a prompt shows of a file on a workload; or None, and why there are none."""
    profile = latest(profiles, sha256, workload)
    if profile is None:
        return None, "no profile of this file on this card (`bench profile` takes one)"
    return metrics_of(profile), (profile.reason or "") if profile.source != NCU else ""


def metrics_of(profile: Profile) -> Metrics | None:
    """The metrics of each kernel, as a prompt shows them; None without counters.

    A kernel that was launched with several grids appears once with each.
    """
    if profile.source != NCU:
        return None
    names = [kernel.kernel for kernel in profile.kernels]
    metrics: Metrics = {}
    for kernel in profile.kernels:
        several = names.count(kernel.kernel) > 1
        name = f"{kernel.kernel}, grid {' x '.join(map(str, kernel.grid))}" if several else kernel.kernel
        metrics[name] = {metric: _rounded(kernel.value(metric)) for metric in SHOWN}
    return metrics


def to_markdown(prompt: Prompt) -> str:
    """The form of the protocol's prompts."""
    inputs = f"Inputs ({prompt.workload}): {', '.join(prompt.inputs)}"
    parts = [
        ROLE,
        _card(prompt.gpu),
        f"[PROBLEM]\n{prompt.problem}: {prompt.description}\n{inputs}",
        f"[OPTIMIZATION STAGE]\n\n## Current Optimization Stage\n\n{_stage(prompt.stage)}",
        f"[CURRENT CODE]\n{_fenced(prompt.code)}",
        f"[NCU PROFILING METRICS]\n{_metrics(prompt)}",
        f"[WHAT BINDS]\n{_list(prompt.binding)}",
        f"[COMPILED FOR {prompt.gpu.name}]\n{_list(prompt.compiled)}",
    ]
    if prompt.repair is not None:
        if prompt.repair.code is not None:
            parts.append(f"[LAST ANSWER]\n{_fenced(prompt.repair.code)}")
        parts.append(f"[WHY IT WAS REFUSED]\n{_list(prompt.repair.reasons)}\nMend exactly that.")
    rules = "\n".join(f"{number}. {rule}" for number, rule in enumerate(OUTPUT_RULES, start=1))
    parts += [
        f"**Task**: {TASK}",
        f"OUTPUT RULES (STRICT):\n{rules}\n\n```python\n# <optimized Triton code>\n```",
    ]
    return "\n\n".join(parts) + "\n"


def to_json(prompt: Prompt) -> dict[str, Any]:
    """The same as a plain object."""
    stage = prompt.stage
    return {
        "problem": prompt.problem,
        "description": prompt.description,
        "workload": prompt.workload,
        "inputs": list(prompt.inputs),
        "gpu": {"slug": prompt.gpu.slug, **card_facts(prompt.gpu)},
        "stage": {
            "name": stage.name,
            "focus": stage.focus,
            "metrics": [metric.text for metric in stage.metrics],
            "rules": [line.text for line in stage.rules],
            "safety": [line.text for line in stage.safety],
            "autotune": [line.text for line in stage.autotune],
            "between_stages": [line.text for line in stage.ours],
        },
        "code": prompt.code,
        "metrics": prompt.metrics,
        "unmeasured": None if prompt.metrics is not None else prompt.unmeasured,
        "binding": list(prompt.binding),
        "compiled": list(prompt.compiled),
        "repair": None
        if prompt.repair is None
        else {"code": prompt.repair.code, "reasons": list(prompt.repair.reasons)},
        "role": ROLE,
        "task": TASK,
        "output_rules": list(OUTPUT_RULES),
    }


def _card(gpu: GpuSpec) -> str:
    facts = list(card_facts(gpu).items())
    head = [f"{name}: {value}" for name, value in facts[:2]]
    return "\n".join(["# Target GPU", *head, *(f"• {name}: {value}" for name, value in facts[2:])])


def _stage(stage: Stage) -> str:
    sections = {
        "Metrics": [metric.text for metric in stage.metrics],
        "Rules": [line.text for line in stage.rules],
        "Safety": [line.text for line in stage.safety],
        "Autotune": [line.text for line in stage.autotune],
        "Between stages": [line.text for line in stage.ours],
    }
    told = [f"{name}:\n{_list(lines)}" for name, lines in sections.items() if lines]
    return "\n\n".join([f"Focus: {stage.focus}", *told])


def _metrics(prompt: Prompt) -> str:
    if prompt.metrics is None:
        return f"not measured: {prompt.unmeasured}"
    return json.dumps(prompt.metrics, indent=2)


def _fenced(code: str) -> str:
    """A Python block whose fence is longer than any in the code."""
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}python\n{code.rstrip()}\n{fence}"


def _list(lines: tuple[str, ...] | list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
