"""Memory that judge and worker share: the judge's end and the worker's, in one process."""

import json
import os

import pytest
import torch

from suite.judge.arena import Arena, ArenaFullError
from suite.judge.exchange import ArenaExchange, bytes_of, poison
from suite.worker.buffers import SharedBuffers
from suite.worker.protocol import BufferSpec, TensorSpec, spec_from_json, spec_to_json

CPU = torch.device("cpu")


@pytest.fixture
def arena():
    arena = Arena(1 << 20)
    yield arena
    arena.close()


@pytest.fixture
def exchange(arena):
    return ArenaExchange(arena)


@pytest.fixture
def theirs(exchange, arena):
    """A function that gives the worker's view of one of the judge's tensors."""
    buffers = SharedBuffers(arena.fd)

    def attach(tensor):
        line = json.dumps(spec_to_json(exchange.spec(tensor)))
        return buffers.tensor(spec_from_json(json.loads(line)), CPU)

    return attach


TENSORS = {
    "contiguous": lambda: torch.rand(3, 5),
    "transposed": lambda: torch.rand(3, 5).t(),
    "strided": lambda: torch.rand(20)[1::3],
    "offset": lambda: torch.arange(10, dtype=torch.int64)[7:],
    "expanded": lambda: torch.rand(1, 4).expand(6, 4),
    "overlapping": lambda: torch.arange(9.0).as_strided((4, 3), (1, 2)),
    "no dimensions": lambda: torch.tensor(2.5, dtype=torch.float64),
    "odd bytes": lambda: torch.randint(0, 255, (7,), dtype=torch.uint8)[1:],
    "half": lambda: torch.rand(5).half()[1:],
    "bfloat16": lambda: torch.rand(5).bfloat16(),
    "bool": lambda: torch.tensor([True, False, True]),
}


@pytest.mark.parametrize("make", TENSORS.values(), ids=TENSORS)
def test_the_worker_sees_the_judge_s_tensor(exchange, theirs, make):
    tensor = make()
    (mine,) = exchange.publish([tensor])
    seen = theirs(mine)
    assert (seen.dtype, seen.shape, seen.stride()) == (tensor.dtype, tensor.shape, tensor.stride())
    assert torch.equal(seen, tensor)


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 7)])
def test_a_tensor_without_elements_needs_no_memory(exchange, theirs, shape):
    tensor = torch.empty(shape, dtype=torch.int32)
    (mine,) = exchange.publish([tensor])
    seen = theirs(mine)
    assert (seen.dtype, tuple(seen.shape), seen.stride()) == (torch.int32, shape, tensor.stride())
    assert exchange.spec(mine).buffer is None


def test_what_the_worker_writes_the_judge_reads(exchange, theirs):
    (output,) = exchange.output_buffers([torch.empty(2, 3).t()], "solution")
    seen = theirs(output)
    seen.copy_(torch.arange(6.0).view(3, 2))
    assert output.tolist() == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]


def test_output_buffers_are_contiguous_and_of_the_same_kind(exchange):
    like = [torch.empty(4, 5, dtype=torch.int64).t(), torch.empty(1, dtype=torch.float16).expand(3)]
    outputs = exchange.output_buffers(like, "solution")
    assert [(o.dtype, tuple(o.shape), o.stride()) for o in outputs] == [
        (torch.int64, (5, 4), (4, 1)),
        (torch.float16, (3,), (1,)),
    ]


def test_the_judge_s_own_tensor_is_not_shared(exchange, theirs):
    tensor = torch.zeros(3)
    (mine,) = exchange.publish([tensor])
    theirs(mine).fill_(7)
    assert mine.tolist() == [7.0, 7.0, 7.0]
    assert tensor.tolist() == [0.0, 0.0, 0.0]


def test_each_tensor_has_a_buffer_of_its_own(exchange):
    base = torch.arange(4.0)
    first, second = exchange.publish([base[:2], base[2:]])
    assert exchange.spec(first).buffer != exchange.spec(second).buffer
    assert exchange.spec(second).offset_bytes == 8


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_poison_is_nan_in_every_float(exchange, dtype):
    outputs = exchange.output_buffers([torch.ones(5, dtype=dtype)], "solution")
    poison(outputs)
    assert bool(outputs[0].isnan().all())


@pytest.mark.parametrize("dtype", [torch.int8, torch.int32, torch.int64])
def test_poison_is_no_index(exchange, dtype):
    outputs = exchange.output_buffers([torch.ones(2, 2, dtype=dtype)], "solution")
    poison(outputs)
    assert outputs[0].tolist() == [[-1, -1], [-1, -1]]


def test_poison_reaches_the_whole_storage_and_takes_no_tensors():
    base = torch.zeros(4)
    poison([base[:1]])
    assert bool(base.isnan().all())
    poison([])
    poison([torch.empty(0)])


def test_release_gives_the_memory_back(exchange, arena):
    exchange.publish([torch.rand(30_000), torch.rand(30_000)])
    assert os.fstat(arena.fd).st_blocks * 512 >= 240_000
    exchange.release()
    exchange.release()
    assert os.fstat(arena.fd).st_blocks == 0
    (mine,) = exchange.publish([torch.ones(2)])
    assert exchange.spec(mine).buffer == BufferSpec("arena", "0", 8)


def test_a_worker_cannot_shrink_what_the_judge_reads(exchange, arena, theirs):
    (mine,) = exchange.publish([torch.ones(2)])
    assert torch.equal(theirs(mine), mine)
    for nbytes in (0, 2 << 20):
        with pytest.raises(PermissionError):
            os.ftruncate(arena.fd, nbytes)
    assert mine.tolist() == [1.0, 1.0]


def test_what_does_not_fit_is_a_fault_of_the_problem_and_says_both_sizes(exchange):
    with pytest.raises(ArenaFullError) as failure:
        exchange.publish([torch.empty(1 << 18), torch.empty(1 << 14)])
    assert str(failure.value) == (
        "inputs and outputs of 1.1 MB do not fit into the 1.0 MB that judge and worker share on the CPU: "
        "make the check workloads smaller"
    )


def test_a_buffer_is_mapped_once(exchange, arena):
    (mine,) = exchange.publish([torch.arange(4.0)])
    buffers = SharedBuffers(arena.fd)
    first = buffers.tensor(exchange.spec(mine), CPU)
    assert buffers.tensor(exchange.spec(mine), CPU).data_ptr() == first.data_ptr()
    buffers.close()
    assert torch.equal(buffers.tensor(exchange.spec(mine), CPU), mine)


def test_specs_survive_json():
    spec = TensorSpec("float32", (3, 4), (4, 1), 16, BufferSpec("cuda_ipc", "00ff", 64))
    line = json.dumps(spec_to_json(spec))
    assert line == (
        '{"dtype": "float32", "shape": [3, 4], "stride": [4, 1], "offset_bytes": 16, '
        '"buffer": {"kind": "cuda_ipc", "handle": "00ff", "nbytes": 64}}'
    )
    assert spec_from_json(json.loads(line)) == spec
    empty = TensorSpec("int64", (0,), (1,), 0, None)
    assert spec_from_json(json.loads(json.dumps(spec_to_json(empty)))) == empty


def test_bytes_of_every_dtype():
    assert bytes_of(torch.tensor([1.0])).tolist() == [0, 0, 128, 63]
    assert bytes_of(torch.tensor([True, False])).tolist() == [1, 0]
    assert bytes_of(torch.tensor([-2], dtype=torch.int16)).tolist() == [254, 255]
