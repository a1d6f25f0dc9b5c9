"""A problem's standing for other programs: CSV, JSON, a badge, github-action-benchmark, and Markdown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from suite.leaderboard import Board
from suite.report.names import origin
from suite.report.records import ProblemPages
from suite.report.text import card, factor, fraction, listed, significant
from suite.result import Result, Status
from suite.rows import Cell, Row

SCHEMA = 1
COLUMNS = (
    "problem", "device", "workload", "solution", "author", "stage", "origin", "status", "precision", "rank",
    "latency_ms", "latency_low_ms", "latency_high_ms", "speed_of_light_ms", "fraction_of_peak",
    "fraction_of_measured_roof", "fraction_of_rtx_4090_peak", "achieved_gb_per_s", "achieved_tflops",
    "speedup", "speedup_low", "speedup_high", "flags", "reason", "created", "sha256", "board",
)  # fmt: skip
"""Of the CSV and of each JSON record; `rank` is that on the workload."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the start of a formula."""
NEAR = (0.9, 0.7, 0.4)
"""Fractions of peak from which a badge is green, and so on down."""


def records(pages: ProblemPages) -> list[dict[str, Any]]:
    """One record a device, solution and workload, failures included; `check` is the check tier."""
    return [_record(device.views, result) for device in pages.devices for result in device.results]


