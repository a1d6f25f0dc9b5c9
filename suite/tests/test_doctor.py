import dataclasses
import json
import shutil
import sys
from importlib.metadata import PackageNotFoundError
from importlib.util import cache_from_source, spec_from_file_location
from pathlib import Path

import pytest

from suite import doctor
from suite.doctor import examine
from suite.finding import Finding
from suite.machine import GpuState, gpu_states, has_gpu, used_memory_mb

H200 = GpuState("GPU-1", "NVIDIA H200", "580.95.05", 1000, 150_000, 0)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A function that examines a machine which is fit but for what it is told."""

    def findings(
        states=(H200,),
        versions=None,
        compiler="/usr/bin/gcc",
        free_gb=100.0,
        writable=True,
        confined=None,
        compiled=True,
    ):
        known = {"torch": "2.11.0+cu130", "triton": "3.6.0"} | (versions or {})

        def version(name):
            if known[name] is None:
                raise PackageNotFoundError(name)
            return known[name]

        usage = shutil.disk_usage(tmp_path)
        monkeypatch.delenv("CC", raising=False)
        monkeypatch.setattr(doctor, "version", version)
        package = tmp_path / "torch" / "__init__.py"
        monkeypatch.setattr(doctor, "find_spec", lambda name: spec_from_file_location(name, package))
        if compiled:
            Path(cache_from_source(package)).parent.mkdir(parents=True, exist_ok=True)
            Path(cache_from_source(package)).touch()
        monkeypatch.setattr(doctor, "gpu_states", lambda: list(states))
        monkeypatch.setattr(doctor, "gpu_conditions", list)
        monkeypatch.setattr(doctor, "DRIVER", tmp_path / "driver")
        if states:
            (tmp_path / "driver").mkdir(exist_ok=True)
            (tmp_path / "driver" / "params").write_text("RmProfilingAdminOnly: 0\n")
        monkeypatch.setattr(doctor, "_bubblewrap", lambda: Finding("bubblewrap", "ok", "works"))
        monkeypatch.setattr(doctor.sandbox, "available", lambda _device: confined)
        found = {"gcc": compiler, "ncu": "/usr/bin/ncu"}
        monkeypatch.setattr(doctor.shutil, "which", found.get)
        monkeypatch.setattr(
            doctor.shutil, "disk_usage", lambda _path: usage._replace(free=int(free_gb * 1e9))
        )
        monkeypatch.setattr(doctor.os, "access", lambda _path, _mode: writable)
        return {finding.subject: finding for finding in examine(tmp_path)}

    return findings


def test_a_fit_machine(machine, tmp_path):
    findings = machine()
    python = ".".join(str(part) for part in sys.version_info[:3])
    assert list(findings) == [
        "python", "torch", "triton", "bytecode", "gpu", "ncu", "performance counters", "C compiler",
        "bubblewrap", "sandbox", "disk", "results",
    ]  # fmt: skip
    assert findings["python"].text.startswith(python)
    assert findings["torch"] == Finding("torch", "ok", "2.11.0+cu130")
    assert findings["triton"] == Finding("triton", "ok", "3.6.0")
    assert findings["gpu"] == Finding("gpu", "ok", "NVIDIA H200, driver 580.95.05, 150 GB")
    assert findings["C compiler"] == Finding("C compiler", "ok", "/usr/bin/gcc")
    assert findings["disk"] == Finding("disk", "ok", "100 GB free")
    assert findings["results"] == Finding(
        "results", "ok", f"{tmp_path / 'reports' / 'results'} can be written"
    )
    assert [name for name, finding in findings.items() if finding.state != "ok"] == []
    assert findings["sandbox"].text == "workers are confined by bubblewrap"


def test_a_torch_without_bytecode(machine, tmp_path):
    assert machine(compiled=False)["bytecode"] == Finding(
        "bytecode",
        "warning",
        "torch has none: until it has, its sources are compiled anew each time, 2 s of a run (H200 host)",
        f"python -m compileall -q -j 0 {tmp_path / 'torch'}",
    )


def test_a_sandbox_that_the_card_does_not_work_in(machine):
    assert machine(confined="bubblewrap does not work here: cuInit: 100")["sandbox"] == Finding(
        "sandbox",
        "warning",
        "bubblewrap does not work here: cuInit: 100",
        "make the card's device files and libraries readable, or use a container or a virtual machine",
    )


@pytest.mark.parametrize(
    ("name", "found", "state", "text", "remedy"),
    [
        ("torch", "2.13.1", "ok", "2.13.1", ""),
        ("torch", "2.10.9", "fix", "2.10.9 is outside >=2.11,<2.14", "pip install 'torch>=2.11,<2.14'"),
        ("torch", "2.14.0a0", "fix", "2.14.0a0 is outside >=2.11,<2.14", "pip install 'torch>=2.11,<2.14'"),
        ("torch", "3.0", "fix", "3.0 is outside >=2.11,<2.14", "pip install 'torch>=2.11,<2.14'"),
        ("triton", "3.7.1", "ok", "3.7.1", ""),
        ("triton", "3.7rc1", "ok", "3.7rc1", ""),
        ("triton", "3.9.0", "fix", "3.9.0 is outside >=3.6,<3.8", "pip install 'triton>=3.6,<3.8'"),
        ("triton", "4", "fix", "4 is outside >=3.6,<3.8", "pip install 'triton>=3.6,<3.8'"),
        ("triton", None, "fix", "not installed", "pip install 'triton>=3.6,<3.8'"),
    ],
)
def test_package_versions(machine, name, found, state, text, remedy):
    assert machine(versions={name: found})[name] == Finding(name, state, text, remedy)


def test_triton_is_published_for_linux_alone(machine, monkeypatch):
    monkeypatch.setattr(doctor.sys, "platform", "darwin")
    finding = machine(versions={"triton": None})["triton"]
    assert (finding.state, finding.remedy) == ("warning", "judge on Linux; list and report work")


def test_an_old_python(machine, monkeypatch):
    monkeypatch.setattr(doctor.sys, "version_info", (3, 10, 12))
    monkeypatch.setattr(doctor.platform, "python_version", lambda: "3.10.12")
    assert machine()["python"] == Finding("python", "fix", "3.10.12", "install Python 3.11 or newer")


def test_without_a_gpu(machine):
    finding = machine(states=())["gpu"]
    assert (finding.state, finding.text) == ("warning", "no NVIDIA GPU answers")
    assert finding.remedy == (
        "correctness still works here; for latency run on a machine with an NVIDIA GPU and its driver"
    )


def test_a_card_without_a_datasheet_and_in_use(machine):
    findings = machine(states=[dataclasses.replace(H200, name="NVIDIA Titan Z", processes=2)])
    assert findings["gpu"].state == "warning"
    assert findings["gpu"].remedy == (
        "fractions of peak are unknown for it; add its datasheet to suite/gpus.py"
    )
    assert findings["gpu use"] == Finding(
        "gpu use",
        "warning",
        "2 other process(es) use NVIDIA Titan Z",
        "stop them: they disturb the clock",
    )


def test_without_a_compiler_room_or_permission(machine, tmp_path):
    findings = machine(compiler=None, free_gb=1.26, writable=False)
    assert findings["C compiler"].remedy == "Triton builds its launcher with one: apt-get install gcc"
    assert findings["disk"] == Finding(
        "disk", "warning", "1.3 GB free", "free 5 GB for results and compiler caches"
    )
    assert findings["results"] == Finding(
        "results", "fix", f"{tmp_path} cannot be written", "use --no-save, or mend the permissions"
    )


def test_the_compiler_that_is_asked_for(machine, monkeypatch):
    machine()
    monkeypatch.setenv("CC", "/opt/bin/clang")
    assert doctor._compiler() == Finding("C compiler", "ok", "/opt/bin/clang")


def test_every_finding_that_is_not_ok_says_what_to_do(machine):
    findings = machine(states=(), versions={"torch": None}, compiler=None, free_gb=0.0, writable=False)
    assert all(bool(finding.remedy) == (finding.state != "ok") for finding in findings.values())


def test_a_finding_as_json():
    finding = Finding("disk", "ok", "9 GB free")
    assert json.loads(json.dumps(finding.to_json())) == {
        "subject": "disk", "state": "ok", "text": "9 GB free", "remedy": "",
    }  # fmt: skip


class FakeNvml:
    """As much of NVML as the host asks, for two cards."""

    class NVMLError(Exception):
        pass

    def __init__(self, fails=False):
        self.fails = fails

    def nvmlInit(self):  # noqa: N802
        if self.fails:
            raise self.NVMLError

    def nvmlSystemGetDriverVersion(self):  # noqa: N802
        return "580.95.05"

    def nvmlDeviceGetCount(self):  # noqa: N802
        return 2

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        return index

    def nvmlDeviceGetMemoryInfo(self, handle):  # noqa: N802
        return type("Memory", (), {"used": 1_999_999 + handle, "total": 24_000_000_000})

    def nvmlDeviceGetComputeRunningProcesses(self, handle):  # noqa: N802
        if handle == 1:
            raise self.NVMLError
        return [type("Process", (), {"pid": 7})]

    def nvmlDeviceGetUUID(self, handle):  # noqa: N802
        return f"GPU-{handle}"

    def nvmlDeviceGetName(self, handle):  # noqa: N802
        return f"Card {handle}"


def test_what_nvml_says_of_two_cards(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml())
    assert gpu_states() == [
        GpuState("GPU-0", "Card 0", "580.95.05", 1, 24_000, 1),
        GpuState("GPU-1", "Card 1", "580.95.05", 2, 24_000, 0),
    ]
    assert has_gpu()
    assert used_memory_mb() == {"GPU-0": 1, "GPU-1": 2}


@pytest.mark.parametrize("module", [None, FakeNvml(fails=True)], ids=["no NVML", "no driver"])
def test_without_a_driver_there_is_no_gpu(monkeypatch, module):
    monkeypatch.setitem(sys.modules, "pynvml", module)
    assert gpu_states() == []
    assert not has_gpu()
    assert used_memory_mb() == {}
