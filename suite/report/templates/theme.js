// Figures take the page's text and line colours, now and whenever the reader switches between light and dark.
function paint() {
  const css = getComputedStyle(document.documentElement);
  const text = css.getPropertyValue("--text").trim();
  const line = css.getPropertyValue("--line").trim();
  for (const figure of document.querySelectorAll(".plotly-graph-div")) {
    Plotly.relayout(figure, {
      "font.color": text,
      "xaxis.gridcolor": line, "xaxis.linecolor": line, "xaxis.zerolinecolor": line,
      "yaxis.gridcolor": line, "yaxis.linecolor": line, "yaxis.zerolinecolor": line,
    });
  }
}
paint();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
