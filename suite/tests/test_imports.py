"""The rules of the house that imports show. All but the last test only read the sources."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from suite.analysis import process as inspecting
from suite.kernelbench import process as deriving

ROOT = Path(__file__).parents[2]
# Lowest first: a module imports from lower layers or from its own package, and a new one needs a place here.
# Of two entries that fit a module the longer one counts.
LAYERS = (
    {"records"},
    {
        "counters",
        "finding",
        "gpus",
        "judge.compare",
        "judge.namespace",
        "judge.plan",
        "judge.sandbox",
        "lines",
        "logs",
        "machine",
        "names",
        "result",
        "stages.answer",
        "stages.source",
        "stats",
        "versions",
    },
    {
        "ab",
        "child",
        "gpu_findings",
        "judge_process",
        "problem",
        "profile",
        "roofline",
        "stages.output_rules",
        "store",
        "worker",
    },
    {"doctor", "kernelbench", "profile_store", "published", "roofs", "solution"},
    {"authoring", "foreign", "judge", "matching", "rows", "runner", "submission"},
    {"calibration", "leaderboard", "profiling"},
    {"benchmarks", "evaluation", "tables"},
    {"analysis", "benchmark_sources", "evaluator", "profile_tables", "replay"},
    {"stages"},
    {"optimize", "report"},
    {"cli", "pytest_plugin"},
    {"__main__"},
)
HEAVY = {"torch", "triton"}
BANNED_WORDS = {"efficiency", "gbps", "perf", "score", "scores"}
FILE_LOADERS = {
    "suite/analysis/child/session.py",
    "suite/judge/contract.py",
    "suite/kernelbench/child/subject.py",
    "suite/worker/solution_host.py",
}
CHILDREN = r"suite\.(judge|worker|(analysis|kernelbench)\.child)\b"  # they run in processes of their own


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = [path for path in sorted((ROOT / "suite").rglob("*.py")) if "tests" not in path.parts]
TREES = {module_of(path): ast.parse(path.read_text(encoding="utf-8"), str(path)) for path in PATHS}
FILES = {module_of(path): path.relative_to(ROOT).as_posix() for path in PATHS}
HOST = [name for name in TREES if not re.match(CHILDREN, name)] + ["suite.judge.plan"]


def walk(node: ast.AST, *, inside_functions: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if inside_functions or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from walk(child, inside_functions=inside_functions)


def imports(module: str, *, inside_functions: bool) -> set[str]:
    """What `module` imports, as full module names; a package counts where one of its own names is meant."""
    found = set()
    for node in walk(TREES[module], inside_functions=inside_functions):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative imports hide where they point"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in TREES else str(node.module) for name in names}
    return found


TOP_LEVEL = {module: imports(module, inside_functions=False) for module in TREES}
ANYWHERE = {module: imports(module, inside_functions=True) for module in TREES}


def roots(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def loaded_with(module: str) -> set[str]:
    """Everything that importing `module` imports in turn; the packages around a module run too."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            parents = {name.rpartition(".")[0]} - {""}
            waiting += [*TOP_LEVEL.get(name, ()), *parents]
    return seen


def layer_of(module: str) -> int:
    name = module.removeprefix("suite.")
    while name:
        for height, layer in enumerate(LAYERS):
            if name in layer:
                return height
        name = name.rpartition(".")[0]
    raise AssertionError(f"{module} has no place in LAYERS of {Path(__file__).name}")


def package_of(module: str) -> str:
    """`suite.judge` for a module in it; the module itself for one directly in the suite."""
    return ".".join(module.split(".")[:2])


@pytest.mark.parametrize(
    ("child", "needed"),
    [("suite.analysis.child", inspecting.NEEDED), ("suite.kernelbench.child", deriving.NEEDED)],
)
def test_a_confined_child_finds_all_that_it_imports(child, needed):
    """It sees a copy of parts of the suite alone."""
    waiting, seen = [name for name in TREES if name.startswith(child)], set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += [other for other in ANYWHERE[name] if other in TREES]
    copied = tuple(f"suite/{name}".removesuffix(".py") for name in needed)
    missing = {name for name in seen if not FILES[name].startswith(copied)}
    assert missing == set()


def test_the_sources_were_found():
    assert {"suite.cli", "suite.report", "suite.judge.session", "suite.worker.clock"} <= set(TREES)
    assert "suite.judge.plan" in TOP_LEVEL["suite.runner"]
    lazy = "suite.cli.reading_verbs"
    assert "suite.report" in ANYWHERE[lazy] - TOP_LEVEL[lazy]


def test_there_are_no_cycles():
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail[trail.index(module) :], module))
        if module not in done:
            for imported in sorted(TOP_LEVEL[module] & set(TREES)):
                visit(imported, (*trail, module))
            done.add(module)

    for module in TREES:
        visit(module, ())


@pytest.mark.parametrize("module", sorted(set(TREES) - {"suite"}))
def test_imports_point_down(module):
    for imported in ANYWHERE[module] & set(TREES):
        if package_of(imported) != package_of(module):
            assert layer_of(imported) < layer_of(module), f"{module} imports {imported}"


