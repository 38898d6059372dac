// The page from its data.

const REPORT = JSON.parse(document.getElementById("data").textContent);
let player = null;

function show(task) {
  player?.close();
  player = null;
  document
    .getElementById("task")
    .replaceChildren(
      factsList(task),
      curvesCard(task),
      numbersCard(task),
      comparisonCard(task),
      episodesCard(task),
      settingsCard(task),
    );
  player?.draw();
}

function factsList(task) {
  const [metric, name, told] =
    task.measure === "success" ? ["success", "success", percent] : ["mean_return", "return", short];
  const best = task.milestones.filter((row) => !row.paper && row.final.sampled?.[metric]);
  const facts = [
    [String(task.runs), task.runs === 1 ? "run" : "runs"],
    ...(task.groups.length === 1 ? speedFacts(task) : []),
    ...best.slice(0, 3).map((row) => [told(row.final.sampled[metric].mean), `final ${name}, ${row.name}`]),
  ];
  return element(
    "ul",
    { class: "facts" },
    facts.map(([value, name]) => element("li", {}, element("b", {}, value), element("span", {}, name))),
  );
}

/** How soon the only experiment came to the highest level, if it did. */
function speedFacts({ measure, milestones }) {
  const { reached } = milestones[0];
  const [frames, minutes] = ["frames", "minutes"].map((unit) => reached[unit].at(-1).median),
    level = percent(REPORT.levels.at(-1), 0);
  return frames === null
    ? []
    : [
        [`${short(frames)} M`, `frames to ${level} ${measure}`],
        [clock(minutes), `minutes to ${level} ${measure}`],
      ];
}

function episodesCard(task) {
  const holder = element("div");
  const body = element("div");
  const sheet = task.sheet && new Sheet(task.sheet);
  const choose = (index) => {
    const chosen = task.players[index];
    body.replaceChildren(
      ...(chosen.reason
        ? [element("p", { class: "soft" }, `No episodes: ${chosen.reason}.`)]
        : playerParts(chosen, sheet, holder)),
    );
  };
  choose(0);
  return element(
    "section",
    { class: "card", "aria-label": "Episodes" },
    element("h2", {}, "Episodes"),
    task.players.length > 1
      ? element(
          "div",
          { class: "row" },
          choice(
            "Experiment",
            task.players.map(({ group }, k) => [k, group]),
            0,
            choose,
          ),
        )
      : null,
    body,
  );
}

function playerParts(chosen, sheet, holder) {
  const open = (index) => {
    player?.close();
    player = new Player(new Episode(chosen.episodes[index]), sheet);
    holder.replaceChildren(player.root);
    player.draw();
  };
  open(0);
  const names = chosen.episodes.map((episode, k) => [k, `${k + 1}: ${outcome(episode)}`]);
  return [
    element("p", { class: "soft small" }, playedNote(chosen)),
    choice("Episode", names, 0, open),
    holder,
  ];
}

function outcome(episode) {
  if (episode.success === null) return `return ${short(episode.return)}`;
  return `${episode.success ? "success" : "failure"}, ${episode.actions.length} steps`;
}

function playedNote({ seed, frames, played, succeeded, episodes }) {
  const model = `Played by the model of seed ${seed} after ${frames.toLocaleString("en")} frames, actions sampled as in training.`;
  const rate =
    succeeded === null
      ? ""
      : ` Of ${played} episodes that it played for this page ${succeeded} succeeded; ${episodes.length} ${episodes.length === 1 ? "is" : "are"} shown.`;
  return `${model}${rate} Space plays, arrow keys go step by step; drag along the time line.`;
}

const KEYS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

document.addEventListener("keydown", (event) => {
  const within = (selector) => event.target.closest(selector) !== null;
  if (!player || within("input, select, .scroll") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === " " && !within("button, summary")) player.toggle();
  else if (event.key in KEYS) player.scrub(player.moment + KEYS[event.key]);
  else return;
  event.preventDefault();
});

document.getElementById("report").append(
  element("h1", {}, document.title),
  element(
    "p",
    { class: "soft small" },
    `Written ${REPORT.written.replace("T", " ").replace("+00:00", " UTC")}. Everything is in this file.`,
  ),
  REPORT.tasks.length > 1
    ? choice(
        "Task",
        REPORT.tasks.map(({ name }, k) => [k, name]),
        0,
        (k) => show(REPORT.tasks[k]),
      )
    : "",
  element("div", { id: "task" }),
);
show(REPORT.tasks[0]);
