"use strict";

/** The maze that people play, seeing no more than the agent does. */
const Game = (() => {
  const KEYS = { ArrowLeft: 0, ArrowRight: 1, ArrowUp: 2, a: 0, d: 1, w: 2 };
  const SWIPE = 24; // pixels; less is a tap
  const card = byId("game");
  const eye = byId("eye");
  const room = byId("whole-maze");
  const tally = { right: 0, played: 0 };
  let config, states, inView;

  const now = () => states[states.length - 1];

  function begin() {
    config = IMaze.configure(Settings.read());
    const [cue, heading] = [2, 4].map((choices) => Math.floor(Math.random() * choices));
    states = [IMaze.firstState(config, cue, heading)];
    show();
  }

  function act(action) {
    if (IMaze.hasEnded(config, now())) return;
    states.push(IMaze.transition(config, now(), action));
    if (IMaze.hasEnded(config, now())) {
      tally.played++;
      tally.right += now().outcome > 0;
    }
    show();
  }

  function said() {
    const { sight, hold, outcome, steps, seenAt, cue } = now();
    const shape = ["an amber disc", "a blue diamond"][cue];
    const carried = steps - seenAt;
    if (outcome > 0) return `Right. You carried one bit for ${plural(carried, "step")}.`;
    if (outcome < 0 && seenAt < 0) return `Wrong. It was ${shape}, and you never looked.`;
    if (outcome < 0) return `Wrong. The cue was ${shape}, ${plural(carried, "step")} ago.`;
    if (steps >= config.maxSteps) return `Out of time after ${plural(steps, "step")}.`;
    if (sight === 1) return `It is ${shape}. Remember it.`;
    if (hold > 0) return `Held here for ${plural(hold, "more step")}. Do you still know?`;
    if (sight === 2) return `Out of sight for ${plural(carried, "step")}. Which goal?`;
    return steps === 0 ? "A cue lies at the other end of this corridor. Go and see." : "No cue yet.";
  }

  function show() {
    const ended = IMaze.hasEnded(config, now());
    Painter.view(eye, config, now());
    eye.setAttribute("aria-label", `Your view: ${seen()}`);
    byId("said").textContent = said();
    byId("said").dataset.mood = ended ? (now().outcome > 0 ? "good" : "bad") : "";
    card.classList.toggle("ended", ended);
    if (ended) Painter.room(room, config, states);
    byId("steps").textContent = `step ${now().steps} of ${config.maxSteps}`;
    byId("tally").textContent = tally.played ? `${tally.right} of ${tally.played} right` : "";
  }

  /** The window in words, from what lies ahead to what lies underfoot. */
  function seen() {
    const names = FIRST_PAGE.sheet.names;
    const tiles = IMaze.observe(config, now());
    const things = tiles.filter((tile) => tile > 1).map((tile) => names[tile]);
    const ahead = tiles[tiles.length - 1 - Math.floor(config.viewSize * 1.5)] === 0 ? "wall" : "open floor";
    return [`${ahead} ahead`, ...things].join(", ");
  }

  function onKey(event) {
    const plain = !(event.ctrlKey || event.metaKey || event.altKey || event.shiftKey);
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
    if (!plain || typing || !inView || !(event.key in KEYS)) return;
    event.preventDefault();
    act(KEYS[event.key]);
  }

  function onSwipe() {
    let from = null;
    eye.addEventListener("pointerdown", (event) => (from = [event.clientX, event.clientY]));
    eye.addEventListener("pointercancel", () => (from = null));
    addEventListener("pointerup", (event) => {
      if (!from) return;
      const [x, y] = [event.clientX - from[0], event.clientY - from[1]];
      from = null;
      if (Math.max(Math.abs(x), Math.abs(y)) < SWIPE || (Math.abs(y) > Math.abs(x) && y < 0)) act(2);
      else if (Math.abs(x) >= Math.abs(y)) act(x < 0 ? 0 : 1);
    });
  }

  function start() {
    addEventListener("keydown", onKey);
    new IntersectionObserver(([entry]) => (inView = entry.intersectionRatio > 0.6), {
      threshold: [0, 0.6, 1],
    }).observe(byId("eye"));
    onSwipe();
    document.querySelectorAll("#game [data-action]").forEach((button) =>
      button.addEventListener("click", () => act(Number(button.dataset.action))),
    );
    byId("again").addEventListener("click", begin);
    byId("watch").addEventListener("click", () => Comparison.watch(states[0]));
    document.querySelectorAll("canvas.fp-icon").forEach((each) => Painter.icon(each, Number(each.dataset.tile)));
    begin();
    new ResizeObserver(show).observe(eye);
  }

  return { start, begin, state: () => now() };
})();
