"""All that the suite needs of a file and that the file lacks, as JSON values."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from suite.kernelbench.child.accuracy import MARGIN, Rounding, to_tf32, tolerance_of
from suite.kernelbench.child.shrinking import Shrinking
from suite.kernelbench.child.subject import Followed, Sizes, Subject, UnfitFileError, seeded
from suite.kernelbench.child.trials import Trials, alike, described

MOST_REAL_BYTES = 64e6
MOST_REAL_FLOPS = 4e9
KERNELBENCH_TOLERANCE = 1e-4
"""Absolute and relative, for float32; KernelBench's own."""
CONTEXT_BYTES = 2_000_000_000
"""Three CUDA contexts with torch's kernels, and what is read to empty the L2 cache."""
COMPARE_BYTES = 64
"""What a comparison holds for each element of an output."""
SMALLEST = 2
ADDRESS_SPACE_BYTES = 16 << 30
"""What the process that derives may take, before a file takes the machine's."""
SLOW_S = 1.0
SLOW_ELEMENTS = 1 << 20
"""What Triton's interpreter gets through in minutes."""
HINT = (
    "Make its sizes names at module level (such as `rows = 16384`) that get_inputs and get_init_inputs read, "
    "and nothing else: such sizes are shrunk for checks, and by --scale"
)
TF32_ROOM = 1.2
"""What the bound of a class leaves above its worst honest computation, at least."""
AS_EXACT = 1.1
"""Two draws of one kind need bounds that differ by so much."""

Say = Callable[[str], None]


def derive(folder: Path, sizes: Sizes, scale: float | None, say: Say) -> dict[str, Any]:
    """What stands in the problem's folder.

    Raises:
        UnfitFileError: the file cannot be made a problem.
    """
    say("loading")
    try:
        subject = Subject(folder)
    except Exception as error:
        raise UnfitFileError(f"importing it raises {described(error, folder)}") from error
    try:
        return _Derivation(subject, folder, sizes, say).all(scale)
    except (MemoryError, RuntimeError, UnfitFileError) as error:
        if (tensor := _refused(error)) is None:
            raise
        raise UnfitFileError(
            f"this process may take {ADDRESS_SPACE_BYTES >> 30} GiB, and {tensor} did not fit. {HINT}"
        ) from error


def _refused(error: Exception) -> str | None:
    """What memory was refused for; None: the error is another one."""
    refused = re.search(r"can't allocate memory: you tried to allocate (\d+) bytes", str(error))
    if refused:
        return f"a tensor of {int(refused[1]) / 1e9:.1f} GB"
    return "something" if isinstance(error, MemoryError) else None


