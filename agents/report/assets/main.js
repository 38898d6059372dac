// The episodes of the page, from its data.

const { players, sheets } = JSON.parse(document.getElementById("data").textContent);
const artwork = sheets.map((sheet) => sheet && new Sheet(sheet));
const body = element("div");
let player = null;

/**
 * Which experiment, snapshot, episode and step the address asks for, each from 0:
 * "#agent=0&training=3&episode=1&step=10"; without `training` the final model plays.
 */
function asked() {
  const given = new URLSearchParams(location.hash.slice(1));
  const number = (name, count, other = 0) => {
    const value = Number(given.get(name) ?? NaN);
    return Number.isInteger(value) && value >= 0 && value < count ? value : other;
  };
  const agent = number("agent", players.length);
  const stops = players[agent].stops ?? [];
  const stop = number("training", stops.length, stops.length - 1);
  const selected = number("episode", stops[stop]?.episodes.length ?? 0);
  return { agent, stop, begin: { selected, moment: number("step", Infinity) } };
}

function choose(agent, { stop: first, begin } = {}) {
  const chosen = players[agent],
    { stops } = chosen;
  player?.close();
  player = null;
  if (chosen.reason) {
    body.replaceChildren(...aboutIt(chosen), element("p", { class: "soft" }, `No episodes: ${chosen.reason}.`));
    return;
  }
  const last = stops.length - 1,
    holder = element("div"),
    sheet = artwork[chosen.sheet];
  let stop = first ?? last;
  const address = ({ selected, moment }) => {
    const training = stop === last ? "" : `&training=${stop}`;
    history.replaceState(null, "", `#agent=${agent}${training}&episode=${selected}&step=${moment}`);
  };
  const play = (state) => {
    player?.close();
    const episodes = stops[stop].episodes.map((each) => new Episode(each));
    player = new Player(episodes, sheet, state, address);
    holder.replaceChildren(player.root);
    player.draw(true);
  };
  const training = last
    ? new Training(chosen, stop, (number) => {
        stop = number;
        play(player.state);
        address(player);
      }).root
    : "";
  body.replaceChildren(...aboutIt(chosen), training, holder, element("p", { class: "soft small played" }, playedNote(chosen)));
  play(begin ?? {});
}

/** Who plays, and how well it does over far more episodes than are shown. */
function aboutIt({ about, evaluated }) {
  const found = evaluated && [
    element("b", {}, evaluated.measure === "success" ? `${short(100 * evaluated.mean)} %` : short(evaluated.mean)),
    evaluated.measure === "success" ? " of " : " of return over ",
    `${evaluated.episodes.toLocaleString("en")} episodes`,
    evaluated.measure === "success" ? " succeeded" : "",
    ", when the final model was evaluated",
  ];
  return [
    ...(players.length > 1 ? [element("p", { class: "small about-it" }, about.map(([, text]) => `${text} `))] : []),
    ...(found ? [element("p", { class: "rate" }, found)] : []),
  ];
}

function playedNote({ seed, kinds, added, stops }) {
  const kept = kinds > 1 ? `The first episode with each kind of start (${kinds} were met)` : "The first episodes";
  const more = added ? ", and a failure, as none of these is one" : "";
  const model = `the model of seed ${seed} after ${stops.at(-1).frames.toLocaleString("en")} frames`;
  return `${kept}${more}; played by ${model}, actions sampled as in training. Space plays, arrow keys go step by step; drag along the time line; click a room to look inside.`;
}

const KEYS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

document.addEventListener("keydown", (event) => {
  const within = (selector) => event.target.closest(selector) !== null;
  if (!player || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isSpaceToPlay(event)) player.toggle();
  else if (within("input, select, .scroll")) return;
  else if (event.key in KEYS) player.scrub(player.inside.moment + KEYS[event.key]);
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
const experiments = players.map(({ task, group, evaluated }, k) => [
  k,
  [
    oneTask ? group : `${task}: ${group}`,
    evaluated?.measure === "success" ? element("small", {}, `${short(100 * evaluated.mean)} %`) : "",
  ],
]);
document
  .getElementById("episodes")
  .append(players.length > 1 ? choice("Experiment", experiments, asked().agent, (number) => choose(number)) : "", body);
choose(asked().agent, asked());
