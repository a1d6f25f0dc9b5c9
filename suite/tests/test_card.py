"""What the judge reads from a card through NVML, on simulated cards."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from suite.judge.card import Card, clocks_from
from suite.judge.sampling import ClockState
from suite.tests.fake_nvml import UNSUPPORTED, install


@pytest.fixture
def card_of(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _index: SimpleNamespace(uuid="1"))

    def make(*cards) -> Card:
        install(monkeypatch, *cards)
        return Card()

    return make


def test_a_card_that_answers(card_of):
    card = card_of({"nvmlDeviceGetClockInfo": 1980})
    assert card.clock_state() == ClockState(1980, 1980, 123.4, 32, 0x1)
    assert (card.used_mb(), card.top_mhz(), card.driver) == (1000, 1980, "580.95.05")


@pytest.mark.parametrize(
    "reading",
    ["ClockInfo", "PowerUsage", "Temperature", "CurrentClocksEventReasons"],
)
def test_a_reading_that_a_driver_lacks_makes_the_clocks_unknown(card_of, reading):
    card = card_of({f"nvmlDeviceGet{reading}": UNSUPPORTED})
    states = [card.clock_state(), card.clock_state()]
    assert states == [None, None]
    assert clocks_from(states) is None


def test_memory_and_the_highest_clock_may_be_unknown(card_of):
    card = card_of({"nvmlDeviceGetMemoryInfo": UNSUPPORTED, "nvmlDeviceGetMaxClockInfo": UNSUPPORTED})
    assert (card.used_mb(), card.top_mhz()) == (None, None)


def test_without_a_driver_everything_is_unknown(card_of):
    card = card_of(None)
    assert (card.clock_state(), card.used_mb(), card.top_mhz(), card.driver) == (None, None, None, None)
