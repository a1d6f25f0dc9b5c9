"""What the watch notes of a call that runs in this process, and what such a call can read."""

import sys
import threading
from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch

from suite.judge.own_work import Sizes, watch_request
from suite.worker import launches
from suite.worker.provenance import tensors_in
from suite.worker.sealing import scramble
from suite.worker.watch import OperatorMode, Watch
from suite.worker.work import MAX_ROWS, MORE_OPERATORS, TO_THE_HOST

SEED = 11
CPU = torch.device("cpu")


class Calls:
    """A watch, an input and the truth of it; `run` makes a sealed call."""

    def __init__(self, elements=640):
        self.watch = Watch(CPU)
        self.watch.path = __file__
        self.x = torch.rand(elements)
        self.truth = self.x.clone()
        self.sizes = Sizes((elements,), (1,))

    def run(self, call, *, operators=True, sealed=True):
        """(what `call(x)` returned, the report)."""
        request = watch_request(self.sizes, SEED if sealed else None, operators=operators)
        if sealed:
            scramble([self.x], SEED)
        self.watch.begin(request, [self.x])
        values = []
        try:
            with torch.no_grad():
                values.append(self.watch.run(lambda: call(self.x)))
        finally:
            work = self.watch.end(values)
            if sealed:
                scramble([self.x], SEED)
        assert torch.equal(self.x, self.truth)
        return values[0], work

    def kernel(self, out, x, compute, file=__file__):
        """A launch of an own kernel that writes `compute(x)` to `out` without torch's dispatcher."""
        with self.watch.launch("kernel", file, [out, x]), torch._C._DisableTorchDispatch():
            out.copy_(compute(x))


@pytest.fixture
def calls():
    return Calls()


def rows(work):
    return {row.name: (row.calls, row.input_elements, row.made_elements) for row in work.operators}


def here():
    return sys._getframe(1).f_lineno


class TestOperators:
    def test_an_operator_on_the_input_is_noted_with_its_line_and_sees_the_data(self, calls):
        def forward(x):
            return x.argmin(), here()

        (found, line), work = calls.run(forward)
        assert int(found) == int(calls.truth.argmin())
        assert [(row.name, row.line) for row in work.operators] == [("aten.argmin", line)]
        assert rows(work) == {"aten.argmin": (1, 641, 0)}
        assert work.reads_sealed
        assert work.noted

    def test_views_and_factories_are_not_noted(self, calls):
        _, work = calls.run(lambda x: (x.view(2, -1).t()[1:], torch.zeros(9), torch.arange(5), x[None]))
        assert work.operators == ()
        assert not work.reads_sealed

    def test_an_allocation_like_the_input_reads_nothing(self, calls):
        _, work = calls.run(lambda x: (torch.empty_like(x), x.new_zeros(3)))
        assert set(rows(work)) == {"aten.empty_like", "aten.new_zeros"}
        assert not work.reads_sealed

    def test_a_composite_operator_is_noted_by_its_parts(self, calls):
        for context in (torch.no_grad(), torch.inference_mode()):
            with context:
                _, work = calls.run(lambda x: torch.einsum("ij,kj->ik", x.view(8, 80), x.view(8, 80)))
            assert set(rows(work)) & {"aten.bmm", "aten.mm"}

    def test_calls_from_one_line_add_up(self, calls):
        _, work = calls.run(lambda x: [x[i : i + 10].sum() for i in range(0, 640, 10)])
        assert rows(work) == {"aten.sum": (64, 64 * 11, 0)}

    def test_what_comes_of_a_copy_is_data_of_the_input_too(self, calls):
        _, work = calls.run(lambda x: torch.stack([x.clone(), x.double().float()]).sum())
        assert rows(work)["aten.sum"] == (1, 1281, 0)
        assert rows(work)["aten.stack"] == (1, 2560, 0)

    def test_constants_are_not(self, calls):
        _, work = calls.run(lambda _: torch.zeros(50) + torch.ones(50))
        assert rows(work) == {"aten.add": (1, 0, 150)}
        assert not work.reads_sealed

    def test_the_parts_of_an_operator_of_its_own_count(self, calls):
        @torch.library.custom_op("test_watch::lowest", mutates_args=())
        def lowest(x: torch.Tensor) -> torch.Tensor:
            return torch.argmin(x)

        found, work = calls.run(lowest)
        assert int(found) == int(calls.truth.argmin())
        assert rows(work) == {"aten.argmin": (1, 641, 0)}

    def test_a_copy_to_the_host_is_named(self, calls):
        _, work = calls.run(torch.ops.aten.lift_fresh_copy)
        assert rows(work) == {TO_THE_HOST: (1, 1280, 0)}

    def test_more_rows_than_fit_become_one(self, calls):
        body = "\n".join("    x.sum()" for _ in range(MAX_ROWS + 5))
        scope: dict = {}
        exec(compile(f"def forward(x):\n{body}\n", __file__, "exec"), scope)
        _, work = calls.run(scope["forward"])
        assert len(work.operators) == MAX_ROWS + 1
        assert rows(work)[MORE_OPERATORS] == (5, 5 * 641, 0)

    def test_an_observer_that_is_taken_off_is_missed(self, calls):
        def forward(x):
            while torch._C._len_torch_dispatch_stack():
                torch._C._pop_torch_dispatch_stack(None)
            return x.argmin()

        _, work = calls.run(forward)
        assert work.observer_removed
        assert work.operators == ()
        assert torch._C._len_torch_dispatch_stack() == 0

    def test_nothing_is_noted_and_nothing_opened_for_operators_in_a_blind_call(self, calls):
        found, work = calls.run(lambda x: x.clone(), operators=False)
        assert work.operators == ()
        assert not work.noted
        assert not torch.equal(found, calls.truth)

    def test_a_call_that_is_not_sealed_is_noted_all_the_same(self, calls):
        found, work = calls.run(lambda x: x.sum(), sealed=False)
        assert rows(work) == {"aten.sum": (1, 641, 0)}
        assert float(found) == float(calls.truth.sum())


