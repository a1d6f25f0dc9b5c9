import pytest

from suite.problem import (
    Problem,
    ProblemFolderError,
    UnknownNameError,
    Workload,
    find_problem,
    find_problems,
)

GOOD = '{"seed": {"tier": "bench", "axes": {"rows": 3}}}'


@pytest.fixture
def problem(tmp_path):
    """A function that makes a problem with the given text as its inputs.py."""

    def make(source):
        folder = tmp_path / "problems" / "toy"
        folder.mkdir(parents=True, exist_ok=True)
        content = source if isinstance(source, bytes) else source.encode()
        (folder / "inputs.py").write_bytes(content)
        return Problem("toy", folder)

    return make


def test_workloads_come_in_the_order_of_the_file(tiny_root):
    assert find_problem(tiny_root, "row_argmin").workloads == (
        Workload("seed", "bench", {"rows": 65536, "cols": 4096}),
        Workload("small", "check", {"rows": 5, "cols": 37}),
        Workload("wide", "check", {"rows": 2, "cols": 129}),
    )


def test_only_bench_workloads_are_timed(tiny_root):
    assert find_problem(tiny_root, "row_argmin").bench_workloads == ("seed",)


def test_a_workload_is_found_by_its_name(tiny_root):
    assert find_problem(tiny_root, "row_argmin").workload("wide").axes == {"rows": 2, "cols": 129}


@pytest.mark.parametrize(
    ("name", "hint"),
    [("smal", "did you mean 'small'?"), ("zzz", "there are: seed, small, wide")],
)
def test_an_unknown_workload_gets_a_hint(tiny_root, name, hint):
    with pytest.raises(UnknownNameError) as error:
        find_problem(tiny_root, "row_argmin").workload(name)
    assert str(error.value) == f"problem 'row_argmin' has no workload {name!r}; {hint}"


def test_an_unknown_problem_gets_a_hint(tiny_root):
    with pytest.raises(UnknownNameError) as error:
        find_problem(tiny_root, "row_argmax")
    assert str(error.value) == "there is no problem 'row_argmax'; did you mean 'row_argmin'?"


def test_a_checkout_without_problems(tmp_path):
    assert find_problems(tmp_path) == []
    with pytest.raises(UnknownNameError) as error:
        find_problem(tmp_path, "argmin")
    assert str(error.value) == "there is no problem 'argmin'; there are none"


def test_problems_are_folders_with_inputs_by_name(tmp_path):
    for name in ("b", "a", "no_inputs"):
        (tmp_path / "problems" / name).mkdir(parents=True)
    for name in ("b", "a"):
        (tmp_path / "problems" / name / "inputs.py").write_text(f"WORKLOADS = {GOOD}")
    (tmp_path / "problems" / "README.md").write_text("# Problems")
    assert [problem.name for problem in find_problems(tmp_path)] == ["a", "b"]


def test_the_module_is_read_and_never_run(problem):
    source = f"import no_such_module\nraise SystemExit\nWORKLOADS = {GOOD}\n"
    assert problem(source).workloads == (Workload("seed", "bench", {"rows": 3}),)


def test_an_annotated_literal_counts(problem):
    assert problem(f"WORKLOADS: dict = {GOOD}").workloads[0].name == "seed"


@pytest.mark.parametrize(
    "source", ["# MEMORY_BYTES and CUSTOM_KERNEL", "print('MEMORY_BYTES', 'CUSTOM_KERNEL')"]
)
def test_what_is_mentioned_is_not_declared(problem, source):
    found = problem(f"{source}\nWORKLOADS = {GOOD}")
    assert (found.memory_bytes, found.custom_kernel) == ({}, None)
    found = problem(f'{source}\nMEMORY_BYTES = {{"seed": 7}}\nCUSTOM_KERNEL: str = "inputs"')
    assert (found.memory_bytes, found.custom_kernel) == ({"seed": 7}, "inputs")


def test_a_file_that_is_not_utf_8_is_named(problem):
    broken = problem("")
    path = broken.folder / "inputs.py"
    path.write_bytes(b"# \xff")
    with pytest.raises(ProblemFolderError) as error:
        _ = broken.memory_bytes
    assert str(error.value).startswith(f"{path}: cannot be read: 'utf-8' codec can't decode byte 0xff")


