// Learning curves of a task, and everything that is best read as a table.

const X_LABELS = { frames: "million frames", minutes: "minutes of training" };

function curvesCard(task) {
  const hidden = new Set();
  const charts = element("div", { class: "charts" });
  let unit = "frames", width = 0;
  new ResizeObserver(() => {
    if (chartWidth(charts) !== width) draw();
  }).observe(charts);
  function draw() {
    width = chartWidth(charts);
    const shown = (metric) => [
      ...task.curves.flatMap((group, g) => hidden.has(task.groups[g]) ? [] : groupLines(task.groups[g], group[metric][unit], COLOURS[g % COLOURS.length])),
      ...(metric === "success" ? paperLines(task, unit) : []).filter(({ name }) => !hidden.has(name)),
    ];
    charts.replaceChildren(...["success", "return"].map((metric) => chartOrNothing(metric, unit, width, shown(metric))));
  }
  function toggle(name, colour, dashed) {
    const button = element("button", { type: "button", class: "toggle", "aria-pressed": "true", click() {
      if (!hidden.delete(name)) hidden.add(name);
      button.setAttribute("aria-pressed", String(!hidden.has(name)));
      draw();
    } }, swatch(colour, dashed), name);
    return button;
  }
  return element("section", { class: "card", "aria-label": "Learning curves" },
    element("div", { class: "row apart" }, element("h2", {}, "Learning curves"),
      choice("Horizontal axis", [["frames", "frames"], ["minutes", "minutes"]], unit, (value) => { unit = value; draw(); })),
    element("p", { class: "soft small" }, curvesNote(task)),
    element("div", { class: "row" },
      task.groups.map((name, g) => toggle(name, COLOURS[g % COLOURS.length], false)),
      task.published.map(({ name }, k) => toggle(paperName(name), paperColour(k), true))),
    charts);
}

/** Of one of the charts, which stand side by side where the style finds space for it. */
function chartWidth(charts) {
  return parseFloat(getComputedStyle(charts).gridTemplateColumns);
}

function curvesNote(task) {
  const parts = ["While training, over the latest episodes, each run a thin line."];
  if (task.curves.some((group) => group.success.frames.aggregate || group.return.frames.aggregate))
    parts.push("Thick: interquartile mean over seeds; shaded: its 95 % bootstrap interval, as far as all seeds go.");
  if (task.published.length) parts.push("Dashed: the paper's points, read off its figures to about 0.01; its minutes are of its own machine.");
  return parts.join(" ");
}

const paperName = (name) => `paper: ${name}`;
const paperColour = (k) => ["#b4532a", "#7b5aa6", "#a07a1c", "#77808d"][k % 4];

function swatch(colour, dashed) {
  return shape("svg", { width: 22, height: 6, "aria-hidden": "true" },
    shape("line", { x1: 1, x2: 21, y1: 3, y2: 3, stroke: colour, "stroke-width": dashed ? 2 : 4, "stroke-dasharray": dashed ? "4 3" : null, "stroke-linecap": "round" }));
}

function groupLines(name, { runs, aggregate }, colour) {
  const thin = aggregate !== null || runs.length > 1;
  const single = runs.map(({ seed, x, y }) => ({
    name: `${name}, seed ${seed}`, colour, thin, quiet: aggregate !== null, points: x.map((value, k) => [value, y[k]]), band: null,
  }));
  if (!aggregate) return single;
  const { x, y, low, high } = aggregate;
  return [...single, { name: `${name}, ${runs.length} seeds`, colour, points: x.map((value, k) => [value, y[k]]), band: x.map((value, k) => [value, low[k], high[k]]) }];
}

function paperLines(task, unit) {
  return task.published.map((each, k) => ({ name: paperName(each.name), colour: paperColour(k), dashed: true, points: each[unit], band: null }));
}

function chartOrNothing(metric, unit, width, lines) {
  if (!lines.some(({ points }) => points.length))
    return element("div", { class: "chart soft" }, element("h3", {}, metric), "nothing to draw");
  return lineChart({
    width, label: metric, xLabel: X_LABELS[unit], lines,
    yRange: metric === "success" ? [0, 1.02] : null,
    format: metric === "success" ? (value) => percent(value) : (value) => short(value),
  });
}