class TestSealing:
    def test_memory_read_past_torch_is_noise(self, calls):
        found, work = calls.run(lambda x: x.numpy().copy())
        assert not (found == calls.truth.numpy()).any()
        assert work.operators == ()

    def test_a_large_copy_is_noise_past_torch_and_a_small_one_is_not(self, calls):
        def forward(x):
            return x[:10].clone().numpy().copy(), x.clone().numpy().copy()

        (small, large), _ = calls.run(forward)
        assert not (large == calls.truth.numpy()).any()
        assert (small == calls.truth[:10].numpy()).all()

    def test_small_copies_add_up(self, calls):
        def forward(x):
            return [x[i : i + 5].clone().numpy().copy() for i in range(0, 20, 5)]

        pieces, _ = calls.run(forward)  # 641 // 64 = 10 elements may lie open
        right = [(piece == calls.truth[5 * i : 5 * i + 5].numpy()).all() for i, piece in enumerate(pieces)]
        assert right == [True, True, False, False]

    def test_an_own_kernel_reads_the_input_and_its_result_is_returned_open(self, calls):
        def forward(x):
            out = torch.empty(640)
            calls.kernel(out, x, lambda values: 2 * values)
            seen = out.numpy()  # as large as the input, so that it is sealed until the end
            assert not (seen == 2 * calls.truth.numpy()).any()
            return out

        out, work = calls.run(forward)
        assert torch.equal(out, 2 * calls.truth)
        assert work.kernels == {"kernel": 1}
        assert not work.reads_sealed

    def test_partial_results_lie_open(self, calls):
        def forward(x):
            parts = torch.empty(10)
            calls.kernel(parts, x, lambda values: values.view(10, 64).amin(1))
            return float(parts.numpy().min())

        assert calls.run(forward)[0] == float(calls.truth.min())

    def test_partial_results_written_again_and_again_do_not(self, calls):
        def forward(x):
            parts, seen = torch.empty(64), []
            for i in range(10):
                calls.kernel(parts, x, lambda values, i=i: values.view(10, 64)[i])
                seen.append(bool((parts.numpy() == calls.truth.view(10, 64)[i].numpy()).all()))
            return seen

        seen, _ = calls.run(forward)  # 641 // 4 + 64 = 224 elements
        assert seen == [True] * 3 + [False] * 7

    def test_an_operator_on_what_a_kernel_made(self, calls):
        def forward(x):
            out = torch.empty(640)
            calls.kernel(out, x, lambda values: values)
            return out.argmin()

        found, work = calls.run(forward)
        assert int(found) == int(calls.truth.argmin())
        assert rows(work) == {"aten.argmin": (1, 0, 641)}
        assert work.reads_sealed

    def test_a_stranger_s_kernel_reads_noise(self, calls):
        def forward(x):
            out = torch.empty(640)
            calls.kernel(out, x, lambda values: values, file="/elsewhere.py")
            return out

        out, work = calls.run(forward, operators=False)
        assert not torch.equal(out, calls.truth)
        assert (work.kernels, work.strangers) == ({}, ("kernel",))

    def test_an_output_that_is_a_mere_copy_is_named(self, calls):
        def launched(x):
            out = x.clone()
            calls.kernel(out, out, lambda values: values + 1)
            return out

        assert calls.run(lambda x: x.clone())[1].moved_outputs == (0,)
        assert calls.run(lambda x: x)[1].moved_outputs == (0,)
        assert calls.run(launched)[1].moved_outputs == ()

    def test_a_replayed_graph_runs_open(self, calls):
        def forward(x):
            with calls.watch.replay():
                return x.numpy().copy()

        found, work = calls.run(forward)
        assert (found == calls.truth.numpy()).all()
        assert work.replays == 1

    def test_an_exception_leaves_everything_as_it_was(self, calls):
        def forward(x):
            x.sum()
            raise ValueError("mine")

        with pytest.raises(ValueError, match="mine"):
            calls.run(forward)
        assert calls.watch.is_idle
        assert torch._C._len_torch_dispatch_stack() == 0
        assert rows(calls.run(lambda x: x.sum())[1]) == {"aten.sum": (1, 641, 0)}

    def test_a_small_input_stays_readable(self):
        watch, scale, x = Watch(CPU), torch.tensor([3.0]), torch.rand(640)
        sizes = Sizes((640, 1), (640,))
        assert sizes.large_inputs == [0]
        watch.begin(watch_request(sizes, None, operators=True), [x, scale])
        value = watch.run(lambda: scale * 2)
        work = watch.end([value])
        assert rows(work) == {"aten.mul": (1, 0, 2)}