class _Derivation:
    def __init__(self, subject: Subject, folder: Path, sizes: Sizes, say: Say) -> None:
        self._subject = subject
        self._folder = folder
        self._say = say
        self._remarks: list[str] = []
        self._shrinking = Shrinking(subject, sizes)
        self._trials = Trials(subject, folder)

    def all(self, scale: float | None) -> dict[str, Any]:
        self._say("asking for its inputs")
        loading_s = self._look_at_inputs()
        full = self._followed(self._shrinking.seed)
        seed = self._scaled(scale)
        slow = f"; the file is run anew for each, {loading_s:.1f} s" if loading_s > SLOW_S else ""
        self._say(f"looking for small sizes{slow}")
        small = self._shrinking.small(self._shrinking.seed)
        checks = {"small": small}
        odd = self._shrinking.odd(small)
        if odd != small:
            checks["odd"] = odd
        smallest = self._shrinking.small(small, target=1, least=SMALLEST)
        ranges = self._shrinking.ranges(small, smallest)
        at_small = self._followed(small)
        if small == self._shrinking.seed or at_small.elements > SLOW_ELEMENTS:
            self._remark_full(at_small.elements, small == self._shrinking.seed)
        if self._shrinking.ended:
            self._remark_end(odd != small, bool(ranges))
        self._say("running it on the CPU at small sizes")
        self._require_one_answer(small)
        self._require_fresh_inputs(small)
        smallest = self._usable(smallest, small)
        at_seed = self._followed(seed)
        distributions = self._distributions(small)
        tolerance, source = self._tolerance(checks, distributions, at_seed, at_small)
        distribution = self._distribution_of_seed(small, distributions, tolerance, at_seed, at_small)
        large = self._large(list(checks.values()), distributions[-1], tolerance)
        workloads = {"seed": {"tier": "bench", "axes": {**seed, **distribution}}}
        workloads |= {
            name: {"tier": "check", "axes": {**axes, **distribution}} for name, axes in checks.items()
        }
        counted = [(axes, self._followed(axes)) for axes in (seed, *checks.values())]
        self._say("trying zeros at KernelBench's own tolerance")
        self._try_zeros()
        if at_seed.uncounted:
            self._remark(f"No flops are counted for {', '.join(at_seed.uncounted)}.")
        return {
            "workloads": workloads,
            "tolerance": tolerance,
            "tolerance_source": source,
            "distributions": [*distributions, *large],
            "hidden_distributions": distributions,
            "training": self._subject.training,
            "memory_bytes": {"seed": memory_bytes(at_seed), "full": memory_bytes(full)},
            "work": [(axes, (found.bytes_moved, found.flops)) for axes, found in counted],
            "smallest": smallest,
            "ranges": ranges,
            "remarks": self._remarks,
            "inputs": at_seed.input_kinds,
            "outputs": at_seed.output_kinds,
            "state_bytes": at_seed.state_bytes,
            "input_bytes": at_seed.input_bytes,
            "scale": scale,
        }

    def _remark_full(self, elements: int, is_all: bool) -> None:
        which = "No module-level size can be changed" if is_all else "Its sizes shrink no further"
        text = (
            f"{which}: checks are of {elements} elements"
            f"{', which takes minutes without a GPU' if elements > SLOW_ELEMENTS else ''}. {HINT}."
        )
        self._remark(text)
        if elements > SLOW_ELEMENTS:
            self._say(text)  # now, not after the wait

    def _remark_end(self, has_odd: bool, has_ranges: bool) -> None:
        lost = ["odd sizes"] * (not has_odd) + ["hidden workloads"] * (not has_ranges)
        without = f", without {' and '.join(lost)}" if lost else ""
        self._remark(
            f"Looking for small sizes was ended after {self._shrinking.spent_s:.0f} s{without}. Each size "
            f"that is tried runs the file anew, which takes {self._shrinking.loading_s:.1f} s: move what is "
            "slow out of its module level."
        )

    def _remark(self, text: str) -> None:
        self._remarks.append(text)

    def _look_at_inputs(self) -> float:
        """What the generators make, without data: tensors alone, and on which device.

        Returns:
            How long running the file took, in seconds.
        """
        started = time.monotonic()
        names = self._subject.draft._names(repr(self._shrinking.seed))
        loading_s = time.monotonic() - started
        try:
            with torch.device("meta"):
                values = names["get_inputs"]()
            list(names["get_init_inputs"]())
        except Exception as error:
            raise UnfitFileError(f"its generators raise {described(error, self._folder)}") from error
        if not isinstance(values, list | tuple) or not values:
            raise UnfitFileError(f"get_inputs must return a list of tensors, found {type(values).__name__}")
        for place, value in enumerate(values):
            if not isinstance(value, torch.Tensor):
                raise UnfitFileError(
                    f"input {place} of get_inputs is {type(value).__name__}; judge and worker share tensors "
                    "alone: make it an argument of Model(...) by way of get_init_inputs"
                )
        elsewhere = [str(place) for place, value in enumerate(values) if value.device.type != "meta"]
        if elsewhere:
            self._remark(
                f"get_inputs makes input {', '.join(elsewhere)} on the CPU whatever the default device: each "
                "draw is copied to the card, which takes longer."
            )
        return loading_s

    def _followed(self, sizes: Sizes) -> Followed:
        try:
            return self._subject.follow(sizes)
        except UnfitFileError:
            raise
        except Exception as error:
            raise UnfitFileError(
                f"its forward cannot be followed without data: {described(error, self._folder)}"
            ) from error

    def _scaled(self, scale: float | None) -> Sizes:
        if scale is None:
            return self._shrinking.seed
        sizes = self._shrinking.scaled(scale)
        if sizes is None:
            raise UnfitFileError(
                f"no module-level sizes are found that shrink its tensors to {scale:g} of what they are; "
                "sizes are numbers that only get_inputs and get_init_inputs read"
            )
        return sizes

    def _require_one_answer(self, sizes: Sizes) -> None:
        """One answer for the same state and inputs, whatever ran before.

        Raises:
            UnfitFileError: there is none even in the mode of `eval()`.
        """
        reason = self._no_single_answer(sizes)
        if reason is None:
            return
        self._subject.training = False
        if self._no_single_answer(sizes) is not None:
            raise UnfitFileError(reason)
        self._remark(
            f"As constructed, {reason}. Judged in the mode of eval(), to which solutions are set too."
        )

    def _require_fresh_inputs(self, sizes: Sizes) -> None:
        """Another seed, other inputs: else a call could be answered from the one before.

        Raises:
            UnfitFileError: all inputs are the same.
        """
        with seeded(1):
            first = self._subject.inputs(sizes)
        with seeded(2):
            second = self._subject.inputs(sizes)
        if alike(first, second):
            raise UnfitFileError(
                "get_inputs gives the same inputs on every call, whatever the seed: draw them with torch's "
                "generators, and leave seeds (torch.manual_seed, a numpy generator) to the suite"
            )

    def _no_single_answer(self, sizes: Sizes) -> str | None:
        subject = self._subject
        try:
            with seeded(1):
                model, inputs = subject.model(sizes, "cpu"), subject.inputs(sizes)
                first = subject.run(model, inputs)
            with seeded(2):
                again = subject.run(model, inputs)
                other = subject.model(sizes, "cpu")
                other.load_state_dict(model.state_dict())
                elsewhere = subject.run(other, inputs)
                with torch.no_grad():
                    model(*[value.clone() for value in inputs])
                later = subject.run(model, inputs)
        except UnfitFileError:
            raise
        except Exception as error:
            raise UnfitFileError(
                f"at small sizes {sizes} it raises {described(error, self._folder)}"
            ) from error
        if not alike(first, again):
            return "two calls on the same inputs differ (dropout, or another draw in forward)"
        if not alike(first, elsewhere):
            return (
                "its outputs depend on something random that is neither a parameter nor a buffer: use "
                "register_buffer, so that a solution can be given the same"
            )
        if not alike(first, later):
            return "its outputs depend on the calls before"
        return None

    def _usable(self, smallest: Sizes, small: Sizes) -> Sizes:
        try:
            self._trials.errors(smallest, "given", draws=1)
        except Exception:
            return small
        return smallest

    def _distributions(self, small: Sizes) -> list[str]:
        """Standard normal draws too, if the file draws uniform ones and is as exact with them."""
        subject = self._subject
        with seeded(3):
            given = subject.inputs(small)
        with seeded(3):
            normal = subject.inputs(small, "normal")
        if alike(given, normal):
            return ["given"]
        trials = self._trials
        own = max(trials.errors(small, "given"), 1e-6)
        if trials.errors(small, "normal") > 32 * own or not trials.stays_finite(small, "normal"):
            self._remark("Standard normal inputs are not tried: the task is ill-conditioned for them.")
            return ["given"]
        return ["given", "normal"]

    def _large(self, tried: list[Sizes], other: str, tolerance: dict[str, float] | str) -> list[str]:
        """Large inputs too, if a right answer stays within the bounds that the other distributions gave.

        Whole numbers alone tell nothing more on them: where values saturate they tie.
        """
        subject = self._subject
        with seeded(3):
            given = subject.inputs(tried[0])
        with seeded(3):
            large = subject.inputs(tried[0], "large")
        if isinstance(tolerance, str) or alike(given, large):
            return []
        why = next((why for sizes in tried if (why := self._not_large(sizes, other, tolerance))), None)
        if why is None:
            return ["large"]
        self._remark(
            f"Inputs {subject.draft.LARGE} times as large are not tried: {why}. A kernel that fails on large "
            "numbers alone, such as an exponential that overflows, may pass."
        )
        return []

    def _not_large(self, sizes: Sizes, other: str, tolerance: dict[str, float]) -> str | None:
        """Why large inputs are not for this task; None: it keeps well within its bounds, or as `other`."""
        classes: list[tuple[str, float, Rounding | None]] = [
            ("the reference itself", next(iter(tolerance.values())) / MARGIN, None)
        ]
        if "tf32" in tolerance:
            classes.append(("an answer in TF32", tolerance["tf32"] / TF32_ROOM, to_tf32))
        for who, within, rounding in classes:
            try:
                need = self._trials.judged(sizes, "large", rounding)
                if need <= within or need <= AS_EXACT * self._trials.judged(sizes, other, rounding):
                    continue
            except Exception as error:
                return f"there it raises {described(error, self._folder)}"
            if math.isinf(need):
                return "there an output overflows, is no number, or is decided by rounding"
            return f"{who} would need a bound of {need:.1e} there"
        return None

    def _tolerance(
        self, checks: dict[str, Sizes], distributions: list[str], at_seed: Followed, at_small: Followed
    ) -> tuple[dict[str, float] | str, str]:
        dtypes = at_seed.output_dtypes
        if any(dtype == torch.float64 for dtype in dtypes):
            raise UnfitFileError(
                "an output is float64, for which there is no precision class; return float32"
            )
        if not any(dtype.is_floating_point for dtype in dtypes):
            return tolerance_of(dtypes, 0.0, None, 1, 1)
        own = max(self._trials.errors(sizes, name) for sizes in checks.values() for name in distributions)
        rounded = None
        if at_seed.product_flops:
            small, last = checks["small"], distributions[-1]
            tf32 = self._trials.errors(small, last, rounding=to_tf32)
            rounded = tf32, self._trials.errors_of_bf16_inputs(small, last)
        if own > 0.01 and not any(dtype in (torch.bfloat16, torch.float16) for dtype in dtypes):
            raise UnfitFileError(
                f"the reference itself errs by {own:.1e} against float64 at small sizes: it is too "
                "ill-conditioned to tell right from wrong"
            )
        return tolerance_of(dtypes, own, rounded, at_seed.longest_sum, at_small.longest_sum)

    def _distribution_of_seed(
        self,
        small: Sizes,
        distributions: list[str],
        tolerance: dict[str, float] | str,
        at_seed: Followed,
        at_small: Followed,
    ) -> dict[str, str]:
        """Normal inputs, if an answer that ignores or rounds the file's own would come near."""
        if isinstance(tolerance, str):
            return {}
        spreads = self._trials.spreads(small)
        if not spreads:
            return {}
        shrink = (max(1, at_small.longest_sum) / max(1, at_seed.longest_sum)) ** 0.5
        near, bound = min(spreads) * shrink, max(tolerance.values())
        coarse = math.inf
        if at_seed.product_flops:
            coarse = self._trials.errors_of_bf16_inputs(small, "given") * shrink
        if near > 2 * bound and coarse > 1.1 * bound:
            return {}
        what, error = ("rounds them to bfloat16", coarse) if near > 2 * bound else ("ignores them", near)
        text = (
            f"On the file's own inputs an answer that {what} would be off by about {error:.1e} (bound "
            f"{bound:.1e})"
        )
        if "normal" not in distributions:
            self._remark(f"{text}: a passed workload proves less.")
            return {}
        self._remark(f"{text}; inputs are drawn from the standard normal instead.")
        return {"distribution": "normal"}

    def _try_zeros(self) -> None:
        """Do zeros pass what KernelBench asks? At sizes that a CPU computes, the batch reduced first."""
        first = self._shrinking.follow(self._shrinking.seed)
        if first is None:
            return
        room = min(MOST_REAL_BYTES / 4 / first.elements, MOST_REAL_FLOPS / max(1, first.flops))
        sizes = self._shrinking.scaled(min(1.0, room))
        if sizes is None:
            return
        with seeded(6):
            try:
                outputs = self._subject.run(self._subject.model(sizes, "cpu"), self._subject.inputs(sizes))
            except Exception:
                return
        zeros = [torch.zeros_like(t) for t in outputs]
        bound = KERNELBENCH_TOLERANCE
        if all(torch.allclose(t, z, rtol=bound, atol=bound) for t, z in zip(outputs, zeros, strict=True)):
            largest = max(float(t.abs().max()) for t in outputs)
            self._remark(
                f"Zeros pass at KernelBench's own tolerance ({bound:g}): no output exceeds {largest:.1e} at "
                f"{sizes or 'its sizes'}. Here they are an error of 100 %."
            )


def memory_bytes(found: Followed) -> int:
    """What judging holds on the card at its worst: inputs and state, narrow and wide, and the forwards."""
    judge = found.input_bytes + 2 * found.float_input_bytes + 6 * found.state_bytes + 2 * found.peak_bytes
    workers = 2 * found.state_bytes + 2 * found.peak_bytes + 2 * found.output_bytes
    return judge + workers + COMPARE_BYTES * found.largest_output + CONTEXT_BYTES
