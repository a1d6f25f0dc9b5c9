"""The rule 'own kernels' on reports made by hand."""

import dataclasses
import json

import pytest

from suite.judge.own_work import Sizes, faster_than_traced, refusal, watch_request
from suite.judge.work_report import MalformedWorkError, parse_work
from suite.worker.work import MAX_NAME, MAX_ROWS, TO_THE_HOST, DeviceKernel, Operator, Work

SEED_ARGMIN = Sizes((128 * 4096 * 4095,), (128 * 4095,))
SEED_MATMUL = Sizes((256 * 524288, 524288 * 256), (256 * 256,))
SMALL_MATMUL = Sizes((140 * 300, 300 * 270), (140 * 270,))
TINY = Sizes((5 * 37,), (5,))
ELEMENTWISE = Sizes((1 << 27,), (1 << 27,))
OUTER_PRODUCT = Sizes((40, 24), (960,))


def reading(name, elements, line=7, calls=1):
    return Work(noted=True, operators=(Operator(name, line, calls, elements, 0),))


def combining(name, elements, line=7, calls=1):
    return Work(noted=True, operators=(Operator(name, line, calls, 0, elements),))


class TestOperators:
    def test_a_call_on_the_inputs_is_refused_with_its_line(self):
        assert refusal(reading("aten.argmin", 190, line=41), TINY) == (
            "rule 'own kernels': torch operator aten.argmin on 190 elements (line 41); "
            "compute it in a @triton.jit kernel"
        )

    def test_pieces_add_up(self):
        rows = tuple(Operator("aten.amin", line, 10, 40, 0) for line in (5, 6, 7))
        sizes = Sizes((6400,), (10,))  # 6410 // 64 = 100
        assert refusal(Work(operators=rows[:2]), sizes) is None
        assert refusal(Work(operators=rows), sizes) == (
            "rule 'own kernels': torch operator aten.amin on 40 elements in 10 calls (line 5); "
            "compute it in a @triton.jit kernel"
        )

    @pytest.mark.parametrize(
        "name",
        ["aten.clone", "aten._to_copy", "aten.copy_", "aten.cat", "aten.constant_pad_nd", "aten.empty_like"],
    )
    def test_moving_and_allocating_are_free(self, name):
        assert refusal(reading(name, 1 << 40), SEED_ARGMIN) is None
        assert refusal(combining(name, 1 << 40), SEED_ARGMIN) is None

    @pytest.mark.parametrize("name", [TO_THE_HOST, "aten.gather", "aten.index", "aten.neg", "mine.copy_"])
    def test_everything_else_computes(self, name):
        assert "torch operator" in (refusal(reading(name, 1 << 28), SEED_ARGMIN) or "")

    def test_a_look_at_a_few_values_is_allowed(self):
        assert refusal(reading("aten._local_scalar_dense", 8), TINY) is None
        assert refusal(reading("aten._local_scalar_dense", 9), TINY) is not None
        assert refusal(reading("aten.any", SEED_ARGMIN.total // 64), SEED_ARGMIN) is None
        assert refusal(reading("aten.any", SEED_ARGMIN.total // 64 + 1), SEED_ARGMIN) is not None

    @pytest.mark.parametrize(
        ("sizes", "elements"),
        [
            (SEED_MATMUL, 8 * 2 * 65536),  # c += chunk, eight times
            (SEED_MATMUL, 257 * 65536),  # the sum of 256 partial products
            (SMALL_MATMUL, 2 * 37800),  # c += chunk, once: half as many elements as the inputs have
            (OUTER_PRODUCT, 2 * 960),  # the same where K is 1
            (SMALL_MATMUL, 11 * 37800),  # ten splits of 32
            (TINY, 35),  # argmin and gather over two splits
        ],
    )
    def test_partial_results_may_be_combined(self, sizes, elements):
        assert refusal(combining("aten.sum", elements), sizes) is None

    @pytest.mark.parametrize(
        ("sizes", "elements"),
        [
            (SEED_ARGMIN, SEED_ARGMIN.total),
            (SEED_MATMUL, SEED_MATMUL.total),
            (ELEMENTWISE, ELEMENTWISE.total),  # relu of what an identity kernel copied
            (Sizes((2 * 129,), (2,)), 260),
            (Sizes((700,), (1,)), 701),
            (Sizes((3 * 1999, 1999 * 11), (33,)), 28019),
            (Sizes((16 * 1025, 1025 * 16), (256,)), 33056),
        ],
    )
    def test_a_copy_of_the_inputs_is_no_partial_result(self, sizes, elements):
        reason = refusal(combining("aten.mm", elements), sizes)
        assert reason == (
            f"rule 'own kernels': torch operator aten.mm on {elements} elements that kernels made (line 7), "
            f"{sizes.most_made} may be combined; compute it in a @triton.jit kernel"
        )

    def test_a_name_is_shown_without_what_a_terminal_obeys(self):
        assert "\x1b" not in (refusal(reading("aten.\x1b[2J", 1000), TINY) or "")


class TestSizes:
    def test_a_small_input_beside_a_large_one_is_no_input(self):
        assert Sizes((1 << 20, 1, 0, 1 << 10), (1 << 10,)).large_inputs == [0]
        assert Sizes((1500, 72000), (48,)).large_inputs == [0, 1]
        assert Sizes((1,), (1,)).large_inputs == [0]
        assert Sizes((0,), (0,)).large_inputs == []

    def test_bounds(self):
        assert (TINY.most_of_inputs, TINY.most_made) == (8, 190 // 4 + 64 * 5)
        assert SEED_MATMUL.most_made == (2 * 256 * 524288 + 65536) // 4
        just_small, large = Sizes(((1 << 24) - 2,), (1,)), Sizes(((1 << 24) - 1,), (1,))
        assert just_small.most_made - large.most_made == 64 - 1

    def test_the_request_tells_the_worker_the_same(self):
        assert watch_request(TINY, 3, operators=True) == {
            "operators": True, "device": False, "seed": 3, "large": [0], "open": [8, 367],
        }  # fmt: skip


def test_other_breaches():
    assert refusal(Work(observer_removed=True), TINY) == (
        "rule 'own kernels': it took the observer of torch operators off"
    )
    assert refusal(Work(strangers=("triton_red_0",)), TINY) == (
        "rule 'own kernels': Triton kernel triton_red_0 is not defined in the file"
    )
    assert refusal(Work(moved_outputs=(1,)), TINY) == (
        "rule 'own kernels': output 1 is a copy of inputs that no @triton.jit kernel has touched"
    )
    assert refusal(Work(kernels={"argmin_kernel": 1}), TINY) is None
    assert refusal(Work(), TINY) is None


REDUCE = "void at::native::reduce_kernel<128, 4, at::native::ReduceOp<float, at::native::ArgMinOps<float>>>"
FILL = "void at::native::vectorized_elementwise_kernel<4, at::native::FillFunctor<long>>"
COPY = "void at::native::elementwise_kernel<128, 4, at::native::direct_copy_kernel_cuda(at::TensorIterator&)>"


class TestDevice:
    own = DeviceKernel("argmin_kernel", 1, 400.0)

    def traced(self, *rows, **fields):
        fields = {"kernels": {"argmin_kernel": 1}, **fields}
        return refusal(Work(device=rows, **fields), SEED_ARGMIN)

    def test_own_kernels_with_fills_and_copies(self):
        others = [DeviceKernel(name, 3, 900.0) for name in (FILL, COPY, "Memset (Device)")]
        assert self.traced(self.own, *others) is None

    def test_no_own_kernel(self):
        expected = "rule 'own kernels': none of its @triton.jit kernels ran on the device"
        assert self.traced() == self.traced(DeviceKernel(FILL, 1, 5.0)) == expected
        assert self.traced(self.own, kernels={}) == expected

    def test_a_kernel_from_elsewhere(self):
        assert self.traced(self.own, DeviceKernel("gemm_fp32", 1, 1.0)) == (
            "rule 'own kernels': device kernel gemm_fp32 was launched by none of its @triton.jit kernels"
        )
        assert "ArgMin" not in (self.traced(self.own, DeviceKernel(REDUCE, 1, 1.0)) or "")
        assert "was launched by none" in (self.traced(self.own, DeviceKernel(REDUCE, 1, 1.0)) or "")

    def test_a_kernel_under_an_own_name(self):
        twice = DeviceKernel("argmin_kernel", 2, 800.0)
        assert self.traced(twice) == (
            "rule 'own kernels': kernel argmin_kernel ran 2 times and was launched 1 times"
        )
        assert self.traced(twice, replays=1) is None

    def test_a_combine_may_take_a_quarter_of_the_time(self):
        combine = Operator("aten.sum", 9, 1, 0, 1000)
        assert self.traced(self.own, DeviceKernel(REDUCE, 4, 130.0), operators=(combine,)) is None
        reason = self.traced(self.own, DeviceKernel(REDUCE, 4, 140.0), operators=(combine,))
        assert reason is not None
        assert reason.startswith("rule 'own kernels': device kernels that are not its own took 140 of 540 us")
        assert "was launched by none" in (
            self.traced(self.own, DeviceKernel(REDUCE, 5, 1.0), operators=(combine,)) or ""
        )

    def test_a_short_combine_may_take_more(self):
        combine = Operator("aten.sum", 9, 1, 0, 1000)
        short = DeviceKernel("argmin_kernel", 1, 10.0)
        assert self.traced(short, DeviceKernel(REDUCE, 1, 19.0), operators=(combine,)) is None

    def test_a_replayed_graph_is_judged_by_time(self):
        assert self.traced(self.own, DeviceKernel("gemm", 1, 19.0), replays=1) is None
        assert "took 300 of 700 us" in (
            self.traced(self.own, DeviceKernel("gemm", 1, 300.0), replays=1) or ""
        )

    def test_timed_calls_that_take_less_than_the_card_was_busy(self):
        work = Work(busy_us=1000.0)
        assert faster_than_traced(work, 0.7) is None
        assert faster_than_traced(work, 0.69) == (
            "rule 'own kernels': the card was busy for 1000.0 us with a traced call, and its timed calls "
            "claim 690.0 us"
        )


FULL = Work(
    noted=True,
    operators=(Operator("aten.sum", None, 1, 2, 3), Operator("aten.add", 5, 1, 2, 3)),
    kernels={"k": 2},
    strangers=("s",),
    replays=1,
    reads_sealed=True,
    observer_removed=True,
    moved_outputs=(0,),
    device=(DeviceKernel("k", 1, 2.5),),
    busy_us=2.5,
)


class TestParsing:
    @pytest.mark.parametrize("work", [FULL, Work(kernels={})])
    def test_a_report_survives_the_pipe(self, work):
        assert parse_work(json.loads(json.dumps(dataclasses.asdict(work)))) == work

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("operators", {}),
            ("operators", [1]),
            ("operators", [{"name": "x", "line": 1, "calls": -1, "input_elements": 0, "made_elements": 0}]),
            ("operators", [{"name": 5, "line": 1, "calls": 1, "input_elements": 0, "made_elements": 0}]),
            ("operators", [dataclasses.asdict(FULL.operators[0])] * (MAX_ROWS + 2)),
            ("kernels", [["k", 1]]),
            ("kernels", {"k": True}),
            ("kernels", {"k" * (MAX_NAME + 1): 1}),
            ("strangers", "s"),
            ("replays", 1.5),
            ("reads_sealed", 1),
            ("observer_removed", None),
            ("noted", "yes"),
            ("moved_outputs", [-1]),
            ("device", 5),
            ("device", [{"name": "k", "runs": 1, "total_us": float("nan")}]),
            ("device", [{"name": "k", "runs": 1, "total_us": "1"}]),
            ("busy_us", float("inf")),
            ("busy_us", True),
            ("busy_us", 10**400),
            ("device", [{"name": "k", "runs": 1, "total_us": 10**400}]),
        ],
    )
    def test_a_report_of_another_form_is_refused(self, key, value):
        values = dataclasses.asdict(FULL) | {"operators": [], "device": None, key: value}
        values["strangers"] = list(values["strangers"]) if key != "strangers" else value
        values["moved_outputs"] = list(values["moved_outputs"])
        with pytest.raises(
            MalformedWorkError, match=r"^protocol: the report of a watched call is malformed$"
        ):
            parse_work(values)

    @pytest.mark.parametrize("value", [None, 5, [], "work", {}])
    def test_no_report_at_all(self, value):
        with pytest.raises(MalformedWorkError):
            parse_work(value)
