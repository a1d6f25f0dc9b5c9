"""How the judge asks for watched calls and what it makes of the answers, with scripted workers."""

import pytest
import torch

from suite.judge import watched
from suite.judge.compare import RightOutput
from suite.judge.fingerprint import fingerprint
from suite.judge.own_work import NO_LAUNCH, ONLY_UNSEALED, ONLY_WATCHED
from suite.judge.trial import Attached, Call, UnfitError, check_inputs
from suite.judge.truth import Case
from suite.judge.watched import Kind, Watcher, after, request_for, require_launches, sealed_after, sizes_of
from suite.judge.watched_rounds import AT_LEAST, WatchedRounds
from suite.judge.worker_process import WorkerFailedError
from suite.result import Status
from suite.worker.work import Operator, Work

CLEAN = {
    "noted": True, "operators": [], "kernels": {"k": 1}, "strangers": [], "replays": 0, "reads_sealed": False,
    "observer_removed": False, "moved_outputs": [], "device": None, "busy_us": 0.0,
}  # fmt: skip
READING = CLEAN | {"reads_sealed": True}
ARGMIN = {"name": "aten.argmin", "line": 3, "calls": 1, "input_elements": 190, "made_elements": 0}
LIBRARY = READING | {"operators": [ARGMIN]}
DIED = WorkerFailedError(Status.RUNTIME_ERROR, "the process exited with code 0 during 'call'")
RAISED = WorkerFailedError(Status.RUNTIME_ERROR, "exception", {"chain": [{"type": "ValueError"}]})


class Truth:
    tolerance = "exact"


class Script(Attached):
    """Answers each kind of call by the next entry of its list: "right", "wrong", or a failure to raise."""

    def __init__(self, reports=None, **answers):
        super().__init__(None, "solution", 1.0, True, [torch.zeros(5, dtype=torch.int64)])
        self.answers = {name: list(values) for name, values in answers.items()}
        self.reports = reports or {}
        self.asked = []

    def call(self, case, exchange, method=None, watch=None):
        kind = kind_of(watch)
        self.asked.append(kind)
        answer = self.answers[kind].pop(0) if len(self.answers[kind]) > 1 else self.answers[kind][0]
        if isinstance(answer, Exception):
            raise answer
        self.outputs[0].fill_(7 if answer == "right" else 8)
        described = {"type": "Tensor", "dtype": "int64", "shape": [5], "device": "cpu"}
        report = None if watch is None else self.reports.get(kind, CLEAN | {"noted": watch["operators"]})
        return Call({"outputs": [described], "work": report}, 1.0, case.inputs)


def kind_of(watch):
    if watch is None:
        return "plain"
    if watch["device"]:
        return "traced"
    return {True: "open", False: "blind"}[watch["operators"]] if watch["seed"] is not None else "noted"


def check(script, kind):
    case = Case("small", {}, [], [torch.rand(5, 37)])
    truths = [RightOutput(torch.full((5,), 7))]
    return Watcher(script, case, None, Truth(), truths).check(kind)


def refused(script, kind):
    with pytest.raises(UnfitError) as error:
        check(script, kind)
    return error.value.status, error.value.reason


WRONG = (Status.INCORRECT, "5 of 5 elements differ, the first at (0,): expected 7, found 8")


