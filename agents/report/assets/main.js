// The episodes of the page, from its data.

const { players, sheets } = JSON.parse(document.getElementById("data").textContent);
const artwork = sheets.map((sheet) => sheet && new Sheet(sheet));
const body = element("div");
let player = null;

function choose(number) {
  const chosen = players[number];
  player?.close();
  player = null;
  if (chosen.reason) {
    body.replaceChildren(element("p", { class: "soft" }, `No episodes: ${chosen.reason}.`));
    return;
  }
  const holder = element("div");
  const names = chosen.episodes.map((episode, k) => [k, `${k + 1}: ${outcome(episode)}`]);
  const open = (index) => {
    player?.close();
    player = new Player(new Episode(chosen.episodes[index]), artwork[chosen.sheet]);
    holder.replaceChildren(player.root);
    player.draw();
  };
  body.replaceChildren(
    element("p", { class: "soft small" }, playedNote(chosen)),
    choice("Episode", names, 0, open),
    holder,
  );
  open(0);
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

const oneTask = players.every(({ task }) => task === players[0].task);
const experiments = players.map(({ task, group }, k) => [k, oneTask ? group : `${task}: ${group}`]);
document
  .getElementById("episodes")
  .append(players.length > 1 ? choice("Experiment", experiments, 0, choose) : "", body);
choose(0);
