"""Measure again what is committed under reports/, on this machine's GPU, in parts.

    python scripts/evidence.py --dry-run                      # what would run, and the seconds that it takes
    python scripts/evidence.py --out DIR                      # everything
    python scripts/evidence.py --out DIR --first              # the cheap command of each part that has one
    python scripts/evidence.py --out DIR exploits inspect     # these parts
    python scripts/evidence.py --out DIR --limit 560 results profiles

A part is one command, or a few of which the first is cheap: where it fails the others are not begun. Parts
that time nothing and read no counter run together, before the others, which have the card to themselves one
after the other. DIR/PART.tar.gz has what a part said and every file that it wrote under reports/, as soon as
one of its commands ends; unpack it in the checkout. At the end a table says what came of each part; exit code
1 where one did not do well. Seconds are those of an H200 with 16 cores, predicted where nobody has measured
them; a command that takes more than twice as long, and more than a minute, is ended.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import shlex
import signal
import stat
import subprocess
import sys
import tarfile
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SLACK = 2.0
"""A command may take so many times the seconds that it should, and `LEAST_S` in any case."""
LEAST_S = 60.0
GRACE_S = 15.0
"""For a command that was told to stop: `bench` keeps what it has and ends its judge."""
LEFT_OUT = {"html", "imported"}
MAX_LOG_BYTES = 1 << 18
"""Larger worker logs stay behind."""
SHOWN_LINES = 15
SKIPPED, LATE, UNSAID = "skipped", "late", "unsaid"
PROBLEMS = ("argmin", "argmax", "matmul_large_k")
ANSWER = (
    "file=problems/argmin/${BENCH_STAGE}_stage.py; "
    "if [ -f $file ]; then cat $file; else cat problems/argmin/final.py; fi"
)
"""Stands in for a model: each stage is answered with the graded solution."""


@dataclass(frozen=True)
class Command:
    """What follows `python` on a command line, and the seconds that it should take."""

    words: tuple[str, ...]
    expected_s: float
    must_say: str = ""
    """What it did not do well without, although it exits with 0."""

    @property
    def limit_s(self) -> float:
        """When it is ended."""
        return max(LEAST_S, SLACK * self.expected_s)

    def __str__(self) -> str:
        return f"python {shlex.join(self.words)}"


@dataclass(frozen=True)
class Part:
    """Commands in order, and what to look at afterwards."""

    name: str
    look_at: str
    commands: tuple[Command, ...]
    alone: bool = True
    """Does it time something, or read counters that only one process can have?"""
    goes_on: bool = False
    """Are the others begun even where the first fails?"""

    @property
    def expected_s(self) -> float:
        """Of all commands."""
        return sum(command.expected_s for command in self.commands)


@dataclass
class Ran:
    """What came of a part so far. `code` is that of its first command that failed, else 0."""

    part: Part
    code: int | str = SKIPPED
    seconds: float = 0.0

    @property
    def row(self) -> str:
        """A line of the summary."""
        return f"{self.part.name:14}{self.code!s:>8}{self.seconds:>8.0f}  {self.part.look_at}"


def bench(expected_s: float, words: str, must_say: str = "") -> Command:
    """A `bench` command."""
    return Command(("-m", "suite", *shlex.split(words)), expected_s, must_say)


def script(expected_s: float, words: str) -> Command:
    """One of the scripts beside this one."""
    name, *rest = shlex.split(words)
    return Command((f"scripts/{name}.py", *rest), expected_s)


def module(expected_s: float, words: str) -> Command:
    """Another module."""
    return Command(("-m", *shlex.split(words)), expected_s)


KERNELBENCH = "suite/tests/kernelbench"
BOMBS = ("disk_bomb", "fork_bomb", "memory_bomb")
"""Exploits that take all the memory or processes there are, also from what runs beside them."""
PARTS = (
    Part(
        "inspect",
        "the table at the end of the log: no differences",
        (
            script(30, "inspect_against_ncu argmin/final"),
            script(160, "inspect_against_ncu --jobs 3"),
        ),
        alone=False,
        goes_on=True,  # its exit code says that something differs, and every difference is worth knowing
    ),
    Part(
        "evaluate",
        "reports/kernelbench/evaluate.json: 30 distinct, kept; right.py passed, wrong.py incorrect",
        (
            bench(
                25,
                f"evaluate --problems {KERNELBENCH}/problems/one_input.py "
                f"--solutions {KERNELBENCH}/solutions --out reports/kernelbench/one.jsonl",
            ),
            script(340, "kernelbench_on_gpu reports/kernelbench evaluate"),
        ),
        alone=False,
    ),
    Part(
        "exploits",
        "the last line of the log: all as they must",
        (
            module(25, "suite.tests.exploit_table --device cuda library_call autotuned"),
            module(
                200,
                "suite.tests.exploit_table --device cuda --jobs 6 --out reports/exploits/nvidia-h200.md "
                + " ".join(f"--skip {name}" for name in BOMBS),
            ),
        ),
        alone=False,
    ),
    Part(
        "bombs",
        "the last line of the log: all as they must",
        (
            module(
                35,
                "suite.tests.exploit_table --device cuda --out reports/exploits/nvidia-h200-bombs.md "
                + " ".join(BOMBS),
            ),
        ),
    ),
    Part(
        "results",
        "reports/results: every graded solution passed; compare with the committed lines",
        (
            bench(8, "run --problem argmin --solution final --workload seed --no-save"),
            bench(110, "run --problem argmin"),
            bench(170, "run --problem argmax"),
            bench(200, "run --problem matmul_large_k"),
        ),
    ),
    Part(
        "profiles",
        "reports/profiles: source ncu; the grades at the end of the log",
        (
            bench(15, "profile --problem argmin --solution final --no-save --json -", '"source": "ncu"'),
            *(bench(45, f"profile --problem {name}") for name in PROBLEMS),
            *(bench(8, f"grade --problem {name}") for name in PROBLEMS),
        ),
    ),
    Part(
        "audit",
        "reports/clock/*/audit.jsonl: every second clock is ncu; within 5 % from 19 us up",
        (
            bench(
                15,
                "run --problem argmin --solution final --workload seed --audit --no-save --json -",
                '"clock": "ncu"',
            ),
            script(110, "clock_evidence audit"),
        ),
    ),
    Part(
        "problems",
        "accepted, three times",
        (bench(15, "check-problem argmin"), bench(35, "check-problem argmax matmul_large_k")),
    ),
    Part(
        "references",
        "reports/results: torch_compile, torch_compile_max and torch_tf32 passed on seed",
        (
            bench(50, "run --problem argmin --solution final --workload seed --references"),
            bench(50, "run --problem argmax --solution final --workload seed --references"),
            bench(90, "run --problem matmul_large_k --solution final --workload seed --references"),
        ),
    ),
    Part(
        "repeat",
        "reports/clock/*/repeat*.jsonl: the suite's spread against the plain loop's",
        (script(275, "clock_evidence repeat --load 20"),),
    ),
    Part(
        "seed",
        "reports/kernelbench/seed.json: intervals overlap",
        (script(60, "kernelbench_on_gpu reports/kernelbench seed"),),
    ),
    Part(
        "optimize",
        "reports/runs: what each stage's graded solution earned as an answer",
        (
            bench(
                170,
                f"optimize --problem argmin --command {shlex.quote(ANSWER)} --rounds 1 --workload seed",
            ),
        ),
    ),
    Part(
        "cost",
        "reports/cost/<device>.json: what sandbox and checks add",
        (script(70, "judging_cost"),),
    ),
    Part(
        "wall",
        "reports/cost/<device>-wall.json: where the time of a run goes",
        (script(80, "wall_time"),),
    ),
    Part(
        "benchmark",
        "pytest-benchmark's table of argmin's seed workload",
        (module(40, "pytest problems --benchmark-only --problem argmin -k seed -p no:cacheprovider"),),
    ),
    Part(
        "tests",
        "no failure; exploits and KernelBench's files are parts of their own",
        (
            module(15, "pytest -q -m gpu -p no:cacheprovider suite/tests/test_sealing.py"),
            module(
                230,
                "pytest -q -m gpu -p no:cacheprovider suite/tests --ignore suite/tests/test_exploits.py "
                "--ignore suite/tests/test_kernelbench.py",
            ),
        ),
    ),
    Part(
        "same",
        "reports/clock/*/same.jsonl: no FASTER or SLOWER",
        (script(160, "clock_evidence same"),),
    ),
    Part("roofs", "reports/roofs: within 1 % of the last", (bench(30, "calibrate"),)),
    Part(
        "endurance",
        "reports/endurance: a right one passes, nothing is left",
        (script(30, "judge_endurance --runs 12"), script(260, "judge_endurance")),
    ),
)


class Runner:
    """Runs parts; keeps what they wrote in `out`."""

    def __init__(self, out: Path, root: Path = ROOT) -> None:
        self._out = out
        self._root = root
        self._stopped = threading.Event()
        self._running: set[int] = set()

    def run(self, parts: list[Part], limit_s: float) -> list[Ran]:
        """Those that may share the card at once, then the others; all within `limit_s`."""
        self._out.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + limit_s
        everything = [Ran(part) for part in parts]
        together = [ran for ran in everything if not ran.part.alone]
        with ThreadPoolExecutor(max(1, len(together))) as pool:
            list(pool.map(lambda ran: self._part(ran, deadline), together))
        for ran in everything:
            if ran.part.alone:
                self._part(ran, deadline)
        return everything

    def stop(self) -> None:
        """End what runs and begin nothing more."""
        self._stopped.set()
        for pid in list(self._running):
            _signal(pid, signal.SIGINT)

    def _part(self, ran: Ran, deadline: float) -> None:
        began, began_s = time.time(), time.monotonic()
        log = self._root / "reports" / "logs" / "evidence" / f"{ran.part.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("")
        for place, command in enumerate(ran.part.commands):
            left_s = deadline - time.monotonic()
            if self._stopped.is_set() or left_s < command.expected_s:
                ran.code = ran.code or SKIPPED
                told(f"{ran.part.name}: not begun, {left_s:.0f} s are left: {command}")
                break
            told(f"{ran.part.name}: {command} ({command.expected_s:.0f} s)")
            code = self._command(command, min(command.limit_s, left_s - GRACE_S), log)
            ran.code = code if ran.code in (0, SKIPPED) else ran.code
            ran.seconds = time.monotonic() - began_s
            told(f"{ran.part.name}: exit code {code}, {ran.seconds:.0f} s so far")
            if code:
                told(textwrap.indent(last_lines(log), f"{ran.part.name}| "))
            files = written_since(self._root, began)
            pack(self._out / f"{ran.part.name}.tar.gz", self._root, files)
            if code and place == 0 and not ran.part.goes_on:
                break

    def _command(self, command: Command, limit_s: float, log: Path) -> int | str:
        """Its exit code; `LATE` if it had to be ended, `UNSAID` if it did not say what it must."""
        with log.open("a") as output:
            print(f"$ {command}", file=output, flush=True)
            begins = output.tell()
            process = subprocess.Popen(
                [sys.executable, *command.words],
                cwd=self._root,
                env={**os.environ, "PYTHONPATH": _python_path(self._root), "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._running.add(process.pid)
            try:
                code: int | str = process.wait(limit_s)
            except subprocess.TimeoutExpired:
                code = LATE
                _end(process)
            finally:
                self._running.discard(process.pid)
            if code == 0 and command.must_say.encode() not in log.read_bytes()[begins:]:
                code = UNSAID
                print(f"nothing says {command.must_say}", file=output)
            print(f"({code})\n", file=output, flush=True)
            return code


def written_since(root: Path, since: float) -> list[Path]:
    """Files under reports/ that were written since a moment, without pages and large logs."""
    reports = root / "reports"
    found = []
    for path in sorted(reports.rglob("*")):
        first = path.relative_to(reports).parts[0]
        try:
            state = path.lstat()
        except OSError:  # gone meanwhile
            continue
        is_large = first == "logs" and state.st_size > MAX_LOG_BYTES and path.parent.name != "evidence"
        if (
            stat.S_ISREG(state.st_mode)
            and state.st_mtime >= since - 1
            and first not in LEFT_OUT
            and not is_large
        ):
            found.append(path)
    return found


def pack(target: Path, root: Path, files: list[Path]) -> None:
    """Write an archive of files, named from the checkout; whole or not at all."""
    beside = target.with_name(f".{target.name}")
    with tarfile.open(beside, "w:gz") as archive:
        for path in files:
            with contextlib.suppress(FileNotFoundError):
                archive.add(path, str(path.relative_to(root)))
    beside.replace(target)


def last_lines(log: Path) -> str:
    """The end of what a part said."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-SHOWN_LINES:])


