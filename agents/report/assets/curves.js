// The learning curves of a task, ours and the paper's.

const X_LABELS = { frames: "million frames", minutes: "minutes of training" };
const CPU_LABEL = "minutes of the processor";

function curvesCard(task) {
  const hidden = new Set();
  const charts = element("div", { class: "charts" });
  let unit = "frames",
    width = 0;
  new ResizeObserver(() => {
    // Not before there is a layout, nor once the charts were taken out of the page for those of another task.
    const found = chartWidth(charts);
    if (found > 0 && found !== width) draw();
  }).observe(charts);
  function draw() {
    width = chartWidth(charts);
    const shown = (metric) => [
      ...task.curves.flatMap((group, g) =>
        hidden.has(task.groups[g])
          ? []
          : groupLines(task.groups[g], group[metric][unit], COLOURS[g % COLOURS.length]),
      ),
      ...(metric === "success" ? paperLines(task, unit) : []).filter(({ name }) => !hidden.has(name)),
    ];
    charts.replaceChildren(
      ...["success", "return"].map((metric) => chartOrNothing(metric, unit, width, shown(metric))),
    );
  }
  function toggle(name, colour, dashed) {
    const button = element(
      "button",
      {
        type: "button",
        class: "toggle",
        "aria-pressed": "true",
        click() {
          if (!hidden.delete(name)) hidden.add(name);
          button.setAttribute("aria-pressed", String(!hidden.has(name)));
          draw();
        },
      },
      swatch(colour, dashed),
      name,
    );
    return button;
  }
  return element(
    "section",
    { class: "card", "aria-label": "Learning curves" },
    element(
      "div",
      { class: "row apart" },
      element("h2", {}, "Learning curves"),
      choice(
        "Horizontal axis",
        [
          ["frames", "frames"],
          ["minutes", "minutes"],
        ],
        unit,
        (value) => {
          unit = value;
          draw();
        },
      ),
    ),
    element("p", { class: "soft small" }, curvesNote(task)),
    element(
      "div",
      { class: "row" },
      task.groups.map((name, g) => toggle(name, COLOURS[g % COLOURS.length], false)),
      task.published.map(({ name }, k) => toggle(paperName(name), paperColour(k), true)),
    ),
    charts,
  );
}

/** Of one of the charts, which stand side by side where the style finds space for it. */
function chartWidth(charts) {
  return parseFloat(getComputedStyle(charts).gridTemplateColumns);
}

function curvesNote(task) {
  const parts = ["While training, over the latest episodes, each run a thin line."];
  if (task.curves.some((group) => group.success.frames.aggregate || group.return.frames.aggregate))
    parts.push(
      "Thick: interquartile mean over seeds; shaded: its 95 % bootstrap interval, as far as all seeds go.",
    );
  if (task.published.length)
    parts.push(
      "Dashed: the paper's points, read off its figures to about 0.01; its minutes are of its own machine.",
    );
  return parts.join(" ");
}

const paperName = (name) => `paper: ${name}`;
const paperColour = (k) => ["#b4532a", "#7b5aa6", "#a07a1c", "#77808d"][k % 4];

function swatch(colour, dashed) {
  return shape(
    "svg",
    { width: 22, height: 6, "aria-hidden": "true" },
    shape("line", {
      x1: 1,
      x2: 21,
      y1: 3,
      y2: 3,
      stroke: colour,
      "stroke-width": dashed ? 2 : 4,
      "stroke-dasharray": dashed ? "4 3" : null,
      "stroke-linecap": "round",
    }),
  );
}

function groupLines(name, { runs, aggregate }, colour) {
  const thin = aggregate !== null || runs.length > 1;
  const single = runs.map(({ seed, x, y }) => ({
    name: `${name}, seed ${seed}`,
    colour,
    thin,
    quiet: aggregate !== null,
    points: x.map((value, k) => [value, y[k]]),
    band: null,
  }));
  if (!aggregate) return single;
  const { x, y, low, high } = aggregate;
  return [
    ...single,
    {
      name: `${name}, ${runs.length} seeds`,
      colour,
      points: x.map((value, k) => [value, y[k]]),
      band: x.map((value, k) => [value, low[k], high[k]]),
    },
  ];
}

function paperLines(task, unit) {
  return task.published.map((each, k) => ({
    name: paperName(each.name),
    colour: paperColour(k),
    dashed: true,
    points: each[unit],
    band: null,
  }));
}

function chartOrNothing(metric, unit, width, lines) {
  if (!lines.some(({ points }) => points.length))
    return element("div", { class: "chart soft" }, element("h3", {}, metric), "nothing to draw");
  return lineChart({
    width,
    label: metric,
    xLabel: unit === "minutes" && REPORT.clock === "cpu" ? CPU_LABEL : X_LABELS[unit],
    lines,
    yRange: metric === "success" ? [0, 1.02] : null,
    format: metric === "success" ? (value) => percent(value) : (value) => short(value),
  });
}
