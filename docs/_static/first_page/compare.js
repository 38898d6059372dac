"use strict";

/** Size and delay of the maze, as the sliders have them. */
const Settings = (() => {
  const names = ["size", "delay"];
  const read = () => Object.fromEntries(names.map((name) => [name, Number(byId(name).value)]));

  function show() {
    const { size, delay } = read();
    byId("size-told").textContent = `${size}×${size}`;
    byId("delay-told").textContent = plural(delay, "step");
  }

  function start(changed) {
    show();
    names.forEach((name) =>
      byId(name).addEventListener("input", () => {
        show();
        changed();
      }),
    );
  }

  return { read, start };
})();

/** The same maze under both cues, walked by a policy without memory and by the LSTM. */
const Comparison = (() => {
  const lstm = new Lstm(FIRST_PAGE.actor);
  const SHORTEST = 40; // milliseconds of a step; a long episode takes some eight seconds
  const players = ["memoryless", "lstm"];
  let config, episodes, length, moment, timer;
  let heading = 0;

  /** Play everything again: the settings, the start or a unit changed. */
  function compute() {
    config = IMaze.configure(Settings.read());
    const policies = { memoryless: new Memoryless(FIRST_PAGE.memoryless, config.size), lstm };
    episodes = {};
    for (const player of players) {
      const policy = policies[player];
      episodes[player] = [0, 1].map((cue) => playEpisode(config, policy, cue, heading));
      byId(`${player}-score`).textContent = `${successes(config, policy)} of 8`;
    }
    length = Math.max(...players.flatMap((player) => episodes[player].map((each) => each.states.length)));
    byId("moment").max = length - 1;
  }

  function show(at) {
    moment = Math.min(at, length - 1);
    byId("moment").value = moment;
    byId("moment-told").textContent = `step ${moment} of ${length - 1}`;
    for (const player of players)
      episodes[player].forEach((episode, cue) => {
        const states = episode.states.slice(0, moment + 1);
        const canvas = byId(`${player}-${cue}`);
        Painter.room(canvas, config, states);
        const told = ended(episode, states);
        canvas.setAttribute("aria-label", `The maze with cue ${"AB"[cue]}: ${told}`);
        const label = byId(`${player}-${cue}-told`);
        label.textContent = told;
        const { outcome } = states[states.length - 1];
        label.dataset.mood = outcome > 0 ? "good" : outcome < 0 ? "bad" : "";
      });
    showUnits();
  }

  function ended(episode, states) {
    const { outcome, sight, hold, steps, seenAt } = states[states.length - 1];
    if (outcome) return outcome > 0 ? `right goal, ${plural(steps, "step")}` : "wrong goal";
    if (states.length === episode.states.length) return "out of time";
    if (hold) return `held for ${hold}`;
    return ["no cue yet", "cue in view", `${steps - seenAt} since the cue`][sight];
  }

  /** A bar of each unit in either maze, from the middle up or down. */
  function showUnits() {
    const memories = episodes.lstm.map(({ memory }) => memory[Math.min(moment, memory.length - 1)]);
    document.querySelectorAll("#units button").forEach((button, unit) => {
      const held = lstm.held.get(unit);
      button.querySelectorAll("i").forEach((bar, cue) => {
        const value = memories[cue][unit];
        bar.style.height = `${Math.abs(value) * 50}%`;
        bar.style.bottom = value < 0 ? `${50 + value * 50}%` : "50%";
      });
      button.classList.toggle("held", held !== undefined);
      const told = held === undefined ? "free" : `held at ${held > 0 ? "+1" : "−1"}`;
      button.setAttribute("aria-label", `unit ${unit}, ${told}`);
      button.title = `unit ${unit}: ${memories.map((each) => each[unit].toFixed(2)).join(" and ")}, ${told}`;
    });
    byId("release").disabled = lstm.held.size === 0;
  }

  /** Free, held at +1, held at -1, free again. */
  function hold(unit, value) {
    if (value === undefined) lstm.held.delete(unit);
    else lstm.held.set(unit, value);
    changed();
  }

  function changed() {
    pause();
    const atEnd = moment === length - 1;
    compute();
    show(atEnd ? Infinity : moment);
  }

  function play() {
    if (moment >= length - 1) show(0);
    byId("play").textContent = "Pause";
    const began = performance.now();
    const from = moment;
    const pace = Math.min(220, Math.max(SHORTEST, 8000 / length));
    const tick = (time) => {
      const to = from + Math.floor((time - began) / pace);
      if (to > moment) show(to);
      if (moment >= length - 1) pause();
      else timer = requestAnimationFrame(tick);
    };
    timer = requestAnimationFrame(tick);
  }

  function pause() {
    cancelAnimationFrame(timer);
    timer = undefined;
    byId("play").textContent = "Play";
  }

  /** Play the maze that begins with a state, and mark the rooms with its cue. */
  function watch(first) {
    heading = first.heading;
    pause();
    for (const player of players)
      [0, 1].forEach((cue) =>
        byId(`${player}-${cue}`).parentElement.classList.toggle("yours", cue === first.cue),
      );
    compute();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    byId("compare").scrollIntoView({ behavior: still ? "auto" : "smooth" });
    byId("play").focus({ preventScroll: true });
    show(still ? Infinity : 0);
    if (!still) play();
  }

  function buildUnits() {
    for (let unit = 0; unit < lstm.units; unit++) {
      const button = document.createElement("button");
      button.type = "button";
      button.innerHTML = "<span><i></i><i></i></span>";
      button.addEventListener("click", () => hold(unit, { undefined: 1, 1: -1 }[lstm.held.get(unit)]));
      byId("units").append(button);
    }
  }

  function start() {
    buildUnits();
    moment = length = 0;
    compute();
    show(Infinity); // the whole walk, until somebody plays it
    Settings.start(() => {
      changed();
      Game.begin();
    });
    byId("play").addEventListener("click", () => (timer === undefined ? play() : pause()));
    byId("moment").addEventListener("input", (event) => {
      pause();
      show(Number(event.target.value));
    });
    document.querySelectorAll("[data-hold]").forEach((button) =>
      button.addEventListener("click", () => hold(20, Number(button.dataset.hold))),
    );
    byId("release").addEventListener("click", () => {
      lstm.held.clear();
      changed();
    });
    new ResizeObserver(() => show(moment)).observe(byId("memoryless-0"));
  }

  return { start, watch };
})();

Painter.ready.then(() => {
  Comparison.start();
  Game.start();
  document.documentElement.dataset.firstPage = "ready";
});