def test_tensors_are_found_in_nests_and_behind_descriptors():
    a, b, c = torch.ones(1), torch.ones(2), torch.ones(3)
    values = [1, None, a, (b, ["x"]), SimpleNamespace(base=c), SimpleNamespace(base=5)]
    assert [tensor.numel() for tensor in tensors_in(values)] == [1, 2, 3]


class FakeLauncher:
    """As Triton's: built from a source and its metadata, called with a grid, a stream and arguments."""

    ran: ClassVar[list] = []

    def __init__(self, src, metadata):
        self.src = src

    def __call__(self, *args):
        FakeLauncher.ran.append(args)


def own_kernel():
    """Its code is in this file."""


class TestLaunches:
    @pytest.fixture(autouse=True)
    def launchers(self, monkeypatch):
        monkeypatch.setattr(FakeLauncher, "__init__", FakeLauncher.__init__)
        monkeypatch.setattr(FakeLauncher, "__call__", FakeLauncher.__call__)
        monkeypatch.setattr(FakeLauncher, "ran", [])
        active = SimpleNamespace(launcher_cls=FakeLauncher)
        fake = SimpleNamespace(runtime=SimpleNamespace(driver=SimpleNamespace(active=active)))
        monkeypatch.setattr(launches, "triton", fake)

    def launcher(self, function, name="kernel"):
        src = SimpleNamespace(fn=SimpleNamespace(fn=function))
        return FakeLauncher(src, SimpleNamespace(name=name))

    def test_launches_of_own_kernels_are_counted_whether_watched_or_not(self, calls):
        launches._watch_compiled(calls.watch)
        own, other = self.launcher(own_kernel), self.launcher(threading.Thread.run, "other")
        calls.watch.begin(None, [])
        own(1, 1, 1, 0, "function", calls.x)
        other(1, 1, 1, 0, "function", calls.x)
        assert calls.watch.launches == 1
        assert calls.watch.end([]) is None

        _, work = calls.run(lambda x: (own(1, 1, 1, 0, "function", x), other(1, 1, 1, 0, "function", x)))
        assert calls.watch.launches == 1
        assert (work.kernels, work.strangers) == ({"kernel": 1}, ("other",))
        assert len(FakeLauncher.ran) == 4

    def test_a_replayed_graph_may_run_any_own_kernel(self, calls):
        launches._watch_compiled(calls.watch)
        self.launcher(own_kernel, "mine")
        self.launcher(threading.Thread.run, "other")

        def forward(x):
            with calls.watch.replay():
                pass

        assert calls.run(forward)[1].kernels == {"mine": 0}
        assert calls.run(lambda _: None)[1].kernels == {}

    def test_a_kernel_without_python_is_a_stranger(self, calls):
        launches._watch_compiled(calls.watch)
        from_ir = FakeLauncher(SimpleNamespace(), SimpleNamespace(name="from_ir"))
        _, work = calls.run(lambda x: from_ir(1, 1, 1, 0, "function", x))
        assert work.strangers == ("from_ir",)
        assert calls.watch.launches == 0

    def test_the_input_is_open_for_the_length_of_a_launch(self, calls, monkeypatch):
        seen = []
        monkeypatch.setattr(
            FakeLauncher, "__call__", lambda _self, *args: seen.append(torch.equal(args[-1], calls.truth))
        )
        launches._watch_compiled(calls.watch)
        own = self.launcher(own_kernel)

        def forward(x):
            with torch._C._DisableTorchDispatch():
                seen.append(torch.equal(x, calls.truth))
                own(1, 1, 1, 0, "function", x)
                seen.append(torch.equal(x, calls.truth))

        calls.run(forward)
        assert seen == [False, True, False]


def test_threads_are_observed(calls, monkeypatch):
    for module, name in ((threading.Thread, "_bootstrap_inner"), (launches._thread, "start_new_thread")):
        monkeypatch.setattr(module, name, getattr(module, name))
    launches._watch_threads(calls.watch)

    def forward(x):
        found, done = [], threading.Event()
        worker = threading.Thread(target=lambda: found.append(int(x.argmin())))
        worker.start()
        worker.join()

        def raw():
            with torch.no_grad():
                found.append(int(x.argmax()))
            done.set()

        launches._thread.start_new_thread(raw, ())
        assert done.wait(10)
        return found

    found, work = calls.run(forward)
    assert found == [int(calls.truth.argmin()), int(calls.truth.argmax())]
    assert {"aten.argmin", "aten.argmax"} <= set(rows(work))


def test_a_mode_without_a_call_under_way_changes_nothing(calls):
    with OperatorMode(calls.watch):
        assert float(calls.x.sum()) == float(calls.truth.sum())
