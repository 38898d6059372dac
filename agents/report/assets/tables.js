// Everything that is best read as a table.

function numbersCard(task) {
  const levels = REPORT.levels.map((level) => percent(level, 0));
  const head = element(
    "thead",
    {},
    element(
      "tr",
      {},
      element("th", {}),
      element("th", { colspan: levels.length }, `million frames to ${task.measure} of`),
      element("th", { colspan: levels.length }, `minutes to ${task.measure} of`),
      element("th", { colspan: 2 }, "final model, 95 % interval"),
    ),
    element(
      "tr",
      {},
      element("th", { scope: "col" }, "experiment"),
      [...levels, ...levels].map((text) => element("th", { scope: "col" }, text)),
      element("th", { scope: "col" }, "success"),
      element("th", { scope: "col" }, "return"),
    ),
  );
  const table = element("table", {}, head, element("tbody", {}, task.milestones.flatMap(milestoneRows)));
  return element(
    "section",
    { class: "card", "aria-label": "Numbers" },
    element("div", { class: "row apart" }, element("h2", {}, "Numbers"), seedsChoice(task, table)),
    element("p", { class: "soft small" }, numbersNote(task)),
    element(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of numbers" },
      table,
    ),
  );
}

/** Whether the table has a row per seed, which of many runs are shown only when asked for. */
function seedsChoice(task, table) {
  if (task.milestones.every((row) => row.paper || row.runs.length === 1)) return null;
  const many = task.runs > 12;
  const show = (seeds) => table.classList.toggle("seedless", !seeds);
  show(!many);
  return choice(
    "Rows",
    [
      [false, "experiments"],
      [true, "every seed"],
    ],
    !many,
    show,
  );
}

function numbersNote(task) {
  const parts = ["First row of the log at which the mean over the latest training episodes was that high."];
  if (task.milestones.some((row) => !row.paper && row.runs.length > 1))
    parts.push("Of several seeds the median, and from the first to the last that got there.");
  if (task.published.length) parts.push("The paper's, in italics, lie between points read off its figures.");
  return parts.join(" ");
}

function milestoneRows(row) {
  if (row.paper)
    return [
      element(
        "tr",
        { class: "paper" },
        element("th", { scope: "row" }, paperName(row.name)),
        reachedCells(row.reached),
        element("td", {}, "—"),
        element("td", {}, "—"),
      ),
    ];
  const seeds =
    row.runs.length > 1
      ? row.runs.map((run) =>
          element(
            "tr",
            { class: "seed" },
            element("th", { scope: "row" }, `seed ${run.seed}`),
            reachedCells(run.reached),
            finalCells(run.final),
          ),
        )
      : [];
  const spread = row.runs.length > 1;
  const cells = spread
    ? ["frames", "minutes"].flatMap((unit) => row.reached[unit].map((each) => spreadCell(each, unit)))
    : reachedCells(row.runs[0].reached);
  return [
    element("tr", {}, element("th", { scope: "row" }, row.name), cells, finalCells(row.final)),
    ...seeds,
  ];
}

const inUnit = (value, unit) => (unit === "frames" ? short(value) : clock(value));

function reachedCells(found) {
  return ["frames", "minutes"].flatMap((unit) =>
    found[unit].map((value) => element("td", {}, inUnit(value, unit))),
  );
}

function spreadCell({ median, low, high, reached, runs }, unit) {
  const range = reached ? `${inUnit(low, unit)} – ${inUnit(high, unit)}` : "";
  const share = reached < runs ? `${reached} of ${runs} seeds` : "";
  return element(
    "td",
    {},
    inUnit(median, unit),
    element("small", {}, range),
    share ? element("small", {}, share) : null,
  );
}

/** Of actions that were sampled, as in training, and below it of the likeliest ones. */
function finalCells(final) {
  const cell = (metric, format) => {
    const [sampled, deterministic] = ["sampled", "deterministic"].map(
      (name) => final[name]?.[metric] ?? null,
    );
    return element(
      "td",
      {},
      sampled ? format(sampled.mean) : "—",
      intervalOf(sampled, format),
      deterministic ? element("small", {}, `likeliest action: ${format(deterministic.mean)}`) : null,
    );
  };
  return [cell("success", (value) => percent(value)), cell("mean_return", (value) => short(value))];
}

function intervalOf(summary, format) {
  return summary && summary.low !== null
    ? element("small", {}, `[${format(summary.low)}, ${format(summary.high)}]`)
    : null;
}

function settingsCard(task) {
  const differing = task.settings.filter((row) => row.differs),
    common = task.settings.filter((row) => !row.differs);
  return element(
    "section",
    { class: "card", "aria-label": "Settings and machine" },
    element("h2", {}, "Settings and machine"),
    element(
      "p",
      { class: "soft small" },
      task.runs > 1
        ? `${differing.length} of ${task.settings.length} settings differ between the ${task.runs} runs.`
        : "One run, with all of its settings.",
    ),
    differing.length ? settingsTable(task.columns, differing, true) : null,
    element(
      "details",
      {},
      element("summary", {}, task.runs > 1 ? "Settings that all runs share" : "All settings"),
      settingsTable(
        ["value"],
        common.map((row) => ({ ...row, values: [row.values.find((value) => value !== "—")] })),
        false,
      ),
    ),
    element("details", {}, element("summary", {}, "Machine and versions"), sessionsTable(task)),
  );
}

function settingsTable(columns, rows, marked) {
  return element(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": "Settings" },
    element(
      "table",
      { class: "plain" },
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          element("th", { scope: "col" }, "setting"),
          columns.map((name) => element("th", { scope: "col" }, name)),
        ),
      ),
      element(
        "tbody",
        {},
        rows.map((row) =>
          element(
            "tr",
            { class: marked ? "differs" : null },
            element("th", { scope: "row" }, row.name),
            row.values.map((value) => element("td", {}, value)),
          ),
        ),
      ),
    ),
  );
}

function sessionsTable({ sessions, columns }) {
  return sessions.some((row) => row.differs)
    ? settingsTable(columns, sessions, false)
    : settingsTable(
        ["value"],
        sessions.map((row) => ({ ...row, values: [row.values.find((value) => value !== "—")] })),
        false,
      );
}
