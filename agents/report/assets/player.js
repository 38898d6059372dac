// Episodes that play side by side: their rooms, the buttons below them, and what goes on inside one of them.

const PACE = 5; // steps per second at speed 1
const SYMBOLS = {
  play: "M5 3v14l12-7z",
  pause: "M5 3h4v14H5zM12 3h4v14h-4z",
  back: "M14 4v12L6 10zM4 4h2v12H4z",
  on: "M6 4v12l8-6zM14 4h2v12h-2z",
};

function symbol(name) {
  return shape("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" }, shape("path", { d: SYMBOLS[name] }));
}

class Player {
  /** `begin`: {selected, moment, speed, playing}, as `state` of another one. */
  constructor(episodes, sheet, begin, whenMoved = () => {}) {
    Object.assign(this, { episodes, sheet, whenMoved, due: 0 });
    this.moment = Math.min(begin.moment ?? 0, this.end);
    this.speed = begin.speed ?? 1;
    this.boards = episodes.map((episode, k) => new Board(episode, sheet, () => this.select(k)));
    this.right = element("div");
    this.below = element("div");
    this.counter = element("span", { class: "step" });
    this.slider = element("input", {
      type: "range",
      min: 0,
      "aria-label": "Step of the episode",
      input: () => this.scrub(Number(this.slider.value)),
    });
    this.button = element("button", { type: "button", class: "round main", click: () => this.toggle() });
    const boards = element(
      "div",
      { class: `boards of-${Math.min(episodes.length, 5)}`, role: "group", "aria-label": "Episode" },
      this.boards.map(({ root }) => root),
    );
    const caption = "the whole room; what the agent does not see is dimmed";
    this.root = element(
      "div",
      { class: "player" },
      element(
        "div",
        { class: "stage" },
        element("div", {}, element("p", { class: "caption" }, caption), boards),
        this.right,
      ),
      this.transport(),
      this.slider,
      this.below,
    );
    this.look(Math.min(begin.selected ?? 0, episodes.length - 1));
    this.watchSize();
    this.showButton();
    if (begin.playing) this.toggle();
  }

  get state() {
    const { selected, moment, speed, playing } = this;
    return { selected, moment, speed, playing };
  }

  get episode() {
    return this.episodes[this.selected];
  }

  /** The longest episode is played to its end, the one that is looked into is scrubbed to its own. */
  get end() {
    return Math.max(...this.episodes.map(({ length }) => length));
  }

  transport() {
    const by = (steps, name, label) =>
      element(
        "button",
        { type: "button", class: "round", "aria-label": label, click: () => this.scrub(this.inside.moment + steps) },
        symbol(name),
      );
    const speeds = [
      [0.5, "½×"],
      [1, "1×"],
      [2, "2×"],
      [4, "4×"],
    ];
    return element(
      "div",
      { class: "transport" },
      by(-1, "back", "One step back"),
      this.button,
      by(1, "on", "One step on"),
      choice("Speed", speeds, this.speed, (speed) => {
        this.speed = speed;
      }),
      this.counter,
    );
  }

  /** Look into an episode. */
  look(number) {
    this.selected = number;
    this.boards.forEach((board, k) => board.select(k === number));
    this.inside = new Inside(this.episode, this.sheet, (moment) => this.scrub(moment));
    this.right.replaceChildren(this.inside.beside);
    this.below.replaceChildren(this.inside.below);
    this.slider.max = this.episode.length;
  }

  select(number) {
    this.look(number);
    this.draw();
    this.whenMoved(this);
  }

  watchSize() {
    this.restyle = () => this.draw(true);
    this.observer = new ResizeObserver(this.restyle);
    this.observer.observe(this.root);
    darkness.addEventListener("change", this.restyle);
    this.sheet.image.decode().then(this.restyle);
  }

  close() {
    this.playing = false;
    this.observer.disconnect();
    darkness.removeEventListener("change", this.restyle);
  }

  /** Go to a moment of the episode that is looked into, and stay there. */
  scrub(moment) {
    this.playing = false;
    this.showButton();
    this.go(Math.min(moment, this.episode.length));
    this.whenMoved(this);
  }

  go(moment) {
    this.moment = Math.min(Math.max(moment, 0), this.end);
    this.draw();
  }

  toggle() {
    this.playing = !this.playing;
    if (this.playing && this.moment === this.end) this.go(0);
    this.showButton();
    if (this.playing) {
      this.due = performance.now() + 1000 / (PACE * this.speed);
      requestAnimationFrame((now) => this.tick(now));
    }
  }

  tick(now) {
    if (!this.playing) return;
    if (now >= this.due) {
      this.due = now + 1000 / (PACE * this.speed);
      this.go(this.moment + 1);
      if (this.moment === this.end) {
        this.playing = false;
        this.showButton();
        return;
      }
    }
    requestAnimationFrame((next) => this.tick(next));
  }

  showButton() {
    const name = this.playing ? "pause" : "play";
    this.button.setAttribute("aria-label", this.playing ? "Pause" : "Play");
    this.button.replaceChildren(symbol(name));
  }

  draw(fresh = false) {
    if (!this.root.isConnected || !this.sheet.image.complete) return;
    this.boards.forEach((board) => board.draw(this.moment, fresh));
    this.inside.draw(this.moment, fresh);
    const { moment, episode } = this.inside;
    this.slider.value = moment;
    this.slider.setAttribute("aria-valuetext", `step ${moment} of ${episode.length}`);
    const reward = moment > 0 ? episode.rewards[moment - 1] : 0;
    this.counter.textContent = `step ${moment} of ${episode.length}${reward ? `, reward ${reward > 0 ? "+" : ""}${short(reward)}` : ""}`;
  }
}
