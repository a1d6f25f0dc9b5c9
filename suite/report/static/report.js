"use strict";
// The pages' script: theme, filters, sorting and charts. It reads data blocks and files beside the page, writes
// text alone (never markup), and asks no network. Everything it knows of the view stands in the address's hash.
const tritonpeak = (() => {
  const root = document.documentElement;
  const THEMES = ["auto", "light", "dark"];

  // --- theme -------------------------------------------------------------------------------------------------
  const remembered = () => {
    try { return localStorage.getItem("tritonpeak-theme"); } catch { return null; }
  };
  let theme = THEMES.includes(remembered()) ? remembered() : "auto";
  function setTheme(name) {
    theme = name;
    if (name === "auto") delete root.dataset.theme; else root.dataset.theme = name;
    try { localStorage.setItem("tritonpeak-theme", name); } catch { /* not remembered, then */ }
    const button = document.getElementById("theme");
    if (button) button.textContent = `Theme: ${name}`;
    repaint();
  }

  // --- small things ------------------------------------------------------------------------------------------
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const one = (selector, within = document) => within.querySelector(selector);
  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined) made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  }
  // As the pages' own numbers: so many significant digits and no exponent.
  function significant(value, digits = 4) {
    if (value === null || value === undefined) return "-";
    if (value === 0) return "0";
    const magnitude = Number(value.toExponential(digits - 1).split("e")[1]);
    return value.toFixed(Math.max(0, digits - 1 - magnitude));
  }
  const fraction = (value) => (value === null ? "-" : value.toFixed(3));
  const factor = (value) => (value === null || value === undefined ? "-" : `${significant(value, 3)}x`);
  const interval = (low, high, digits = 4) =>
    (low === null || low === undefined ? "" : `${significant(low, digits)} to ${significant(high, digits)}`);
  const escaped = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const short = (text, limit = 28) => (text.length > limit ? `${text.slice(0, limit - 1)}…` : text);
  const parameters = () => new URLSearchParams(location.hash.slice(1));
  function remember(values) {
    const kept = new URLSearchParams();
    for (const [key, value] of Object.entries(values)) if (value) kept.set(key, value);
    const text = kept.toString();
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  }
  function options(select, entries, chosen) {
    select.replaceChildren(...entries.map(([value, text]) => element("option", { value }, text)));
    select.value = chosen;
    if (select.selectedIndex < 0 && entries.length) select.selectedIndex = 0;
  }
  function table(headers, rows, numeric = []) {
    const head = element("tr", {}, ...headers.map((text, place) =>
      element("th", { scope: "col", class: numeric.includes(place) ? "num" : null }, text)));
    const body = rows.map((row) => element("tr", {}, ...row.map((cell, place) => {
      const made = element("td", { class: numeric.includes(place) ? "num" : null });
      made.append(...(Array.isArray(cell) ? cell : [cell]));
      return made;
    })));
    return element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
  }

  // --- loading -----------------------------------------------------------------------------------------------
  const scripts = new Map();
  function load(path) {
    if (!scripts.has(path)) {
      scripts.set(path, new Promise((done, fail) => {
        const made = element("script", { src: path });
        made.onload = () => done();
        made.onerror = () => { scripts.delete(path); fail(new Error(`cannot read ${path}`)); };
        document.head.append(made);
      }));
    }
    return scripts.get(path);
  }
  const plotly = () => load(`${root.dataset.root}plotly.min.js`);
  const taken = new Map();
  const take = (key, data) => taken.set(key, data);
  async function solution(problem, href) {
    const key = `${problem}/${href}`;
    const path = `${root.dataset.root}problems/${encodeURIComponent(problem)}/${encodeURIComponent(href)}.js`;
    if (!taken.has(key)) await load(path);
    return taken.get(key);
  }

  // --- charts ------------------------------------------------------------------------------------------------
  const CONFIG = { displaylogo: false, showSendToCloud: false, displayModeBar: false, responsive: true };
  const drawn = new Set();
  function colours() {
    const css = getComputedStyle(root);
    const text = css.getPropertyValue("--text").trim();
    const line = css.getPropertyValue("--line").trim();
    const paper = css.getPropertyValue("--raised").trim();
    const axis = { gridcolor: line, linecolor: line, zerolinecolor: line, tickcolor: line };
    return { text, line, paper, axis };
  }
  function themed(layout) {
    const { text, line, paper, axis } = colours();
    const made = {
      ...layout,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { ...layout.font, color: text, family: "system-ui, 'DejaVu Sans', sans-serif" },
      hoverlabel: { ...layout.hoverlabel, bgcolor: paper, bordercolor: line, font: { color: text } },
    };
    for (const key of Object.keys(layout)) {
      if (/^[xy]axis\d*$/.test(key)) made[key] = { ...layout[key], ...axis };
    }
    return made;
  }
  // On a phone the legend has a line for each entry: the plot below keeps its height all the same.
  function fitted(target, data, layout) {
    if (layout.showlegend === false || target.clientWidth > 560) return layout;
    const entries = data.filter((trace) => trace.name && trace.showlegend !== false).length;
    return { ...layout, height: layout.height + 20 * Math.max(0, entries - 1) };
  }
  async function draw(target, data, layout) {
    try {
      await plotly();
    } catch (error) {
      target.textContent = error.message;
      return;
    }
    target.drawnLayout = layout;
    await paint(target, data);
    drawn.add(target);
  }
  function paint(target, data) {
    const fits = fitted(target, data, target.drawnLayout);
    target.style.height = `${fits.height}px`;
    return Plotly.react(target, data, themed(fits), CONFIG);
  }
  function repaint() {
    for (const target of drawn) if (target.isConnected) paint(target, target.data);
  }
  // The points of rows that are shown: every array that runs along the points is thinned alike.
  function thinned(trace, isShown) {
    const keys = trace.type === "heatmap" ? trace.ids : trace.customdata;
    if (!keys) return trace;
    const places = keys.map((id, place) => (isShown(id) ? place : -1)).filter((place) => place >= 0);
    const count = keys.length;
    if (places.length === count) return trace;
    const pick = (value) => {
      if (Array.isArray(value) && value.length === count) return places.map((place) => value[place]);
      if (value && typeof value === "object" && !Array.isArray(value)) {
        return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, pick(inner)]));
      }
      return value;
    };
    const keep = trace.type === "heatmap" ? ["ids", "y", "z", "text", "hovertext"] : Object.keys(trace);
    return Object.fromEntries(
      Object.entries(trace).map(([key, value]) => [key, keep.includes(key) ? pick(value) : value]));
  }
  // A heat map without some of its rows: their categories go too, and the height with them.
  function shrunk(figure, data) {
    const heat = data.find((trace) => trace.type === "heatmap");
    if (!heat || heat.y.length === figure.data[0].y.length) return figure.layout;
    const axis = figure.layout.yaxis;
    const left = new Set(heat.y);
    const places = axis.categoryarray.map((name, place) => (left.has(name) ? place : -1)).filter((p) => p >= 0);
    const height = figure.layout.height - 30 * (axis.categoryarray.length - places.length);
    return {
      ...figure.layout,
      height,
      yaxis: {
        ...axis,
        categoryarray: places.map((p) => axis.categoryarray[p]),
        tickvals: places.map((p) => axis.tickvals[p]),
        ticktext: places.map((p) => axis.ticktext[p]),
      },
    };
  }

  // --- the board of a problem --------------------------------------------------------------------------------
  const DESCENDING = new Set(["fraction", "roof", "x4090", "speedup", "date"]);
  function startBoard(form) {
    const sections = all("section.device").map((section) => {
      const block = one("script.data", section);
      const rows = all("tr[data-key]", section);
      rows.forEach((row, place) => { row.place = place; });
      const mean = one(".latency-name", section)?.textContent;
      return { section, rows, mean, gpu: section.dataset.gpu, data: block ? JSON.parse(block.textContent) : null };
    });
    const field = (name) => form.elements[name];
    const authors = [...new Set(all("tr[data-author]").map((row) => row.dataset.author).filter(Boolean))].sort();
    field("author").append(...authors.map((name) => element("option", { value: name }, short(name, 40))));
    const origins = all("input[name=origin]", form);
    for (const box of origins) {
      if (!one(`tr[data-origin="${box.value}"]`)) box.closest("label").hidden = true;
    }
    const everyOrigin = origins.map((box) => box.value);
    let sorting = { key: "", dir: "" };
    let isShown = () => true;

    function read() {
      const wanted = parameters();
      for (const name of ["gpu", "workload", "class", "author", "q"]) {
        if (!field(name)) continue;
        field(name).value = wanted.get(name) ?? "";
        if (field(name).selectedIndex === -1) field(name).value = "";
      }
      if (field("gpu").selectedIndex === -1) field("gpu").selectedIndex = 0;
      const origin = wanted.has("origin") ? wanted.get("origin").split(",") : everyOrigin;
      for (const box of origins) box.checked = origin.includes(box.value);
      sorting = { key: wanted.get("sort") ?? "", dir: wanted.get("dir") === "desc" ? "desc" : "asc" };
    }
    function write() {
      const origin = origins.filter((box) => box.checked).map((box) => box.value);
      remember({
        gpu: field("gpu").selectedIndex > 0 ? field("gpu").value : "",
        workload: field("workload").value,
        class: field("class")?.value,
        author: field("author").value,
        origin: origin.length === everyOrigin.length ? "" : origin.join(",") || "none",
        q: field("q").value,
        sort: sorting.key,
        dir: sorting.key && sorting.dir === "desc" ? "desc" : "",
      });
    }
    function wanted(row) {
      const { origin, author, workload } = row.dataset;
      const name = (one(".name", row)?.textContent ?? "").toLowerCase();
      const classes = field("class")?.value ?? "";
      return origins.some((box) => box.checked && box.value === origin)
        && (!field("author").value || field("author").value === author)
        && (!classes || row.dataset.class === undefined || row.dataset.class === classes)
        && (!workload || !field("workload").value || workload === field("workload").value || workload === "check")
        && name.includes(field("q").value.trim().toLowerCase());
    }
    function fill(row, values) {
      const set = (column, text, below) => {
        const cell = one(`[data-col="${column}"]`, row);
        if (!cell) return;
        const small = one("small", cell);
        cell.replaceChildren(text, ...(small ? [small] : []));
        if (small) small.textContent = below;
      };
      const [rank, latency, low, high, share, mark, ofRoof, x4090, speedup, from, to, ...others] = values;
      set("rank", rank === null ? "" : String(rank));
      set("latency", significant(latency), interval(low, high));
      const cell = one('[data-col="fraction"]', row);
      one("span:not(.bar)", cell).textContent = fraction(share);
      const bar = one(".bar", cell);
      if (bar && share !== null) {
        one("i", bar).style.width = `${Math.min(share * 100, 100)}%`;
        if (one("b", bar) && mark !== null) one("b", bar).style.left = `${Math.min(mark * 100, 100)}%`;
      }
      set("roof", fraction(ofRoof));
      set("x4090", factor(x4090));
      set("speedup", factor(speedup), interval(from, to, 3));
      others.forEach((value, place) => set(`other${place}`, factor(value)));
    }
    const COLUMNS = { rank: 0, latency: 1, fraction: 4, roof: 6, x4090: 7, speedup: 8 };
    function sortValue(row, values) {
      const { key } = sorting;
      if (key in COLUMNS) return values?.[COLUMNS[key]] ?? null;
      if (key.startsWith("other")) return values?.[11 + Number(key.slice(5))] ?? null;
      return one(`[data-col="${CSS.escape(key)}"]`, row)?.textContent.toLowerCase() ?? null;
    }
    function sort(entry, values, byRank) {
      const key = sorting.key || (byRank ? "rank" : "");
      const sign = sorting.key && sorting.dir === "desc" ? -1 : 1;
      for (const body of all("table.ranked tbody", entry.section)) {
        const rows = all("tr[data-key]", body).map((row) => {
          const value = sorting.key ? sortValue(row, values[row.dataset.key])
            : byRank ? values[row.dataset.key]?.[0] ?? null : row.place;
          return { row, value };
        });
        rows.sort((a, b) => {
          if (a.value === b.value) return a.row.place - b.row.place;
          if (a.value === null) return 1; // unknown last, whichever way
          if (b.value === null) return -1;
          return (a.value < b.value ? -1 : 1) * sign;
        });
        body.append(...rows.map(({ row }) => row));
      }
      for (const header of all("table.ranked th[aria-sort]", entry.section)) {
        const mine = sorting.key && one("button", header).dataset.sort === key;
        header.setAttribute("aria-sort", mine ? (sign < 0 ? "descending" : "ascending") : "none");
      }
    }
    function update() {
      const workload = field("workload").value;
      let count = 0;
      let total = 0;
      const visible = new Map();
      for (const entry of sections) {
        const { section, data } = entry;
        section.hidden = field("gpu").value !== "all" && field("gpu").value !== entry.gpu;
        if (section.hidden) continue;
        const views = data ? data.views : {};
        const values = views[workload] ?? (workload ? {} : views[""]) ?? {};
        const keys = new Set();
        for (const row of entry.rows) {
          const timed = one('[data-col="latency"]', row) !== null;
          const has = !timed || !workload || row.dataset.key in values;
          row.hidden = !has || !wanted(row);
          if (timed && values[row.dataset.key]) fill(row, values[row.dataset.key]);
          if (!row.hidden) keys.add(row.dataset.key);
        }
        for (const row of all(".failures tbody tr, .published tbody tr", section)) row.hidden = !wanted(row);
        for (const row of all("tbody tr[data-workload]:not([data-origin])", section)) {
          row.hidden = Boolean(workload) && row.dataset.workload !== workload;
        }
        for (const body of all("table.ranked tbody", section)) body.hidden = !one("tr[data-key]:not([hidden])", body);
        const name = one(".latency-name", section);
        if (name) name.textContent = workload ? "Latency" : entry.mean;
        total += entry.rows.length;
        count += keys.size;
        one(".empty", section)?.toggleAttribute("hidden", keys.size > 0 || !entry.rows.length);
        sort(entry, values, Boolean(workload));
        visible.set(entry.gpu, keys);
      }
      isShown = (gpu, key) => visible.get(gpu)?.has(key) ?? true;
      one("output", form).textContent = total ? `${count} of ${total} solutions` : "";
      for (const row of all("figure tr[data-row]")) {
        row.hidden = !isShown(row.closest("section").dataset.gpu, row.dataset.row);
      }
      for (const chart of all("figure .chart")) if (drawn.has(chart)) show(chart);
    }
    function show(chart) {
      const section = chart.closest("section");
      if (section.hidden) return;
      const entry = sections.find((known) => known.section === section);
      const figure = entry.data.figures[chart.closest("figure").dataset.figure];
      const data = figure.data.map((trace) => thinned(trace, (key) => isShown(entry.gpu, key)));
      const layout = shrunk(figure, data);
      draw(chart, data, layout);
    }

    form.hidden = false;
    read();
    update();
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => { write(); update(); });
    field("reset").addEventListener("click", () => {
      history.replaceState(null, "", location.pathname + location.search);
      read();
      update();
    });
    addEventListener("hashchange", () => { read(); update(); });
    for (const button of all("button[data-sort]")) {
      button.addEventListener("click", () => {
        const key = button.dataset.sort;
        const first = DESCENDING.has(key) || key.startsWith("other") ? "desc" : "asc";
        if (sorting.key !== key) sorting = { key, dir: first };
        else if (sorting.dir === first) sorting = { key, dir: first === "asc" ? "desc" : "asc" };
        else sorting = { key: "", dir: "" }; // a third press: the board's own order again
        write();
        update();
      });
    }
    onView("figure .chart", show);
  }

  // Charts are drawn when they come near: a page of many is there at once.
  function onView(selector, show) {
    const watch = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        watch.unobserve(entry.target);
        show(entry.target);
      }
    }, { rootMargin: "300px" });
    for (const chart of all(selector)) watch.observe(chart);
  }

  // --- samples -----------------------------------------------------------------------------------------------
  const MARK = { solution: "#3b82c4", reference: "#7d868f", clock: "#c2620a", other: "#b04a8f" };
  const LAYOUT = { template: "none", font: { size: 13 }, dragmode: false, hoverlabel: { align: "left" } };
  const axisOf = (title, more) => ({ title: { text: title }, automargin: true, zeroline: false, ...more });
  function sampleTrace({ name, values, colour, symbol }, shown, look) {
    const label = escaped(short(name));
    return {
      type: "scatter",
      mode: "lines+markers",
      name: label,
      x: values.map((_, place) => place + 1),
      y: values,
      yaxis: look.yaxis,
      line: { color: colour, width: look.width, dash: look.dash },
      marker: { color: colour, symbol, size: look.size },
      hovertemplate: `${label}, sample %{x}: ${shown}<extra></extra>`,
    };
  }
  function sampleChart(series, clocks) {
    const data = [
      ...series.map((own) => sampleTrace(own, "%{y:.4g} ms", { yaxis: "y", width: 1, dash: "solid", size: 6 })),
      ...clocks.map((own) => sampleTrace(own, "%{y} MHz", { yaxis: "y2", width: 1.5, dash: "dot", size: 5 })),
    ];
    const layout = {
      ...LAYOUT,
      height: 420,
      margin: { l: 8, r: 14, t: 34, b: 46 },
      legend: { orientation: "h", yanchor: "bottom", y: 1.02, xanchor: "left", x: 0 },
      xaxis: axisOf("sample, in the order taken", { anchor: clocks.length ? "y2" : "y" }),
      yaxis: axisOf("latency, ms", { domain: clocks.length ? [0.36, 1] : [0, 1] }),
    };
    if (clocks.length) {
      const [low, high] = span(clocks.flatMap(({ values }) => values));
      const room = Math.max(40, (high - low) / 8); // a steady clock is a flat line
      const range = [low - room, high + room];
      layout.yaxis2 = axisOf("SM, MHz", { domain: [0, 0.26], tickformat: "d", nticks: 4, range });
    }
    return { data, layout };
  }
  function span(values) { return [Math.min(...values), Math.max(...values)]; }
  function clockText(mhz) {
    const [low, high] = span(mhz);
    if (low === high) return `; the SM clock stood at ${low} MHz throughout`;
    return `; the SM clock went from ${low} to ${high} MHz`;
  }
  function startSamples(details) {
    const problem = decodeURIComponent(location.pathname.split("/").at(-2));
    const chooser = one("select[name=solution]", details);
    let turn = 0;
    async function show() {
      const mine = (turn += 1);
      const href = chooser ? chooser.value : details.dataset.href;
      const workload = one("select[name=workload]", details).value;
      const said = one(".said", details);
      let record;
      try {
        record = await solution(problem, href);
      } catch (error) {
        said.textContent = error.message;
        return;
      }
      if (mine !== turn) return; // another choice was made meanwhile
      const found = record.devices[details.dataset.device]?.workloads[workload];
      if (!found) {
        said.textContent = `${record.name} was not timed on ${workload}.`;
        return;
      }
      const { samples, reference, sm_mhz: mhz } = found;
      const [least, most] = span(samples);
      const clock = mhz.length ? clockText(mhz) : "; the clock is unknown";
      said.textContent = `${samples.length} samples of ${record.name} on ${workload}: median ${significant(found.latency[0])} ms, `
        + `from ${significant(least)} to ${significant(most)} ms${clock}.`;
      const series = [{ name: record.name, values: samples, colour: MARK.solution, symbol: "circle" }];
      if (reference.length) {
        series.push({ name: "reference, in turn", values: reference, colour: MARK.reference, symbol: "circle-open" });
      }
      const clocks = mhz.length ? [{ name: "SM clock", values: mhz, colour: MARK.clock, symbol: "square" }] : [];
      const headers = ["sample", "latency, ms", "reference, ms", "SM MHz", "power, W"];
      one(".numbers .scroll", details).replaceChildren(table(headers, samples.map((value, place) => [
        String(place + 1), significant(value, 5), significant(reference[place], 5),
        String(mhz[place] ?? "-"), String(found.power_w[place] ?? "-"),
      ]), [0, 1, 2, 3, 4]));
      const { data, layout } = sampleChart(series, clocks);
      await draw(one(".chart", details), data, layout);
    }
    details.addEventListener("toggle", () => { if (details.open) show(); });
    for (const select of all("select", details)) select.addEventListener("change", show);
  }

  // --- the index ---------------------------------------------------------------------------------------------
  function startIndex(form) {
    const cards = all(".card");
    function read() {
      const wanted = parameters();
      form.elements.gpu.value = wanted.get("gpu") ?? "";
      if (form.elements.gpu.selectedIndex === -1) form.elements.gpu.selectedIndex = 0;
      form.elements.q.value = wanted.get("q") ?? "";
    }
    function update() {
      const gpu = form.elements.gpu.value;
      const query = form.elements.q.value.trim().toLowerCase();
      let count = 0;
      for (const card of cards) {
        card.hidden = !card.dataset.find.toLowerCase().includes(query);
        count += !card.hidden;
        const panels = all(".panel", card);
        for (const panel of panels) panel.hidden = gpu !== "all" && panel.dataset.gpu !== gpu;
        one(".elsewhere", card).hidden = !panels.length || panels.some((panel) => !panel.hidden);
        const link = one("h2 a", card);
        const chosen = form.elements.gpu.selectedIndex > 0 ? `#gpu=${encodeURIComponent(gpu)}` : "";
        link.href = link.getAttribute("href").split("#")[0] + chosen;
      }
      one("output", form).textContent = `${count} of ${cards.length} problems`;
    }
    form.hidden = false;
    read();
    update();
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => {
      remember({ gpu: form.elements.gpu.selectedIndex > 0 ? form.elements.gpu.value : "", q: form.elements.q.value });
      update();
    });
    addEventListener("hashchange", () => { read(); update(); });
  }

  // --- comparison --------------------------------------------------------------------------------------------
  const MOST_LINES = 1500;
  // The lines of two files as [kind, text], by their longest common subsequence; equal ends are set aside first.
  function differing(before, after) {
    let start = 0;
    while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
    let end = 0;
    while (end < before.length - start && end < after.length - start
      && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1;
    const a = before.slice(start, before.length - end);
    const b = after.slice(start, after.length - end);
    const width = b.length + 1;
    const common = new Uint16Array((a.length + 1) * width);
    for (let i = a.length - 1; i >= 0; i -= 1) {
      for (let j = b.length - 1; j >= 0; j -= 1) {
        common[i * width + j] = a[i] === b[j] ? common[(i + 1) * width + j + 1] + 1
          : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
      }
    }
    const lines = before.slice(0, start).map((text) => ["same", text]);
    let i = 0;
    let j = 0;
    while (i < a.length || j < b.length) {
      if (i < a.length && j < b.length && a[i] === b[j]) {
        lines.push(["same", a[i]]);
        i += 1;
        j += 1;
      } else if (j >= b.length || (i < a.length && common[(i + 1) * width + j] >= common[i * width + j + 1])) {
        lines.push(["del", a[i]]);
        i += 1;
      } else {
        lines.push(["add", b[j]]);
        j += 1;
      }
    }
    return lines.concat(before.slice(before.length - end).map((text) => ["same", text]));
  }
  // Unchanged stretches between changes are folded: three lines of context stay.
  function folded(lines) {
    const near = lines.map(() => false);
    lines.forEach(([kind], place) => {
      if (kind === "same") return;
      for (let k = Math.max(0, place - 3); k <= Math.min(lines.length - 1, place + 3); k += 1) near[k] = true;
    });
    const shown = [];
    lines.forEach((line, place) => {
      if (near[place]) shown.push(line);
      else if (place === 0 || near[place - 1]) shown.push(["at", "…"]);
    });
    return shown;
  }
  function startCompare(form) {
    const choices = JSON.parse(document.getElementById("choices").textContent);
    const target = document.getElementById("comparison");
    const field = form.elements;
    const problems = Object.keys(choices).sort();
    if (!problems.length) {
      target.append(element("p", { class: "note" }, "Nothing was measured yet."));
      return;
    }
    options(field.problem, problems.map((name) => [name, name]), "");
    let gpu = ""; // the one that was asked for, by the address or by hand
    function fillSolutions(a, b) {
      const entries = choices[field.problem.value];
      const find = (stages) => stages.map((stage) => entries.find((entry) => entry[2] === stage)?.[1]).find(Boolean);
      const named = entries.map(([name, href]) => [href, short(name, 60)]);
      options(field.a, named, a ?? find(["final", "submitted"]) ?? entries[0][1]);
      options(field.b, named, b ?? find(["reference", "baseline"]) ?? entries.at(-1)[1]);
    }
    function read() {
      const wanted = parameters();
      field.problem.value = wanted.get("problem") ?? "";
      if (field.problem.selectedIndex === -1) field.problem.selectedIndex = 0;
      gpu = wanted.get("gpu") ?? "";
      fillSolutions(wanted.get("a"), wanted.get("b"));
    }
    let turn = 0;
    async function show() {
      const mine = (turn += 1);
      const problem = field.problem.value;
      let pair;
      try {
        pair = await Promise.all([solution(problem, field.a.value), solution(problem, field.b.value)]);
      } catch (error) {
        target.replaceChildren(element("p", { class: "note" }, error.message));
        return;
      }
      if (mine !== turn) return; // another choice was made meanwhile
      const [a, b] = pair;
      const shared = Object.keys(a.devices).filter((name) => name in b.devices);
      options(field.gpu, shared.map((name) => [name, a.devices[name].label]), gpu);
      const chosen = field.gpu.selectedIndex > 0 ? field.gpu.value : "";
      remember({ problem, a: field.a.value, b: field.b.value, gpu: chosen });
      target.replaceChildren(...sideBySide(problem, a, b, field.gpu.value));
    }
    function sideBySide(problem, a, b, device) {
      const page = (record) => `problems/${encodeURIComponent(problem)}/${encodeURIComponent(record.href)}.html`;
      const link = (record) => element("a", { href: page(record) }, record.name);
      const facts = table(["", "A", "B"], [
        ["solution", [link(a)], [link(b)]],
        ["author", a.author || "unknown", b.author || "unknown"],
        ["stage", a.stage, b.stage],
        ["newest result", (a.created ?? "").slice(0, 10), (b.created ?? "").slice(0, 10)],
        ["sha256", a.sha256.slice(0, 16), b.sha256.slice(0, 16)],
      ]);
      const parts = [element("div", { class: "scroll" }, facts)];
      const [left, right] = [a.devices[device], b.devices[device]];
      for (const [record, side] of [[a, left], [b, right]]) {
        if (side?.failed.length) {
          const texts = side.failed.map(([workload, status]) => `${workload}: ${status}`).join(", ");
          parts.push(element("p", { class: "note" }, `${record.name} did not pass everything (${short(texts, 200)}).`));
        }
      }
      const workloads = left && right ? Object.keys(left.workloads).filter((name) => name in right.workloads) : [];
      if (!workloads.length) parts.push(element("p", { class: "note" }, "No workload was timed for both on one card."));
      else parts.push(...latencies(a, b, left, right, workloads));
      parts.push(...sources(a, b));
      return parts;
    }
    const OVERLAP = { text: "overlap", row: "", color: MARK.reference, symbol: "circle-open" };
    const A_FASTER = { text: "A is faster", row: "better", color: MARK.solution, symbol: "triangle-left" };
    const B_FASTER = { text: "B is faster", row: "worse", color: MARK.other, symbol: "triangle-right" };
    function latencies(a, b, left, right, workloads) {
      const lines = workloads.map((name) => ratioOf(name, left.workloads[name].latency, right.workloads[name].latency));
      const { data, layout } = ratioChart(lines);
      const chart = element("div", { class: "chart", style: `height:${layout.height}px` });
      draw(chart, data, layout);
      return [
        element("h2", {}, "Latency"), element("p", {}, ratioSentence(a, b, lines)), chart,
        element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Latency by workload" }, ratioTable(lines)),
      ];
    }
    // Latencies are [median, low, high], ms; so is the ratio, A over B, at its least and most.
    function ratioOf(name, first, second) {
      const ratio = [first[0] / second[0], first[1] / second[2], first[2] / second[1]];
      const overlap = ratio[1] <= 1 && ratio[2] >= 1;
      return { name, first, second, ratio, verdict: overlap ? OVERLAP : ratio[0] < 1 ? A_FASTER : B_FASTER };
    }
    function ratioSentence(a, b, lines) {
      const mean = Math.exp(lines.reduce((sum, { ratio }) => sum + Math.log(ratio[0]), 0) / lines.length);
      const [ahead, behind, share] = mean <= 1 ? [a, b, mean] : [b, a, 1 / mean];
      const count = (verdict) => lines.filter((line) => line.verdict === verdict).length;
      return `Over ${lines.length} workloads ${ahead.name} takes ${significant(share, 3)} of the time of ${behind.name} `
        + `(geometric mean); A is the faster on ${count(A_FASTER)}, B on ${count(B_FASTER)}, and on ${count(OVERLAP)} the `
        + "intervals overlap.";
    }
    function ratioTable(lines) {
      const headers = ["workload", "A, ms", "95 % interval", "B, ms", "95 % interval", "A / B", "at least", "at most", "intervals"];
      const made = table(headers, lines.map(({ name, first, second, ratio, verdict }) => [
        name,
        significant(first[0]), interval(first[1], first[2]),
        significant(second[0]), interval(second[1], second[2]),
        ...ratio.map((value) => significant(value, 3)),
        verdict.text,
      ]), [1, 2, 3, 4, 5, 6, 7]);
      all("tbody tr", made).forEach((row, place) => { row.lastChild.className = lines[place].verdict.row; });
      return made;
    }
    function ratioChart(lines) {
      const places = lines.map((_, place) => String(place));
      const ratios = lines.map(({ ratio }) => ratio[0]);
      const data = [{
        type: "scatter",
        mode: "markers",
        x: ratios,
        y: places,
        marker: {
          size: 11,
          color: lines.map(({ verdict }) => verdict.color),
          symbol: lines.map(({ verdict }) => verdict.symbol),
        },
        error_x: {
          type: "data",
          symmetric: false,
          array: lines.map(({ ratio }) => ratio[2] - ratio[0]),
          arrayminus: lines.map(({ ratio }) => ratio[0] - ratio[1]),
          color: MARK.reference,
        },
        text: lines.map(({ name, ratio }) => `${escaped(short(name))}: A takes ${significant(ratio[0], 3)} of B's time`),
        hovertemplate: "%{text}<extra></extra>",
      }];
      const layout = {
        ...LAYOUT,
        height: 150 + 40 * lines.length,
        margin: { l: 8, r: 14, t: 20, b: 46 },
        showlegend: false,
        xaxis: axisOf("latency of A / latency of B (log scale)", {
          type: "log",
          range: [Math.log10(Math.min(0.8, ...ratios) * 0.8), Math.log10(Math.max(1.25, ...ratios) * 1.25)],
          tickvals: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100],
        }),
        yaxis: {
          type: "category",
          categoryorder: "array",
          categoryarray: places,
          tickvals: places,
          ticktext: lines.map(({ name }) => escaped(short(name, 22))),
          autorange: "reversed",
          automargin: true,
        },
        shapes: [{ type: "line", x0: 1, x1: 1, yref: "paper", y0: 0, y1: 1, line: { dash: "dash", width: 2, color: "#d33f49" } }],
      };
      return { data, layout };
    }
    function sources(a, b) {
      if (a.source === null || b.source === null) {
        const text = "The measured file of one of them is not in this checkout, so there is no difference of the sources.";
        return [element("p", { class: "quiet" }, text)];
      }
      const [before, after] = [b.source.split("\n"), a.source.split("\n")];
      const heading = element("h2", {}, "What A has that B has not");
      if (before.length > MOST_LINES || after.length > MOST_LINES) {
        return [heading, element("p", { class: "note" }, `A file of more than ${MOST_LINES} lines is not compared here.`)];
      }
      const lines = differing(before, after);
      const signs = { add: "+", del: "-", same: " ", at: " " };
      const code = element("code", {}, ...folded(lines).map(([kind, text]) =>
        element("span", { class: kind }, `${signs[kind]}${short(text, 400)}\n`)));
      const count = (kind) => lines.filter((line) => line[0] === kind).length;
      return [
        heading,
        element("p", {}, `${count("add")} lines are A's alone, ${count("del")} are B's alone.`),
        element("pre", { class: "source diff", tabindex: "0", role: "region", "aria-label": heading.textContent }, code),
      ];
    }
    form.hidden = false;
    read();
    show();
    form.addEventListener("submit", (event) => event.preventDefault());
    field.problem.addEventListener("change", () => { fillSolutions(); show(); });
    for (const select of [field.a, field.b]) select.addEventListener("change", show);
    field.gpu.addEventListener("change", () => { gpu = field.gpu.value; show(); });
    field.swap.addEventListener("click", () => {
      [field.a.value, field.b.value] = [field.b.value, field.a.value];
      show();
    });
    addEventListener("hashchange", () => { read(); show(); });
  }

  // --- start -------------------------------------------------------------------------------------------------
  if (theme !== "auto") root.dataset.theme = theme;
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    button.hidden = false;
    button.textContent = `Theme: ${theme}`;
    button.addEventListener("click", () => setTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
    const starts = [["index-controls", startIndex], ["board-controls", startBoard], ["compare-controls", startCompare]];
    for (const [id, start] of starts) {
      const form = document.getElementById(id);
      if (form) start(form);
    }
    for (const details of all("details.samples")) startSamples(details);
    let opened = [];
    addEventListener("beforeprint", () => {
      opened = all("details:not([open])").filter((details) => !details.closest(".samples"));
      for (const details of opened) details.open = true;
    });
    addEventListener("afterprint", () => { for (const details of opened) details.open = false; });
    root.dataset.ready = "yes";
  });
  return { take, significant, differing };
})();
