"""Leaderboard pages that open from disk, with no server and no network."""

from suite.report.pages import ReportProblem, render

__all__ = ["ReportProblem", "render"]
