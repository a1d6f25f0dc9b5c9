import hashlib
import sys
from types import SimpleNamespace

import pytest

from suite import doctor
from suite.doctor import examine
from suite.finding import Finding
from suite.gpu_findings import condition_findings
from suite.machine import (
    GpuCondition,
    GpuState,
    board_of,
    gpu_conditions,
    gpu_states,
    has_gpu,
    used_memory_mb,
)
from suite.tests.fake_nvml import IDLE_H200, UNSUPPORTED, install

HEALTHY = [
    Finding("gpu load", "ok", "0 % busy"),
    Finding("power cap", "ok", "limit 700 W, the default"),
    Finding("persistence", "ok", "on"),
    Finding("clocks", "ok", "SM 345 MHz now of at most 1980 MHz"),
    Finding("slowdown", "ok", "none, 32 C, 123 W"),
    Finding("MIG", "ok", "off"),
    Finding("display", "ok", "none"),
    Finding("ECC", "ok", "on"),
]


def findings(monkeypatch, **answers):
    """What is said of one simulated card."""
    install(monkeypatch, answers)
    (condition,) = gpu_conditions()
    return condition_findings(condition)


def changed(monkeypatch, **answers):
    """The findings that differ from those of a healthy card."""
    return [finding for finding in findings(monkeypatch, **answers) if finding not in HEALTHY]


def process(pid):
    return SimpleNamespace(pid=pid)


def test_a_healthy_card(monkeypatch):
    assert findings(monkeypatch) == HEALTHY
    assert gpu_states() == [GpuState("GPU-1", "NVIDIA H200", "580.95.05", 1000, 150_000, 0)]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (
            {"nvmlDeviceGetEnforcedPowerLimit": 450_000},
            Finding(
                "power cap", "warning", "limit 450 W is below the default of 700 W",
                "sudo nvidia-smi -pl 700, or say so beside every figure",
            ),
        ),
        (
            {"nvmlDeviceGetPowerManagementDefaultLimit": 600_000},
            Finding(
                "power cap", "warning", "limit 700 W is above the default of 600 W",
                "sudo nvidia-smi -pl 600, or say so beside every figure",
            ),
        ),
        (
            {"nvmlDeviceGetPowerManagementDefaultLimit": UNSUPPORTED},
            Finding("power cap", "ok", "limit 700 W"),
        ),
        (
            {"nvmlDeviceGetMigMode": [1, 1]},
            Finding(
                "MIG", "warning", "on: the card is cut into slices",
                "measure on a whole card: a slice has its own peaks and shares the board's power",
            ),
        ),
        (
            {"nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=97, memory=40)},
            Finding(
                "gpu load", "warning", "97 % busy",
                "wait for it, or stop it: other work disturbs the clock",
            ),
        ),
        (
            {"nvmlDeviceGetPersistenceMode": 0},
            Finding(
                "persistence", "warning", "off",
                "sudo nvidia-smi -pm 1, or start nvidia-persistenced: else every first start takes seconds",
            ),
        ),
        (
            {"nvmlDeviceGetApplicationsClock": 1200},
            Finding(
                "clocks", "warning",
                "SM 345 MHz now of at most 1980 MHz; application clocks are set to 1200 MHz, the default is "
                "1980 MHz",
                "sudo nvidia-smi -rac, or say so beside every figure",
            ),
        ),
        (
            {"nvmlDeviceGetClockInfo": UNSUPPORTED},
            Finding(
                "clocks", "warning", "unknown: this card does not tell",
                "results will say `clocks: unknown`; a lowered clock cannot be noticed",
            ),
        ),
        (
            {"nvmlDeviceGetDisplayActive": 1},
            Finding(
                "display", "warning", "one is drawn by this card",
                "end the desktop session, or measure on a card without a display",
            ),
        ),
        ({"nvmlDeviceGetEccMode": [0, 1]}, Finding("ECC", "ok", "off")),
    ],
)  # fmt: skip
def test_one_thing_amiss_gives_one_finding(monkeypatch, answers, expected):
    assert changed(monkeypatch, **answers) == [expected]


