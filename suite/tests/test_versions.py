import importlib.util
import subprocess
import sys
from importlib.metadata import version

import torch

from suite import versions


def test_versions_are_those_that_the_packages_say():
    assert versions.torch_versions() == (torch.__version__, torch.version.cuda)
    assert versions.triton_version() == version("triton")


def test_finding_them_imports_neither():
    code = (
        "import sys; from suite.versions import torch_versions, triton_version; "
        "torch_versions(); triton_version(); print({'torch', 'triton'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_without_torch_there_are_none(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert versions.torch_versions() == (None, None)