@pytest.mark.parametrize(
    ("package", "owner"), [("click", "suite.cli"), ("tabulate", "suite.cli"), ("plotly", "suite.report")]
)
def test_a_package_of_the_surface_has_one_owner(package, owner):
    users = {module for module in TREES if package in roots(ANYWHERE[module])}
    assert users
    assert {module for module in users if package_of(module) != owner} == set()


@pytest.mark.parametrize("module", sorted(HOST))
def test_the_host_imports_neither_torch_nor_triton(module):
    assert roots(ANYWHERE[module]) & HEAVY == set()
    assert roots(loaded_with(module)) & HEAVY == set()


@pytest.mark.parametrize("module", sorted(HOST))
def test_of_judge_and_worker_the_host_knows_the_plan_and_the_sandbox_alone(module):
    others = {name for name in ANYWHERE[module] if re.match(CHILDREN, name)}
    assert others <= {"suite.judge.namespace", "suite.judge.plan", "suite.judge.sandbox"}


def test_the_judge_starts_its_workers_before_it_imports_torch():
    assert roots(loaded_with("suite.judge.__main__")) & HEAVY == set()


@pytest.mark.parametrize("module", sorted(name for name in TREES if name.startswith("suite.worker")))
def test_the_worker_stands_alone(module):
    ours = {name for name in ANYWHERE[module] if name.split(".")[0] == "suite"}
    assert {name for name in ours if not name.startswith("suite.worker")} == set()


@pytest.mark.parametrize("module", sorted(TREES))
def test_problems_solutions_and_tests_are_never_imported_by_name(module):
    assert roots(ANYWHERE[module]) & {"problems", "solutions", "conftest"} == set()
    assert not any(name.startswith("suite.tests") for name in ANYWHERE[module])


def test_three_modules_load_files():
    users = {
        FILES[module]
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if getattr(node, "attr", getattr(node, "name", None)) == "spec_from_file_location"
    }
    assert users == FILE_LOADERS


@pytest.mark.parametrize("module", sorted(TREES))
def test_nothing_else_runs_code_from_elsewhere(module):
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "id", None)
            assert called not in {"eval", "exec", "__import__", "compile"}, f"line {node.lineno}"
            attribute = getattr(node.func, "attr", None)
            assert attribute not in {"import_module", "run_path", "run_module"}, f"line {node.lineno}"
    assert roots(ANYWHERE[module]) & {"pickle", "marshal", "runpy", "dill", "cloudpickle"} == set()


TESTS = ROOT / "suite" / "tests"


def loaded_with_test(path: Path) -> set[str]:
    """Everything that importing a file of the tests imports in turn."""
    found: set[str] = set()
    waiting, seen = [path], set()
    while waiting:
        file = waiting.pop()
        seen.add(file)
        for node in walk(ast.parse(file.read_text(encoding="utf-8")), inside_functions=False):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
            for name in names:
                found |= loaded_with(name)
                helper = TESTS / f"{name.removeprefix('suite.tests.')}.py"
                waiting += [helper] if helper.is_file() and helper not in seen else []
    return found


@pytest.mark.parametrize("path", sorted(TESTS.glob("test_*.py")), ids=lambda path: path.stem)
def test_only_tests_of_pages_need_what_draws_them(path):
    """A machine that only judges may lack plotly; `conftest.py` leaves the tests of pages out there.

    Any other file that needs it would end the collection, and no test would run on that machine's GPU.
    """
    assert path.stem.startswith("test_report_") or "plotly" not in roots(loaded_with_test(path))


def defined_names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every name that a module gives to something, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno
        elif isinstance(node, ast.alias) and node.asname:
            yield node.asname, 0


def words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("peak_gbps", {"peak", "gbps"}),
        ("GPUScore", {"gpu", "score"}),
        ("speed_of_light_ms", {"speed", "of", "light", "ms"}),
    ],
)
def test_names_fall_into_words(name, expected):
    assert words(name) == expected


@pytest.mark.parametrize(
    "path", sorted((ROOT / "suite").rglob("*.py")), ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_the_field_s_words_are_used(path):
    names = list(defined_names(ast.parse(path.read_text(encoding="utf-8"))))
    assert [(name, line) for name, line in names if words(name) & BANNED_WORDS or name == "speed"] == []


def loaded_by(statement: str) -> set[str]:
    """The top-level packages that a fresh interpreter has loaded after `statement`."""
    code = f"{statement}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    finished = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(finished.stdout.split())


def test_the_command_starts_without_torch_triton_and_plotly():
    assert loaded_by("import suite.cli") & {"torch", "triton", "plotly"} == set()


def test_the_whole_host_is_imported_without_torch_triton_and_plotly():
    host = sorted(set(HOST) - {"suite.__main__"})
    assert loaded_by(f"import {', '.join(host)}") & (HEAVY | {"plotly"}) == set()