@pytest.mark.parametrize(
    ("reasons", "texts"),
    [
        (0x0, []),
        (0x1, []),
        (0x2, ["application clocks are set, 32 C, 123 W"]),
        (0x4, ["the board is at its power cap, 32 C, 123 W"]),
        (0x8 | 0x40, ["hardware slowdown, 32 C, 123 W", "too hot (hardware), 32 C, 123 W"]),
        (0x10, ["sync boost holds it to another card's clock, 32 C, 123 W"]),
        (0x20 | 0x80, ["too hot (driver), 32 C, 123 W", "power brake, 32 C, 123 W"]),
        (0x100, ["display clocks are set, 32 C, 123 W"]),
        (1 << 20, []),
    ],
)
def test_slowdowns_by_their_bits(monkeypatch, reasons, texts):
    found = changed(monkeypatch, nvmlDeviceGetCurrentClocksEventReasons=reasons)
    assert [finding.text for finding in found] == texts
    assert all(finding.state == "warning" and finding.remedy for finding in found)


def test_a_card_that_answers_next_to_nothing(monkeypatch):
    """A laptop's or an embedded card's driver supports few of the questions."""
    named = {"nvmlDeviceGetName", "nvmlDeviceGetUUID"}
    silent = {question: UNSUPPORTED for question in IDLE_H200 if question not in named}
    found = findings(monkeypatch, **silent)
    assert [(finding.subject, finding.text) for finding in found] == [
        ("clocks", "unknown: this card does not tell"),
        ("slowdown", "unknown: this card does not tell"),
    ]
    assert gpu_states() == [GpuState("GPU-1", "NVIDIA H200", "580.95.05", None, None, 0)]
    assert has_gpu()
    assert used_memory_mb() == {}
    assert gpu_conditions() == [GpuCondition("NVIDIA H200")]


def test_processes_that_compute_and_draw_count_once(monkeypatch):
    install(
        monkeypatch,
        {
            "nvmlDeviceGetComputeRunningProcesses": [process(7), process(8)],
            "nvmlDeviceGetGraphicsRunningProcesses": [process(8), process(9)],
        },
    )
    assert gpu_states()[0].processes == 3


def test_each_card_is_asked_and_a_lost_one_is_left_out(monkeypatch):
    lost = {"nvmlDeviceGetName": UNSUPPORTED}
    install(monkeypatch, {}, lost, {"nvmlDeviceGetName": "NVIDIA L4", "nvmlDeviceGetUUID": "GPU-3"})
    assert [state.name for state in gpu_states()] == ["NVIDIA H200", "NVIDIA L4"]
    assert [condition.name for condition in gpu_conditions()] == ["NVIDIA H200", "NVIDIA L4"]


@pytest.mark.parametrize("module", ["no module", "no driver"])
def test_without_a_driver_there_is_nothing_to_ask(monkeypatch, module):
    install(monkeypatch, None)
    if module == "no module":
        monkeypatch.setitem(sys.modules, "pynvml", None)
    assert (gpu_states(), gpu_conditions(), has_gpu()) == ([], [], False)


@pytest.fixture
def system(monkeypatch, tmp_path):
    """A function that examines a machine with simulated cards and a simulated /proc; findings by subject."""

    def subjects(*cards, params=None, capabilities="0", which=()):
        install(monkeypatch, *cards)
        driver, status = tmp_path / "driver", tmp_path / "status"
        monkeypatch.setattr(doctor, "DRIVER", driver)
        monkeypatch.setattr(doctor, "OWN_STATUS", status)
        status.write_text(f"Name:\tpython\nCapEff:\t{capabilities}\n")
        if params is not None:
            driver.mkdir()
            (driver / "params").write_text(params)
        monkeypatch.setattr(doctor.shutil, "which", dict(which).get)
        return {finding.subject: finding for finding in examine(tmp_path)}

    return subjects


def test_another_process_on_the_card(system):
    found = system({"nvmlDeviceGetComputeRunningProcesses": [process(7)]})
    assert found["gpu use"] == Finding(
        "gpu use", "warning", "1 other process(es) use NVIDIA H200", "stop them: they disturb the clock"
    )
    assert "gpu use" not in system({})


ADMINS = "DmaRemapPeerMmio: 1\nRmProfilingAdminOnly: 1\nPreserveVideoMemoryAllocations: 0\n"


