"""Is a GPU in a condition to be timed? Findings from what NVML answered; nothing is ever set.

What a card does not answer gives no finding, but for the two things without which a latency cannot be
trusted: its clocks and what slows them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from suite.finding import Finding
from suite.machine import GpuCondition

BUSY_PERCENT = 10
# NVML's clocks-event reasons (nvml.h) that keep a card below the clock it could have, in the words of a
# remedy. 0x1 (idle) is no fault.
SLOWDOWNS = {
    0x2: ("application clocks are set", "sudo nvidia-smi -rac, or ask the machine's owner"),
    0x4: ("the board is at its power cap", "wait until other work on it has ended"),
    0x8: ("hardware slowdown", "check the card's cooling and power supply"),
    0x10: ("sync boost holds it to another card's clock", "end the sync boost group"),
    0x20: ("too hot (driver)", "let it cool; check the airflow"),
    0x40: ("too hot (hardware)", "let it cool; check the airflow"),
    0x80: ("power brake", "check the power supply"),
    0x100: ("display clocks are set", "end the program that set them"),
}


def condition_findings(condition: GpuCondition) -> list[Finding]:
    """All that can be said of one card, in a fixed order."""
    checks: tuple[Callable[[GpuCondition], Iterator[Finding]], ...] = (
        _load,
        _power,
        _persistence,
        _clocks,
        _slowdowns,
        _mig,
        _display,
        _ecc,
    )
    return [finding for check in checks for finding in check(condition)]


def _load(card: GpuCondition) -> Iterator[Finding]:
    if card.utilization_percent is None:
        return
    text = f"{card.utilization_percent} % busy"
    if card.utilization_percent > BUSY_PERCENT:
        yield Finding("gpu load", "warning", text, "wait for it, or stop it: other work disturbs the clock")
    else:
        yield Finding("gpu load", "ok", text)


def _power(card: GpuCondition) -> Iterator[Finding]:
    limit_w, default_w = card.power_limit_w, card.default_power_limit_w
    if limit_w is None:
        return
    text = f"limit {limit_w:.0f} W"
    if default_w is None:
        yield Finding("power cap", "ok", text)
    elif round(limit_w) == round(default_w):
        yield Finding("power cap", "ok", f"{text}, the default")
    else:
        side = "below" if limit_w < default_w else "above"
        remedy = f"sudo nvidia-smi -pl {default_w:.0f}, or say so beside every figure"
        yield Finding("power cap", "warning", f"{text} is {side} the default of {default_w:.0f} W", remedy)


def _persistence(card: GpuCondition) -> Iterator[Finding]:
    if card.persistence is None:
        return
    if card.persistence:
        yield Finding("persistence", "ok", "on")
    else:
        remedy = "sudo nvidia-smi -pm 1, or start nvidia-persistenced: else every first start takes seconds"
        yield Finding("persistence", "warning", "off", remedy)


def _clocks(card: GpuCondition) -> Iterator[Finding]:
    if card.sm_mhz is None:
        remedy = "results will say `clocks: unknown`; a lowered clock cannot be noticed"
        yield Finding("clocks", "warning", "unknown: this card does not tell", remedy)
        return
    top = "" if card.top_sm_mhz is None else f" of at most {card.top_sm_mhz} MHz"
    text = f"SM {card.sm_mhz} MHz now{top}"
    asked, default = card.application_mhz, card.default_application_mhz
    if asked is not None and default is not None and asked != default:
        text += f"; application clocks are set to {asked} MHz, the default is {default} MHz"
        yield Finding("clocks", "warning", text, "sudo nvidia-smi -rac, or say so beside every figure")
    else:
        yield Finding("clocks", "ok", text)


def _slowdowns(card: GpuCondition) -> Iterator[Finding]:
    if card.reasons is None:
        remedy = "compare only results of one run; rest the card between runs"
        yield Finding("slowdown", "warning", "unknown: this card does not tell", remedy)
        return
    active = [words for bit, words in SLOWDOWNS.items() if card.reasons & bit]
    heat = "" if card.temperature_c is None else f", {card.temperature_c} C"
    draw = "" if card.power_w is None else f", {card.power_w:.0f} W"
    if not active:
        yield Finding("slowdown", "ok", f"none{heat}{draw}")
    for text, remedy in active:
        yield Finding("slowdown", "warning", f"{text}{heat}{draw}", remedy)


def _mig(card: GpuCondition) -> Iterator[Finding]:
    if card.mig:
        remedy = "measure on a whole card: a slice has its own peaks and shares the board's power"
        yield Finding("MIG", "warning", "on: the card is cut into slices", remedy)
    elif card.mig is not None:
        yield Finding("MIG", "ok", "off")


def _display(card: GpuCondition) -> Iterator[Finding]:
    if card.display:
        remedy = "end the desktop session, or measure on a card without a display"
        yield Finding("display", "warning", "one is drawn by this card", remedy)
    elif card.display is not None:
        yield Finding("display", "ok", "none")


def _ecc(card: GpuCondition) -> Iterator[Finding]:
    """For information: on cards with GDDR memory it costs bandwidth."""
    if card.ecc is not None:
        yield Finding("ECC", "ok", "on" if card.ecc else "off")