def told(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)


def plan_text(parts: list[Part]) -> str:
    """What would run, and how long it should take."""
    lines = []
    for part in parts:
        how = "alone" if part.alone else "with others"
        lines.append(f"{part.name} ({part.expected_s:.0f} s, {how})")
        lines += [f"    {command.expected_s:4.0f} s  {command}" for command in part.commands]
    together_s = max((part.expected_s for part in parts if not part.alone), default=0.0)
    alone_s = sum(part.expected_s for part in parts if part.alone)
    return "\n".join([*lines, f"{together_s + alone_s:.0f} s in all"])


def summary_text(everything: list[Ran]) -> str:
    """A row a part."""
    head = f"{'part':14}{'code':>8}{'seconds':>8}  look at"
    return "\n".join([head, *(ran.row for ran in everything)])


def chosen(names: list[str], only_first: bool) -> list[Part]:
    """The named parts, or all, in their order; with `only_first` the cheap command of those that have one.

    Raises:
        ValueError: there is no such part.
    """
    unknown = set(names) - {part.name for part in PARTS}
    if unknown:
        known = ", ".join(part.name for part in PARTS)
        raise ValueError(f"no such part: {', '.join(sorted(unknown))}; there are {known}")
    parts = [part for part in PARTS if not names or part.name in names]
    if not only_first:
        return parts
    return [dataclasses.replace(part, commands=part.commands[:1]) for part in parts if len(part.commands) > 1]


def main() -> int:
    """Run what is asked for; 0 if all of it did well."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="PART", help=", ".join(part.name for part in PARTS))
    parser.add_argument("--out", type=Path, metavar="DIR", help="where archives and the summary go")
    parser.add_argument(
        "--limit", type=float, default=86_400.0, metavar="S", help="seconds that all may take"
    )
    parser.add_argument(
        "--first", action="store_true", help="only the cheap command of each part that has one"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the commands and run none")
    options = parser.parse_args()
    try:
        parts = chosen(options.names, options.first)
    except ValueError as error:
        parser.error(str(error))
    if options.dry_run:
        print(plan_text(parts))
        return 0
    if options.out is None:
        parser.error("--out DIR is needed, or --dry-run")
    runner = Runner(options.out.resolve())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: runner.stop())
    everything = runner.run(parts, options.limit)
    text = summary_text(everything)
    (options.out / "summary.txt").write_text(f"{text}\n")
    print(text)
    return int(any(ran.code != 0 for ran in everything))


def _python_path(root: Path) -> str:
    return os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let it stop in order, then end it with all that it started."""
    _signal(process.pid, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_S)
    _signal(process.pid, signal.SIGKILL)
    process.wait()


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(main())
