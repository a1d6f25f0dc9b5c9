"""Observing operators must not cost the import of torch's compiler."""

import subprocess
import sys

import pytest

from suite.analysis.child.meta import Bookkeeper
from suite.kernelbench.child.accuracy import Rounded
from suite.kernelbench.child.counting import Count
from suite.worker.watch import OperatorMode

OBSERVED = """
import sys
import torch
from suite.worker.dispatch_mode import DispatchMode

class Counter(DispatchMode):
    calls = 0
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.calls += 1
        return func(*args, **kwargs or {})

with Counter() as counter:
    torch.ones(3).sum()
print(counter.calls, "torch._dynamo" in sys.modules)
"""


def test_operators_are_seen_without_the_compiler():
    observed = subprocess.run([sys.executable, "-c", OBSERVED], capture_output=True, text=True)
    assert (observed.stdout, observed.stderr) == ("2 False\n", "")


@pytest.mark.parametrize("mode", [Bookkeeper, Count, OperatorMode, Rounded])
def test_no_mode_of_ours_is_wrapped_by_torch(mode):
    assert not hasattr(mode.__torch_dispatch__, "__wrapped__")
