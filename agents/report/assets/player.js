// An episode that plays: the room, what the networks think, and a time line to go along.

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
  constructor(episode, sheet) {
    Object.assign(this, {
      episode,
      sheet,
      moment: 0,
      playing: false,
      speed: 1,
      head: null,
      due: 0,
      fresh: true,
      whenScrubbed: () => {},
    });
    this.room = element("canvas", { role: "img" });
    this.view = element("canvas", { role: "img" });
    this.notes = element("div");
    this.facts = element("dl", { class: "hidden-facts" });
    this.minds = element("div", { class: "minds" });
    this.lookback = element("div", { class: "lookback small" });
    this.counter = element("span", { class: "step" });
    this.slider = element("input", {
      type: "range",
      min: 0,
      max: episode.length,
      value: 0,
      "aria-label": "Step of the episode",
      input: () => this.scrub(Number(this.slider.value)),
    });
    this.button = element("button", { type: "button", class: "round main", click: () => this.toggle() });
    this.tracks = tracksOf(episode, sheet, { step: () => this.step, head: () => this.head });
    this.root = element(
      "div",
      { class: "player" },
      this.stage(),
      this.transport(),
      this.slider,
      this.headChoice(),
      this.lookback,
      this.timeline(),
    );
    this.watchSize();
    this.showButton();
  }

  /** The step that the networks have just been asked about; null at the end, where nobody asks. */
  get step() {
    return this.moment < this.episode.length ? this.moment : null;
  }

  stage() {
    const { poses } = this.episode;
    return element(
      "div",
      { class: "stage", "data-poses": poses.length },
      element(
        "div",
        {},
        element("p", { class: "caption" }, "the whole room; what the agent does not see is dimmed"),
        this.room,
      ),
      element(
        "div",
        {},
        element(
          "div",
          { class: "beside" },
          element("div", {}, element("p", { class: "caption" }, "what it sees"), this.view, this.notes),
          element("div", {}, element("p", { class: "caption" }, "what it is not told"), this.facts),
        ),
        this.minds,
      ),
    );
  }

  transport() {
    const by = (steps, name, label) =>
      element(
        "button",
        { type: "button", class: "round", "aria-label": label, click: () => this.scrub(this.moment + steps) },
        symbol(name),
      );
    return element(
      "div",
      { class: "transport" },
      by(-1, "back", "One step back"),
      this.button,
      by(1, "on", "One step on"),
      choice(
        "Speed",
        [
          [0.5, "½×"],
          [1, "1×"],
          [2, "2×"],
          [4, "4×"],
        ],
        this.speed,
        (speed) => {
          this.speed = speed;
        },
      ),
      this.counter,
    );
  }

  headChoice() {
    if (!this.episode.attention) return null;
    const options = this.episode.heads().map((head) => [head, headName(head)]);
    return element(
      "div",
      { class: "row heads" },
      element("span", { class: "small soft" }, `Attention of the ${this.episode.attention.role}`),
      choice("Attention head", [[null, "mean"], ...options], null, (head) => {
        this.head = head;
        this.redraw();
      }),
    );
  }

  timeline() {
    this.canvases = this.tracks.map(({ name }) =>
      element("canvas", { role: "img", "aria-label": `${name} along the episode` }),
    );
    this.cursors = this.tracks.map(() => element("div", { class: "cursor" }));
    this.marks = this.tracks.map(({ rows }) => (rows ? element("div", { class: "mark" }) : null));
    const rows = this.tracks.flatMap((track, k) => [
      element("div", { class: "name" }, element("b", {}, track.name), track.note),
      element("div", { class: "track" }, this.canvases[k], this.marks[k], this.cursors[k]),
    ]);
    const line = element("div", { class: "timeline" }, rows);
    this.followPointer(line);
    return line;
  }

  followPointer(line) {
    let held = false;
    const go = (event) => {
      const frame = this.canvases[0].getBoundingClientRect();
      this.scrub(Math.floor(((event.clientX - frame.left) / frame.width) * (this.episode.length + 1)));
    };
    line.addEventListener("pointerdown", (event) => {
      if (!event.target.closest(".track")) return;
      held = true;
      line.setPointerCapture(event.pointerId);
      go(event);
    });
    line.addEventListener("pointermove", (event) => held && go(event));
    for (const end of ["pointerup", "pointercancel"])
      line.addEventListener(end, () => {
        held = false;
      });
  }

  watchSize() {
    this.restyle = () => this.redraw();
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

  /** Go to a moment and stay there. */
  scrub(moment) {
    this.playing = false;
    this.showButton();
    this.go(moment);
    this.whenScrubbed(this.moment);
  }

  go(moment) {
    this.moment = Math.min(Math.max(moment, 0), this.episode.length);
    this.draw();
  }

  toggle() {
    this.playing = !this.playing;
    if (this.playing && this.step === null) this.go(0);
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
      if (this.step === null) {
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

  /** Draw what does not change from step to step as well. */
  redraw() {
    this.fresh = true;
    this.draw();
  }

  draw() {
    if (!this.root.isConnected || !this.sheet.image.complete) return;
    drawRoom(this.room, this.sheet, this.episode, this.moment);
    drawView(this.view, this.sheet, this.episode, this.moment);
    this.drawWords();
    this.tracks.forEach((track, k) =>
      this.drawTrack(track, this.canvases[k], this.cursors[k], this.marks[k]),
    );
    this.fresh = false;
  }

  drawTrack(track, canvas, cursor, mark) {
    const width = canvas.parentElement.clientWidth,
      { height, rows } = track;
    const step = width / (this.episode.length + 1),
      x = (moment) => moment * step;
    if (this.fresh || track.moving) {
      canvas.style.height = `${height}px`;
      track.draw(context(canvas, width, height), { x, step, width, height });
    }
    cursor.style.left = `${x(this.moment) + step / 2 - 1}px`;
    if (!mark) return;
    mark.hidden = this.step === null;
    mark.style.top = `${(this.moment * height) / rows}px`;
    mark.style.height = `${Math.max(2, height / rows)}px`;
    mark.style.width = `${x(this.moment) + step}px`;
  }

  drawWords() {
    const { episode, moment, sheet } = this;
    this.slider.value = moment;
    this.slider.setAttribute("aria-valuetext", `step ${moment} of ${episode.length}`);
    const reward = moment > 0 ? episode.rewards[moment - 1] : 0;
    this.counter.textContent = `step ${moment} of ${episode.length}${reward ? `, reward ${reward > 0 ? "+" : ""}${short(reward)}` : ""}`;
    this.notes.replaceChildren(
      ...Object.entries(episode.notes).map(([name, on]) =>
        element("div", { class: on[moment] ? "note on" : "note" }, name),
      ),
    );
    this.facts.replaceChildren(
      ...episode.facts[moment].flatMap(({ name, text, icons, mood }) => [
        element("dt", {}, name),
        element(
          "dd",
          { class: mood },
          icons.map((each) => icon(sheet, each)),
          text,
        ),
      ]),
    );
    this.minds.replaceChildren(...episode.roles.map((role) => mind(episode, role, this.step)));
    this.lookback.replaceChildren(...lookback(episode, sheet, this.step, this.head));
  }
}
