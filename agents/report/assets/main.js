// The episodes of the page, from its data.

const { players, sheets } = JSON.parse(document.getElementById("data").textContent);
const artwork = sheets.map((sheet) => sheet && new Sheet(sheet));
const body = element("div");
let player = null;

/** Which experiment, episode and step the address asks for, each from 0: "#agent=0&episode=2&step=10". */
function asked() {
  const given = new URLSearchParams(location.hash.slice(1));
  const number = (name, count) => {
    const value = Number(given.get(name));
    return Number.isInteger(value) && value >= 0 && value < count ? value : 0;
  };
  const agent = number("agent", players.length);
  return {
    agent,
    episode: number("episode", players[agent].episodes?.length ?? 0),
    step: number("step", Infinity),
  };
}

function choose(number, first = { episode: 0, step: 0 }) {
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
    player.whenScrubbed = (step) =>
      history.replaceState(null, "", `#agent=${number}&episode=${index}&step=${step}`);
    holder.replaceChildren(player.root);
    player.draw();
  };
  body.replaceChildren(
    element("p", { class: "soft small" }, playedNote(chosen)),
    choice("Episode", names, first.episode, open),
    holder,
  );
  open(first.episode);
  player.go(first.step);
}

function outcome(episode) {
  if (episode.success === null) return `return ${short(episode.return)}`;
  return `${episode.success ? "success" : "failure"}, ${episode.actions.length} steps`;
}

function playedNote({ seed, frames, evaluated, played, succeeded, episodes }) {
  const model = `Played by the model of seed ${seed} after ${frames.toLocaleString("en")} frames, actions sampled as in training.`;
  const rate =
    succeeded === null
      ? ""
      : ` Of ${played} episodes that it played for this page ${succeeded} succeeded; ${episodes.length} ${episodes.length === 1 ? "is" : "are"} shown.`;
  const share = evaluated
    ? ` When it was evaluated, ${short(100 * evaluated.success)} % of ${evaluated.episodes.toLocaleString("en")} episodes succeeded.`
    : "";
  return `${model}${share}${rate} Space plays, arrow keys go step by step; drag along the time line.`;
}

const KEYS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

document.addEventListener("keydown", (event) => {
  const within = (selector) => event.target.closest(selector) !== null;
  if (!player || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isSpaceToPlay(event)) player.toggle();
  else if (within("input, select, .scroll")) return;
  else if (event.key in KEYS) player.scrub(player.moment + KEYS[event.key]);
  else return;
  event.preventDefault();
});

// A button that has the focus is pressed when the key comes up.
document.addEventListener("keyup", (event) => isSpaceToPlay(event) && event.preventDefault());

/** Space plays whatever has the focus, but for what it unfolds; Enter presses buttons. */
function isSpaceToPlay(event) {
  return player && event.key === " " && !event.target.closest("summary, select");
}

const oneTask = players.every(({ task }) => task === players[0].task);
const experiments = players.map(({ task, group }, k) => [k, oneTask ? group : `${task}: ${group}`]);
document
  .getElementById("episodes")
  .append(players.length > 1 ? choice("Experiment", experiments, asked().agent, (number) => choose(number)) : "", body);
choose(asked().agent, asked());