def _record(views: Mapping[str, Board], result: Result) -> dict[str, Any]:
    row, cell = _place(views.get(result.workload), result.solution)
    low_high = result.latency_ci_ms or (None, None)
    speedup = (cell.speedup_ci if cell else None) or (None, None)
    values: tuple[Any, ...] = (
        result.problem, result.device, result.workload, result.solution, result.author, result.stage,
        origin(result.stage), result.status.value, result.precision, row.rank if row else None,
        result.latency_ms, *low_high,
        cell.speed_of_light_ms if cell else None,
        cell.fraction_of_peak if cell else None,
        cell.fraction_of_measured_roof if cell else None,
        cell.fraction_of_rtx_4090_peak if cell else None,
        cell.achieved_gb_per_s if cell else None,
        cell.achieved_tflops if cell else None,
        cell.speedup if cell else None, *speedup,
        list(result.flags), result.reason, result.created, result.sha256,
        result.environment.board,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def _place(view: Board | None, solution: str) -> tuple[Row | None, Cell | None]:
    row = next((row for row in view.rows if row.solution == solution), None) if view else None
    return row, row.cells[0] if row else None


def to_csv(found: Iterable[dict[str, Any]]) -> str:
    """The records as CSV. Text that a spreadsheet would run as a formula gets a leading apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for record in found:
        writer.writerow([_csv_value(record[name]) for name in COLUMNS])
    return out.getvalue()


def _csv_value(value: Any) -> Any:
    if isinstance(value, list):
        value = " ".join(value)
    if isinstance(value, str) and value.startswith(FORMULA):
        return "'" + value
    return "" if value is None else value


def to_json(pages: ProblemPages, found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The records as a JSON object, with what each device was."""
    devices = {
        device.name: {
            "card": card(device.board),
            "driver": device.board.environment.driver,
            "cuda": device.board.environment.cuda,
            "torch": device.board.environment.torch,
            "triton": device.board.environment.triton,
            "peak_gb_per_s": device.board.gpu.peak_gb_per_s if device.board.gpu else None,
            "read_roof_gb_per_s": device.board.roofs.read_gb_per_s if device.board.roofs else None,
            "newest": device.board.newest,
        }
        for device in pages.devices
    }
    return {"schema": SCHEMA, "problem": pages.problem.name, "devices": devices, "records": list(found)}


def badge(pages: ProblemPages) -> dict[str, Any]:
    """For Shields' endpoint: the best fraction of peak of a ranked solution on the first timed device."""
    for device in pages.devices:
        ranked = [row for row in device.board.rows if row.rank is not None and row.stage != "reference"]
        share = max((row.fraction_of_peak or 0 for row in ranked), default=0)
        if share:
            colours = dict(zip(NEAR, ("brightgreen", "green", "yellow"), strict=True))
            colour = next((name for least, name in colours.items() if share >= least), "orange")
            message = f"{share:.1%} of {card(device.board)} peak"
            return _badge(pages.problem.name, message, colour)
    return _badge(pages.problem.name, "not measured", "lightgrey")


def _badge(label: str, message: str, colour: str) -> dict[str, Any]:
    return {"schemaVersion": 1, "label": label, "message": message, "color": colour}


def smaller_is_better(all_pages: Iterable[ProblemPages]) -> list[dict[str, Any]]:
    """What github-action-benchmark takes as `customSmallerIsBetter`: a latency for each row and workload."""
    return [
        {
            "name": f"{pages.problem.name} / {row.solution} / {cell.workload} ({device.name})"[:300],
            "unit": "ms",
            "value": cell.latency_ms,
            "range": f"± {significant((cell.latency_ci_ms[1] - cell.latency_ci_ms[0]) / 2)}",
            "extra": f"fraction of peak: {fraction(cell.fraction_of_peak)}\nsha256: {row.sha256}",
        }
        for pages in all_pages
        for device in pages.devices
        for row in device.board.rows
        for cell in row.cells
    ]


def markdown(pages: ProblemPages, device_name: str | None = None) -> str:
    """The ranking of a problem for a pull request's comment: a table a device, failures below it."""
    parts = [f"## {as_code(pages.problem.name)}"]
    devices = [device for device in pages.devices if device_name in (None, device.name)]
    for device in devices:
        parts += _markdown_board(device.board)
    if not devices:
        parts.append("No results.")
    return "\n\n".join(parts) + "\n"


def _markdown_board(standing: Board) -> list[str]:
    made = standing.environment
    versions = ", ".join(
        f"{name} {version}"
        for name, version in (("driver", made.driver), ("torch", made.torch), ("Triton", made.triton))
        if version
    )
    parts = [f"**{card(standing)}** ({versions}; newest result {standing.newest[:10]})"]
    if standing.workloads:
        parts.append(_markdown_ranking(standing))
        parts.append(
            f"Means are geometric, over {listed([as_code(name) for name in standing.workloads], 12)}. "
            "Rows whose 95 % intervals overlap share a rank."
        )
    elif standing.rows:
        passed = [as_code(row.solution) for row in standing.rows]
        parts.append(f"Passed, not timed: {listed(passed, 40)}.")
    failed = [failure for failure in standing.failures if failure.status is not Status.UNSUPPORTED]
    if failed:
        lines = [
            f"| {as_code(failure.solution)} | {as_code(failure.workload)} | {failure.status.value} | "
            f"{as_code(failure.reason, 300)} |"
            for failure in failed
        ]
        parts.append(
            "\n".join(["| not passed | workload | status | reason |", "| --- | --- | --- | --- |", *lines])
        )
    return parts


def _markdown_ranking(standing: Board) -> str:
    head = ("rank", "solution", "author", "class", "mean latency, ms", "fraction of peak", "of measured roof",
            "x RTX 4090 peak", "speedup", "flags")  # fmt: skip
    lines = [f"| {' | '.join(head)} |", "| --: | --- | --- | --- | --: | --: | --: | --: | --: | --- |"]
    for row in standing.rows:
        cells = (
            str(row.rank) if row.rank is not None else "",
            as_code(row.solution),
            as_code(row.author) if row.author else "",
            row.precision or "exact",
            significant(row.geomean_latency_ms),
            fraction(row.fraction_of_peak),
            fraction(row.fraction_of_measured_roof),
            factor(row.fraction_of_rtx_4090_peak),
            factor(row.speedup),
            " ".join(as_code(flag) for flag in (*row.flags, *(() if row.complete else ("incomplete",)))),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def as_code(text: str, limit: int = 80) -> str:
    """A stranger's text where Markdown reads nothing: no links, no mentions, no tags, no new columns."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * limit]).split())
    plain = plain.replace("`", "'").replace("|", "\\|")
    cut = plain if len(plain) <= limit else plain[: limit - 1].rstrip("\\") + "…"
    return f"`{cut}`" if cut else ""


def as_text(all_pages: Sequence[ProblemPages], form: str, device: str | None = None) -> str:
    """The printed form of a report.

    A JSON form of one problem is that problem's object; of several a list of them.
    """
    if form == "markdown":
        return "\n".join(markdown(pages, device) for pages in all_pages)
    if form == "csv":
        return to_csv(record for pages in all_pages for record in records(pages))
    if form == "benchmark-action":
        return dumped(smaller_is_better(all_pages))
    objects = [badge(pages) if form == "badge" else to_json(pages, records(pages)) for pages in all_pages]
    return dumped(objects[0] if len(objects) == 1 else objects)


def dumped(value: Any) -> str:
    """JSON for a file."""
    return json.dumps(value, indent=1, allow_nan=False) + "\n"
