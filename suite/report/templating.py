"""Jinja2, with the report's own filters: every value is escaped unless it is markup by construction."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from suite.report import spark, text
from suite.report.names import origin


def page(template: str, **values: Any) -> str:
    """A page as text."""
    return _environment().get_template(template).render(**values)


def json_block(value: Any) -> Markup:
    """JSON for a `<script type="application/json">`: nothing in it can end the element or open another."""
    return Markup(_script_safe(value))  # noqa: S704 - no "<", ">" or "&" is left


def script(call: str, *values: Any) -> str:
    """A file that calls a function of the pages' script with data; it runs, so its data must stay data."""
    return f"{call}({','.join(map(_script_safe, values))});\n"


def _script_safe(value: Any) -> str:
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)  # ASCII alone: line separators too
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for function in (
        text.significant,
        text.fraction,
        text.factor,
        text.interval,
        text.inline_code,
        text.card,
        text.shown,
        text.clipped,
        text.breakable,
        text.leader_summary,
        spark.sparkline,
        origin,
    ):
        environment.filters[function.__name__] = function
    return environment