function numbersCard(task) {
  const levels = REPORT.levels.map((level) => percent(level, 0));
  const head = element("thead", {},
    element("tr", {}, element("th", {}), element("th", { colspan: levels.length }, "million frames to success of"),
      element("th", { colspan: levels.length }, "minutes to success of"), element("th", { colspan: 2 }, "final model, 95 % interval")),
    element("tr", {}, element("th", { scope: "col" }, "experiment"), [...levels, ...levels].map((text) => element("th", { scope: "col" }, text)),
      element("th", { scope: "col" }, "success"), element("th", { scope: "col" }, "return")));
  return element("section", { class: "card", "aria-label": "Numbers" },
    element("h2", {}, "Numbers"),
    element("p", { class: "soft small" }, numbersNote(task)),
    element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of numbers" },
      element("table", {}, head, element("tbody", {}, task.milestones.flatMap(milestoneRows)))));
}

function numbersNote(task) {
  const parts = ["First row of the log at which the success of the latest training episodes was that high."];
  if (task.milestones.some((row) => !row.paper && row.runs.length > 1)) parts.push("Of several seeds the median, and from the first to the last that got there.");
  if (task.published.length) parts.push("The paper's, in italics, lie between points read off its figures.");
  return parts.join(" ");
}

function milestoneRows(row) {
  if (row.paper) return [element("tr", { class: "paper" }, element("th", { scope: "row" }, paperName(row.name)), reachedCells(row.reached), element("td", {}, "—"), element("td", {}, "—"))];
  const seeds = row.runs.length > 1 ? row.runs.map((run) =>
    element("tr", { class: "seed" }, element("th", { scope: "row" }, `seed ${run.seed}`), reachedCells(run.reached), finalCells(run.final))) : [];
  const spread = row.runs.length > 1;
  const cells = spread ? ["frames", "minutes"].flatMap((unit) => row.reached[unit].map((each) => spreadCell(each, unit))) : reachedCells(row.runs[0].reached);
  return [element("tr", {}, element("th", { scope: "row" }, row.name), cells, finalCells(row.final)), ...seeds];
}

const inUnit = (value, unit) => unit === "frames" ? short(value) : clock(value);

function reachedCells(found) {
  return ["frames", "minutes"].flatMap((unit) => found[unit].map((value) => element("td", {}, inUnit(value, unit))));
}

function spreadCell({ median, low, high, reached, runs }, unit) {
  const range = reached ? `${inUnit(low, unit)} – ${inUnit(high, unit)}` : "";
  const share = reached < runs ? `${reached} of ${runs} seeds` : "";
  return element("td", {}, inUnit(median, unit), element("small", {}, range), share ? element("small", {}, share) : null);
}

/** Of actions that were sampled, as in training, and below it of the likeliest ones. */
function finalCells(final) {
  const cell = (metric, format) => {
    const [sampled, deterministic] = ["sampled", "deterministic"].map((name) => final[name]?.[metric] ?? null);
    return element("td", {}, sampled ? format(sampled.mean) : "—", intervalOf(sampled, format),
      deterministic ? element("small", {}, `likeliest action: ${format(deterministic.mean)}`) : null);
  };
  return [cell("success", (value) => percent(value)), cell("mean_return", (value) => short(value))];
}

function intervalOf(summary, format) {
  return summary && summary.low !== null ? element("small", {}, `[${format(summary.low)}, ${format(summary.high)}]`) : null;
}

function settingsCard(task) {
  const differing = task.settings.filter((row) => row.differs), common = task.settings.filter((row) => !row.differs);
  return element("section", { class: "card", "aria-label": "Settings and machine" },
    element("h2", {}, "Settings and machine"),
    element("p", { class: "soft small" }, task.runs.length > 1
      ? `${differing.length} of ${task.settings.length} settings differ between the ${task.runs.length} runs.` : "One run, with all of its settings."),
    differing.length ? settingsTable(task.runs, differing, true) : null,
    element("details", {}, element("summary", {}, task.runs.length > 1 ? "Settings that all runs share" : "All settings"),
      settingsTable(["value"], common.map((row) => ({ ...row, values: row.values.slice(0, 1) })), false)),
    element("details", {}, element("summary", {}, "Machine and versions"), sessionsTable(task)));
}

function settingsTable(columns, rows, marked) {
  return element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Settings" }, element("table", { class: "plain" },
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "setting"), columns.map((name) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, rows.map((row) => element("tr", { class: marked ? "differs" : null },
      element("th", { scope: "row" }, row.name), row.values.map((value) => element("td", {}, value)))))));
}

function sessionsTable(task) {
  const flat = task.sessions.map(({ libraries = {}, ...rest }) => ({ ...rest, ...libraries }));
  const names = [...new Set(flat.flatMap(Object.keys))];
  const rows = names.map((name) => ({ name, values: flat.map((each) => String(each[name] ?? "—")) }));
  const same = rows.every(({ values }) => new Set(values).size === 1);
  return same ? settingsTable(["value"], rows.map((row) => ({ ...row, values: row.values.slice(0, 1) })), false) : settingsTable(task.runs, rows, false);
}
