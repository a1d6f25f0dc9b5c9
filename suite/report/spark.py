"""Small drawings inside a line of text, as SVG: no script needed."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from suite.report.history import Step

WIDTH, HEIGHT, EDGE = 150, 34, 4


def sparkline(steps: Sequence[Step]) -> Markup:
    """The best over time as a staircase, one tread a step, from 0 to 1; its title says the same in words.

    Steps are spaced evenly: records fall in a burst on one day and then not for months.
    """
    if not steps:
        return Markup("")
    best, points = 0.0, []
    for step in steps:
        best = max(best, step.fraction_of_peak)
        points.append(best)
    tread = (WIDTH - 2 * EDGE) / len(points)
    parts = []
    for place, value in enumerate(points):
        y = HEIGHT - EDGE - min(value, 1) * (HEIGHT - 2 * EDGE)
        x = EDGE + place * tread
        parts.append(f"{x:.1f},{y:.1f} {x + tread:.1f},{y:.1f}")
    text = (
        f"best fraction of peak over time: {points[0]:.3f} to {points[-1]:.3f} in {len(points)} "
        f"{'step' if len(points) == 1 else 'steps'}"
    )
    return Markup(
        '<svg class="spark" preserveAspectRatio="xMinYMid" viewBox="0 0 {} {}" width="{}" height="{}" '
        'role="img" aria-label="{}">'
        '<title>{}</title><line x1="0" x2="{}" y1="{}" y2="{}"></line><polyline points="{}"></polyline></svg>'
    ).format(WIDTH, HEIGHT, WIDTH, HEIGHT, text, text, WIDTH, EDGE, EDGE, " ".join(parts))