def workload_text(entry, name="odd"):
    return f'WORKLOADS = {{"seed": {{"tier": "bench", "axes": {{}}}}, {name!r}: {entry}}}'


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", ": WORKLOADS is missing"),
        ("workloads = {}", ": WORKLOADS is missing"),
        ("def f():\n    WORKLOADS = {}", ": WORKLOADS is missing"),
        ("WORKLOADS: dict", ": WORKLOADS is missing"),
        ("WORKLOADS = {}", ": WORKLOADS must be a dict with at least one entry"),
        ("WORKLOADS = ['seed']", ": WORKLOADS must be a dict with at least one entry"),
        ("WORKLOADS = {[1]: 2}", ": WORKLOADS must be a literal: unhashable type: 'list'"),
        ("x = 1\nWORKLOADS = {", ":2: not Python: '{' was never closed"),
        ('WORKLOADS = {"small": {"tier": "check", "axes": {}}}', ": WORKLOADS has no workload 'seed'"),
        ('WORKLOADS = {"seed": {"tier": "check", "axes": {}}}', ": workload 'seed' must be of tier 'bench'"),
        (
            workload_text('{"tier": "check", "axes": {}}', name=""),
            ": a workload's name must be a string other than 'check' and 'edge_cases', found ''",
        ),
        (
            workload_text('{"tier": "check", "axes": {}}', name=7),
            ": a workload's name must be a string other than 'check' and 'edge_cases', found 7",
        ),
        (
            workload_text('{"tier": "check", "axes": {}}', name="check"),
            ": a workload's name must be a string other than 'check' and 'edge_cases', found 'check'",
        ),
    ],
)
def test_a_broken_folder_is_named_with_what_is_due(problem, source, message):
    broken = problem(source)
    with pytest.raises(ProblemFolderError) as error:
        _ = broken.workloads
    assert str(error.value) == f"{broken.folder / 'inputs.py'}{message}"


@pytest.mark.parametrize(
    "entry",
    [
        "None",
        "[]",
        '{"tier": "check"}',
        '{"axes": {}}',
        '{"tier": "huge", "axes": {}}',
        '{"tier": ["check"], "axes": {}}',
        '{"tier": "check", "axes": []}',
        '{"tier": "check", "axes": {}, "extra": 1}',
        '{"tier": "check", "axes": {"shape": (1, 2)}}',
        '{"tier": "check", "axes": {"sizes": {1, 2}}}',
        '{"tier": "check", "axes": {3: 4}}',
        '{"tier": "check", "axes": {"x": 1e999}}',
        '{"tier": "check", "axes": {"x": b"bytes"}}',
    ],
)
def test_a_workload_of_another_form_is_refused(problem, entry):
    with pytest.raises(ProblemFolderError) as error:
        _ = problem(workload_text(entry)).workloads
    assert ": workload 'odd' must be {'tier': 'check' or 'bench', 'axes': {...}}, found " in str(error.value)


def test_an_expression_is_no_literal(problem):
    with pytest.raises(ProblemFolderError, match="WORKLOADS must be a literal: malformed node"):
        _ = problem('WORKLOADS = {"seed": {"tier": "bench", "axes": {"n": 2**20}}}').workloads


def test_a_file_that_is_not_utf_8_is_refused(problem):
    with pytest.raises(ProblemFolderError, match=r"inputs\.py: cannot be read: 'utf-8' codec can't decode"):
        _ = problem(b"# \xff\nWORKLOADS = {}").workloads


@pytest.mark.parametrize(
    ("readme", "description"),
    [
        (None, ""),
        ("# Toy\n", ""),
        ("# Toy\n\nFinds the\nsmallest element.\n\nMore.\n", "Finds the smallest element."),
        ("# Toy\n\n## Why\n\nBecause.\n", "Because."),
    ],
)
def test_the_description_is_the_readme_s_first_paragraph(problem, readme, description):
    toy = problem(f"WORKLOADS = {GOOD}")
    if readme is not None:
        (toy.folder / "README.md").write_text(readme)
    assert toy.description == description
