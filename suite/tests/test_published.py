"""Figures that others published, read from a problem's folder."""

import json

import pytest

from suite.gpus import RTX_4090
from suite.problem import ProblemFolderError
from suite.published import PublishedFigure, read_published

VALUES = {
    "gpu": "rtx-4090",
    "workload": "seed",
    "source": "somebody, 2025",
    "how": "a loop",
    "figures": [{"solution": "torch eager", "latency_ms": 9.99}],
}


def written(folder, **changes):
    (folder / "published.json").write_text(json.dumps({**VALUES, **changes}))
    return folder


def test_figures_come_with_their_card_and_source(tmp_path):
    published = read_published(written(tmp_path))
    assert published.figures == (PublishedFigure("torch eager", 9.99),)
    assert (published.card, published.source) == (RTX_4090, "somebody, 2025")


def test_a_folder_without_any(tmp_path):
    assert read_published(tmp_path) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gpu": "rtx-9090"}, "gpu must be a card that we have a datasheet of, found 'rtx-9090'"),
        ({"figures": []}, "figures must hold at least one"),
        ({"source": None}, "source: expected text, found null"),
        ({"extra": 1}, "unknown key 'extra'"),
        ({"figures": [{"solution": "x", "latency_ms": 0}]}, "latency_ms must be positive, found 0"),
        (
            {"figures": [{"solution": "x", "latency_ms": True}]},
            "figures.latency_ms: expected a number, found True",
        ),
        ({"figures": [{"solution": "", "latency_ms": 1}]}, "solution must be a name, found ''"),
    ],
)
def test_what_is_not_due_is_named(tmp_path, changes, message):
    with pytest.raises(ProblemFolderError, match=message):
        read_published(written(tmp_path, **changes))


def test_a_file_that_is_no_object(tmp_path):
    (tmp_path / "published.json").write_text("[]")
    with pytest.raises(ProblemFolderError, match=r"published\.json: expected a JSON object, found a list"):
        read_published(tmp_path)
