"""How a session ends its workers; nothing stands behind them, and nothing is judged."""

import dataclasses

import pytest

from suite import runner
from suite.judge.session import Session
from suite.problem import Problem
from suite.runner import RunOptions
from suite.solution import find_solutions


class Worker:
    """Notes what is done to it."""

    sandbox = "none"

    def __init__(self, name, steps):
        self._name, self._steps = name, steps

    def kill(self):
        self._steps.append((self._name, "kill"))

    def close(self):
        self._steps.append((self._name, "close"))


@pytest.fixture
def ended(tiny_root, monkeypatch):
    """A function that runs a session of two solutions, and how each worker ended."""
    problem = Problem("row_argmin", tiny_root / "problems" / "row_argmin")
    solution = find_solutions(tiny_root, problem)[0]
    solutions = [dataclasses.replace(solution, name=name) for name in ("first", "second")]
    plan = runner.make_plan(
        tiny_root, problem, solutions, RunOptions("cuda", ("seed",), sandbox="none"), "run-1"
    )
    steps = []

    def run(bench=Session._rival_worker):
        monkeypatch.setattr(Session, "_start", lambda *_: None)
        monkeypatch.setattr(Session, "_bench", lambda session, *_: bench(session))
        spawn = lambda entry: Worker(entry.name, steps)  # noqa: E731
        Session(dataclasses.replace(plan, device="cpu"), lambda _event: None, spawn).run()

    return run, steps


def test_the_last_solution_and_the_reference_end_at_the_same_time(ended):
    run, steps = ended
    run()
    assert steps == [
        ("first", "close"),
        ("reference-rival", "kill"),
        ("second", "close"),
        ("reference-rival", "close"),
    ]


def test_every_worker_is_closed_when_the_judge_itself_fails(ended):
    run, steps = ended

    def fail(session):
        session._rival_worker()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(fail)
    assert steps == [("first", "close"), ("reference-rival", "close")]
