"""Leaderboard pages that open from disk, with no server and no network."""

from suite.report.pages import NoPlotlyError, Rendered, printed, render
from suite.report.site import Site, SiteProblem, read_site

__all__ = ["NoPlotlyError", "Rendered", "Site", "SiteProblem", "printed", "read_site", "render"]
