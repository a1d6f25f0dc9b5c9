"""Take the README's pictures of the pages, with Debian's Chromium.

    bench report && python scripts/take_screenshots.py

They show reports/html as it is; take them again when the pages change.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "screenshots"
SIZE = {"width": 1180, "height": 760}
SHOTS = (
    ("index", "index.html", "light", "h1"),
    ("problem", "problems/matmul_large_k/index.html", "light", "h1"),
    ("charts", "problems/matmul_large_k/index.html", "dark", "figure[data-figure=latency]"),
    ("solution", "problems/matmul_large_k/final.html", "light", "#inspect"),
    ("compare", "compare.html#problem=argmin&a=final&b=block_stage", "light", "h1"),
    ("method", "method.html", "light", "section h3"),
)
"""(file, page, theme, what stands at the top)."""


def main() -> None:
    """See the top of this file."""
    OUT.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, address, theme, top in SHOTS:
            page = browser.new_page(viewport=SIZE, color_scheme=theme)
            file, _, rest = address.partition("#")
            page.goto((ROOT / "reports" / "html" / file).as_uri() + f"#{rest}")
            page.wait_for_timeout(500)
            for chart in page.locator("figure .chart:visible").all():
                chart.scroll_into_view_if_needed()
                chart.locator("svg.main-svg").first.wait_for(state="attached")
            place = page.locator(top).first
            place.evaluate(
                "(e) => scrollTo({top: e.getBoundingClientRect().top + scrollY - 70, behavior: 'instant'})"
            )
            page.wait_for_timeout(700)
            page.screenshot(path=OUT / f"{name}.png")
            print(name, (OUT / f"{name}.png").stat().st_size // 1000, "kB")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
