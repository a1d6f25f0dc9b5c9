"""Solutions that ask for a GPU, on a machine without one. `install` is for good, so it runs in a process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from suite.judge.session import pretend_card
from suite.worker.pretend_cuda import PretendCuda

ROOT = Path(__file__).parents[2]


@pytest.fixture
def pretend():
    with PretendCuda():
        yield


@pytest.mark.usefixtures("pretend")
class TestInside:
    def test_tensors_look_like_tensors_on_the_card(self):
        x = torch.ones(2, 3)
        assert (x.is_cuda, x.is_cpu, str(x.device), x.get_device()) == (True, False, "cuda:0", 0)
        assert x.device == torch.device("cuda", 0)
        assert x.device.type == "cuda"

    @pytest.mark.parametrize("device", ["cuda", "cuda:0", torch.device("cuda"), torch.device("cuda", 0), 0])
    def test_factories_that_ask_for_the_card_get_memory(self, device):
        made = [
            torch.empty(2, device=device).fill_(1),
            torch.zeros(2, device=device) + 1,
            torch.full((2,), 1.0, device=device),
            torch.tensor([1.0, 1.0], device=device),
            torch.ones(3).new_ones(2, device=device),
            torch.ones_like(torch.zeros(2), device=device),
            torch.ones(2).to(device=device),
            torch.ones(2).to(device),
        ]
        assert [x.tolist() for x in made] == [[1.0, 1.0]] * len(made)
        assert all(x.is_cuda for x in made)

    def test_the_device_of_one_tensor_makes_the_next(self):
        x = torch.arange(3.0)
        assert torch.zeros_like(x, device=x.device).is_cuda
        assert torch.arange(3, device=x.device).tolist() == [0, 1, 2]

    def test_moves_keep_the_values(self):
        x = torch.arange(3.0)
        assert x.cuda() is x
        assert x.cuda(0).tolist() == [0.0, 1.0, 2.0]
        assert x.to("cuda:0", torch.int64).tolist() == [0, 1, 2]
        assert x.cpu().tolist() == [0.0, 1.0, 2.0]
        assert x.to(torch.float64).dtype == torch.float64

    def test_modules_move_to_the_card(self):
        layer = torch.nn.Linear(2, 2)
        assert layer.cuda().weight.is_cuda
        assert layer.to("cuda").weight.is_cuda

    def test_a_device_context(self):
        with torch.device("cuda"):
            assert torch.ones(2).tolist() == [1.0, 1.0]

    def test_the_other_devices_are_untouched(self):
        meta = torch.empty(3, device="meta")
        with pytest.raises(NotImplementedError):
            meta.tolist()
        assert torch.ones(2, device="cpu").tolist() == [1.0, 1.0]

    def test_the_arithmetic_is_torch_s(self):
        a, b = torch.arange(6.0).view(2, 3), torch.ones(3, 2)
        assert (a @ b).tolist() == [[3.0, 3.0], [12.0, 12.0]]
        assert a.argmin(dim=1).tolist() == [0, 0]


def test_outside_nothing_is_pretended():
    with PretendCuda():
        x = torch.ones(1)
    assert (x.is_cuda, x.is_cpu, str(x.device), x.get_device()) == (False, True, "cpu", -1)


SCRIPT = """
import json, sys
import torch, triton, triton.language as tl
from suite.worker.pretend_cuda import PretendCuda, install

install(json.loads(sys.argv[1]))
answers = {}

def configs():
    return [triton.Config({"BLOCK": block}, num_warps=warps) for block, warps in ((16, 2), (64, 4), (256, 8))]

@triton.autotune(configs=configs(), key=["n"])
@triton.jit
def add_one(x_ptr, out_ptr, block_ptr, n, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n
    tl.store(out_ptr + offsets, tl.load(x_ptr + offsets, mask=mask) + 1, mask=mask)
    tl.store(block_ptr, BLOCK)

with PretendCuda():
    cuda = torch.cuda
    answers["available"] = [cuda.is_available(), cuda.device_count(), cuda.current_device()]
    properties = cuda.get_device_properties(torch.ones(1).device)
    answers["card"] = [properties.name, properties.multi_processor_count, properties.L2_cache_size]
    answers["name"] = [cuda.get_device_name(), cuda.get_device_name(0), list(cuda.get_device_capability())]
    utils = triton.runtime.driver.active.utils.get_device_properties(0)
    answers["triton"] = [utils["multiprocessor_count"], utils["max_shared_mem"], utils["warpSize"]]
    target = triton.runtime.driver.active.get_current_target()
    answers["target"] = [target.backend, target.arch, target.warp_size]
    answers["device"] = [triton.runtime.driver.active.get_current_device(),
                         str(triton.runtime.driver.active.get_active_torch_device())]

    side = cuda.Stream()
    with cuda.stream(side), cuda.device(0):
        event = cuda.Event(enable_timing=True)
        event.record(side)
        side.wait_event(event)
        side.wait_stream(cuda.current_stream())
        event.synchronize()
    cuda.synchronize()
    cuda.empty_cache()
    answers["done"] = [event.query(), side.query(), side.record_event().query()]
    answers["stream"] = cuda.default_stream().cuda_stream

    answers["graphs"] = []
    for graphed in (cuda.CUDAGraph, lambda: cuda.graph(None), lambda: cuda.make_graphed_callables(None, ()),
                    cuda.graphs.CUDAGraph):
        try:
            graphed()
        except RuntimeError as error:
            answers["graphs"].append(str(error))

    x = torch.arange(100.0, device="cuda")
    out, block = torch.empty_like(x), torch.zeros(1, dtype=torch.int32, device="cuda")
    add_one[lambda meta: (triton.cdiv(100, meta["BLOCK"]),)](x, out, block, 100)
    answers["autotuned"] = [block.tolist(), torch.equal(out, x + 1)]
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What a solution sees of the card that the judge names. A file: Triton reads the kernel's source."""
    script = tmp_path_factory.mktemp("pretend") / "script.py"
    script.write_text(SCRIPT)
    finished = subprocess.run(
        [sys.executable, str(script), json.dumps(pretend_card())],
        env={**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


def test_the_card_is_an_rtx_4090_to_torch(answers):
    assert answers["available"] == [True, 1, 0]
    assert answers["card"] == ["NVIDIA GeForce RTX 4090", 128, 72 << 20]
    assert answers["name"] == ["NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 4090", [8, 9]]


def test_the_card_is_an_rtx_4090_to_triton(answers):
    assert answers["triton"] == [128, 99 << 10, 32]
    assert answers["target"] == ["cuda", 89, 32]
    assert answers["device"] == [0, "cuda:0"]


def test_streams_and_events_are_done_at_once(answers):
    assert answers["done"] == [True, True, True]
    assert answers["stream"] == 0


def test_an_autotuned_kernel_runs_with_its_first_configuration(answers):
    assert answers["autotuned"] == [[16], True]


def test_a_cuda_graph_says_what_it_needs(answers):
    said = "a CUDA graph needs a GPU, and none is used here; `bench run` where there is one judges this file"
    assert answers["graphs"] == [said] * 4