class TestCheck:
    def test_a_right_answer_takes_one_call(self):
        script = Script(open=["right"])
        assert check(script, Kind.OPEN).work == Work(noted=True, kernels={"k": 1})
        assert script.asked == ["open"]

    def test_a_right_answer_by_the_library_is_refused(self):
        script = Script(open=["right"], reports={"open": LIBRARY})
        assert refused(script, Kind.OPEN) == (
            Status.REJECTED,
            "rule 'own kernels': torch operator aten.argmin on 190 elements (line 3); "
            "compute it in a @triton.jit kernel",
        )

    def test_a_wrong_solution_is_wrong_by_its_own_fault(self):
        for kind in (Kind.OPEN, Kind.BLIND):
            assert refused(Script(open=["wrong"], blind=["wrong"], plain=["wrong"]), kind) == WRONG

    def test_an_answer_that_needs_the_inputs_unsealed(self):
        script = Script(open=["wrong"], plain=["right"])
        assert refused(script, Kind.OPEN) == (Status.REJECTED, ONLY_UNSEALED)
        assert script.asked == ["open", "plain", "open"]
        assert refused(Script(blind=["wrong"], open=["wrong"], plain=["right"]), Kind.BLIND) == (
            Status.REJECTED,
            ONLY_UNSEALED,
        )

    def test_what_the_report_says_of_a_sealed_failure_is_told(self):
        script = Script(open=["wrong"], plain=["right"], reports={"open": CLEAN | {"strangers": ["s"]}})
        expected = "rule 'own kernels': Triton kernel s is not defined in the file"
        assert refused(script, Kind.OPEN) == (Status.REJECTED, expected)

    def test_an_exception_under_the_seal_counts_as_wrong(self):
        assert refused(Script(open=[RAISED], plain=["right"]), Kind.OPEN) == (Status.REJECTED, ONLY_UNSEALED)
        with pytest.raises(WorkerFailedError):
            check(Script(open=[RAISED], plain=[RAISED]), Kind.OPEN)

    def test_a_solution_that_turns_to_the_library_where_nobody_notes(self):
        script = Script(blind=["wrong"], open=["right"])
        assert refused(script, Kind.BLIND) == (Status.REJECTED, ONLY_WATCHED)
        assert script.asked == ["blind", "open", "blind"]

    def test_one_that_moves_data_with_torch_may_fail_blind(self):
        script = Script(blind=["wrong"], open=["right"], reports={"open": READING})
        assert check(script, Kind.BLIND).work == Work(noted=True, kernels={"k": 1}, reads_sealed=True)

    def test_a_failure_that_does_not_come_again_is_not_blamed_on_the_seal(self):
        assert refused(Script(open=["wrong", "right"], plain=["right"]), Kind.OPEN) == WRONG
        assert refused(Script(blind=["wrong", "right"], open=["right"]), Kind.BLIND) == WRONG

    def test_a_worker_that_is_gone_is_not_asked_again(self):
        script = Script(open=[DIED])
        with pytest.raises(WorkerFailedError):
            check(script, Kind.OPEN)
        assert script.asked == ["open"]

    def test_a_worker_that_dies_unwatched_had_answered_wrongly(self):
        assert refused(Script(open=["wrong"], plain=[DIED]), Kind.OPEN) == WRONG

    def test_an_output_of_another_kind_needs_no_explanation(self):
        script = Script(open=["right"])
        script.outputs[0] = torch.zeros(6, dtype=torch.int64)
        assert refused(script, Kind.OPEN) == (Status.INCORRECT, "expected shape [6], found [5]")
        assert script.asked == ["open"]

    @pytest.mark.parametrize("report", [None, {}, CLEAN | {"replays": -1}])
    def test_a_right_answer_without_a_proper_report(self, report):
        script = Script(open=["right"], reports={"open": report})
        expected = "protocol: the report of a watched call is malformed"
        assert refused(script, Kind.OPEN) == (Status.REJECTED, expected)

    def test_a_wrong_answer_without_one_is_wrong(self):
        assert refused(Script(open=["wrong"], plain=["wrong"], reports={"open": None}), Kind.OPEN) == WRONG


RAN = {"name": "k", "runs": 1, "total_us": 400.0}
TRACED = CLEAN | {"noted": False, "device": [RAN], "busy_us": 400.0}


class TestTrace:
    def trace(self, report, latency_ms=0.4, operators=(), reads_sealed=False):
        case = Case("small", {}, [], [torch.rand(5, 37)])
        script = Script(traced=["right"], reports={"traced": report})
        watcher = Watcher(script, case, None, Truth(), [RightOutput(torch.full((5,), 7))])
        known = Work(noted=True, operators=operators, reads_sealed=reads_sealed)
        return watcher.trace(known, latency_ms), script

    def test_own_kernels_ran(self):
        traced, script = self.trace(TRACED)
        assert (traced, script.asked) == (True, ["traced"])

    def test_kernels_of_operators_that_an_open_call_noted(self):
        add = {"name": "reduce_kernel", "runs": 4, "total_us": 9.0}
        noted = (Operator("aten.sum", 5, 1, 0, 10),)
        assert self.trace(TRACED | {"device": [RAN, add]}, operators=noted)[0]
        with pytest.raises(UnfitError, match="device kernel reduce_kernel was launched by none"):
            self.trace(TRACED | {"device": [RAN, add]})

    def test_timed_calls_that_were_much_faster(self):
        with pytest.raises(UnfitError, match=r"busy for 400\.0 us .* claim 279\.0 us"):
            self.trace(TRACED, latency_ms=0.279)
        assert self.trace(TRACED, latency_ms=0.281)[0]

    def test_a_card_without_a_profiler(self, monkeypatch):
        monkeypatch.setattr(watched, "_profiler_works", lambda: False)
        assert self.trace(TRACED | {"device": None})[0] is False

    def test_a_worker_that_hides_from_a_profiler_that_works(self, monkeypatch):
        monkeypatch.setattr(watched, "_profiler_works", lambda: True)
        with pytest.raises(UnfitError, match="the profiler, which works here, saw nothing of a call"):
            self.trace(TRACED | {"device": None})