@pytest.mark.parametrize(
    ("params", "capabilities", "state", "text"),
    [
        ("RmProfilingAdminOnly: 0\n", "0", "ok", "open to every user"),
        (ADMINS, "000001ffffffffff", "ok", "for administrators alone, and this process is one"),
        (ADMINS, "0000004000000000", "ok", "for administrators alone, and this process is one"),
        (ADMINS, "0000000000200000", "ok", "for administrators alone, and this process is one"),
        (ADMINS, "00000000a80425fb", "warning", "for administrators alone (RmProfilingAdminOnly: 1)"),
        (ADMINS, "0", "warning", "for administrators alone (RmProfilingAdminOnly: 1)"),
    ],
    ids=["open", "root", "CAP_PERFMON", "CAP_SYS_ADMIN", "root in a container", "user"],
)
def test_who_may_read_counters(system, params, capabilities, state, text):
    finding = system({}, params=params, capabilities=capabilities)["performance counters"]
    assert (finding.state, finding.text) == (state, text)
    assert ("NVreg_RestrictProfilingToAdminUsers=0" in finding.remedy) == (state == "warning")


def test_counters_and_ncu_when_nothing_tells(system, tmp_path):
    found = system({})
    assert found["performance counters"] == Finding(
        "performance counters",
        "warning",
        f"unknown: {tmp_path / 'driver' / 'params'} does not tell",
        "if ncu reports ERR_NVGPUCTRPERM, ask the machine's owner",
    )
    assert (found["ncu"].state, found["ncu"].text) == ("warning", "not found")
    assert found["ncu"].remedy.startswith("install Nsight Compute")


def test_ncu_is_named_where_it_lies(system):
    assert system({}, which={"ncu": "/opt/ncu"})["ncu"] == Finding("ncu", "ok", "/opt/ncu")


def test_without_a_card_nothing_is_said_of_profiling(system):
    found = system(None)
    assert found["gpu"].text == "no NVIDIA GPU answers"
    assert not {"ncu", "performance counters", "clocks"} & set(found)


def test_a_driver_without_nvml_can_be_mended(system):
    assert system(None, params="")["gpu"] == Finding(
        "gpu",
        "fix",
        "a driver is loaded, but NVML does not answer",
        "pip install nvidia-ml-py; in a container mount the driver's libraries (--gpus all)",
    )


@pytest.mark.parametrize(
    ("script", "state", "text"),
    [
        ("exit 0", "ok", "{bwrap} works"),
        ("echo 'setting up uid map: Permission denied' >&2; exit 1", "warning",
         "bubblewrap does not work here: setting up uid map: Permission denied"),
    ],
)  # fmt: skip
def test_bubblewrap_is_tried(system, tmp_path, script, state, text):
    bwrap = tmp_path / "bwrap"
    bwrap.write_text(f"#!/bin/sh\n{script}\n")
    bwrap.chmod(0o755)
    finding = system({}, which={"bwrap": str(bwrap)})["bubblewrap"]
    assert (finding.state, finding.text) == (state, text.format(bwrap=bwrap))


def test_bubblewrap_that_is_absent_or_broken(system, tmp_path):
    assert system({})["bubblewrap"] == Finding(
        "bubblewrap", "warning", "not found", "apt-get install bubblewrap"
    )
    found = system({}, which={"bwrap": str(tmp_path / "missing")})["bubblewrap"]
    assert found.state == "warning"
    assert "No such file" in found.text


def test_every_finding_that_is_not_ok_says_what_to_do(system):
    found = system({"nvmlDeviceGetMigMode": [1, 1], "nvmlDeviceGetClockInfo": UNSUPPORTED})
    assert all(bool(finding.remedy) == (finding.state != "ok") for finding in found.values())


def test_a_board_s_name_is_short_and_the_same_for_torch_and_nvml():
    uuid = "0f4d1a2b-1111-2222-3333-444455556666"
    assert board_of(f"GPU-{uuid}") == board_of(uuid) == hashlib.sha256(uuid.encode()).hexdigest()[:8]
    assert board_of(uuid) != board_of("1" + uuid[1:])
