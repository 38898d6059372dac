// The experiments of a task side by side: score, probability of improvement, and what training and acting cost.

const AGAINST = { score: "final score", frames: "frames to 95 %", minutes: "minutes to 95 %" };

function comparisonCard(task) {
  const columns = comparisonColumns(task);
  if (columns.length === 0 || task.comparison.length < 2) return element("div", {});
  return element(
    "section",
    { class: "card", "aria-label": "Comparison" },
    element("h2", {}, "Comparison"),
    element("p", { class: "soft small" }, comparisonNote(task)),
    element(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of comparisons" },
      element("table", {}, comparisonHead(columns), element("tbody", {}, comparisonRows(task, columns))),
    ),
  );
}

/** What there are numbers of: [heading, row => cell]. */
function comparisonColumns({ comparison, subject }) {
  const batches = [...new Set(comparison.flatMap((row) => Object.keys(row.acting)))];
  const known = (value) => comparison.some((row) => value(row) !== null && value(row) !== undefined);
  const columns = [
    ["normalised score", (row) => row.score, (value) => value.toFixed(3)],
    ...(subject
      ? Object.entries(AGAINST).map(([key, name]) => [
          `P(better): ${name}`,
          (row) => row.improvement[key],
          (value) => percent(value, 0),
        ])
      : []),
    ["CPU minutes of training", (row) => row.cpuMinutes, (value) => short(value)],
    ...batches.map((batch) => [`µs to act, batch ${batch}`, (row) => row.acting[batch], (value) => short(value)]),
  ];
  return columns.filter(([, value]) => known(value));
}

function comparisonHead(columns) {
  const names = ["experiment", ...columns.map(([name]) => name)];
  return element(
    "thead",
    {},
    element(
      "tr",
      {},
      names.map((name) => element("th", { scope: "col" }, name)),
    ),
  );
}

function comparisonRows({ comparison }, columns) {
  return comparison.map((row) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, row.name),
      columns.map(([, value, format]) => comparisonCell(value(row), format)),
    ),
  );
}

/** A number, or an estimate with its interval. */
function comparisonCell(value, format) {
  if (value === null || value === undefined) return element("td", {}, "—");
  if (typeof value === "number") return element("td", {}, format(value));
  return element("td", {}, format(value.mean), intervalOf(value, format));
}

function comparisonNote({ subject, comparison }) {
  const parts = [];
  if (comparison.some((row) => row.score))
    parts.push("Score: 0 is the best policy without memory, 1 perfect memory; interquartile mean over seeds.");
  if (subject)
    parts.push(`P(better): how probably a run of ${subject} is better than one of the experiment; a tie counts one half.`);
  if (comparison.some((row) => Object.keys(row.acting).length))
    parts.push("Acting: one step of predict in one thread, for a batch of observations.");
  return parts.join(" ");
}