class TestRequests:
    sizes = sizes_of(Case("x", {}, [], [torch.rand(5, 37)]), Script())

    def test_sizes(self):
        assert (self.sizes.inputs, self.sizes.outputs) == ((185,), (5,))

    def test_kinds(self):
        for kind, name in ((Kind.OPEN, "open"), (Kind.BLIND, "blind"), (Kind.NOTED, "noted")):
            assert kind_of(request_for(kind, self.sizes)) == name
        assert request_for(Kind.PLAIN, self.sizes) is None
        assert request_for(Kind.PLAIN, self.sizes, device=True)["operators"] is False

    def test_seeds_are_not_reused(self):
        seeds = {request_for(Kind.OPEN, self.sizes)["seed"] for _ in range(20)}
        assert len(seeds) == 20

    def test_who_moves_data_is_noted_always_and_the_others_never(self):
        assert after(Work(reads_sealed=True)) is Kind.NOTED
        assert after(Work()) is Kind.PLAIN
        assert {sealed_after(Work()) for _ in range(60)} == {Kind.OPEN, Kind.BLIND}
        assert {sealed_after(Work(reads_sealed=True)) for _ in range(20)} == {Kind.OPEN}

    @pytest.mark.parametrize("launches", [0, None, True, "1", -1])
    def test_a_timed_call_launches_something(self, launches):
        with pytest.raises(UnfitError) as error:
            require_launches(Call({"launches": launches}, 1.0, []))
        assert (error.value.status, error.value.reason) == (Status.REJECTED, NO_LAUNCH)
        require_launches(Call({"launches": 1}, 1.0, []))


class TestRounds:
    def test_some_of_the_fewest_rounds_are_watched_and_nobody_knows_which(self):
        seen = set()
        for _ in range(60):
            rounds = WatchedRounds(15)
            due = [turn for turn in range(15) if rounds.is_due()]
            assert len(due) == AT_LEAST
            seen.update(due)
        assert len(seen) > 10

    def test_so_is_now_and_then_a_later_one(self):
        rounds = WatchedRounds(2)
        due = [rounds.is_due() for _ in range(2000)]
        assert due[:2] == [True, True]
        assert 60 < sum(due[2:]) < 220  # 125 expected, standard deviation 11


class Looker:
    """A worker that says of each request whether the shared inputs are then `truth`."""

    def __init__(self, shared, truth):
        self.shared, self.truth, self.seen = shared, truth, []

    def request(self, op, _timeout_s, **_fields):
        self.seen.append((op, torch.equal(self.shared, self.truth)))
        return {}


class Anywhere:
    """An exchange that says of each tensor that it has no memory."""

    def spec(self, tensor):
        from suite.judge.exchange import _spec

        return _spec(tensor, None, 0)


@pytest.mark.parametrize("lent", [False, True])
def test_the_inputs_are_scrambled_for_the_length_of_a_sealed_call_alone(lent):
    truth = torch.rand(50)
    x = torch.zeros(50) if lent else truth.clone()
    case = Case("x", {}, [], [x], private=[truth.clone()] if lent else None, lent=lent)
    worker = Looker(x, truth)
    attached = Attached(worker, "solution", 1.0, True, [torch.zeros(1)])
    for kind in (Kind.PLAIN, Kind.OPEN, Kind.NOTED, Kind.BLIND):
        call = attached.call(case, Anywhere(), None, request_for(kind, sizes_of(case, attached)))
        assert torch.equal(call.inputs[0], truth)
        assert torch.equal(x, truth) != lent  # nothing is left of what was lent
        assert torch.equal(case.genuine[0], truth)
    calls = [("call", True), ("call", False), ("call", True), ("call", False)]
    assert worker.seen == [("attach", not lent), *calls]


def test_what_a_call_does_to_lent_inputs_is_found():
    class Writer(Looker):
        def request(self, op, timeout_s, **fields):
            self.shared[3] += op == "call"
            return super().request(op, timeout_s, **fields)

    truth = torch.rand(50)
    x = torch.zeros(50)
    case = Case("x", {}, [], [x], private=[truth], lent=True)
    attached = Attached(Writer(x, truth), "solution", 1.0, True, [torch.zeros(1)])
    call = attached.call(case, Anywhere(), None, request_for(Kind.PLAIN, sizes_of(case, attached)))
    with pytest.raises(UnfitError, match="rule 'inputs are read-only': input 0 was changed"):
        check_inputs(fingerprint(case.genuine), call.inputs)
