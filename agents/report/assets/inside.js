// What goes on inside an episode: what the agent sees, what the networks say, and tracks to go along.

class Inside {
  constructor(episode, sheet, onScrub) {
    Object.assign(this, { episode, sheet, onScrub, moment: 0, head: null, fresh: true });
    this.view = element("canvas", { role: "img" });
    this.notes = element("div");
    this.facts = element("dl", { class: "hidden-facts" });
    this.minds = element("div", { class: "minds" });
    this.lookback = element("div", { class: "lookback small" });
    this.tracks = tracksOf(episode, sheet, { step: () => this.step, head: () => this.head });
    this.beside = element(
      "div",
      {},
      element(
        "div",
        { class: "beside" },
        element("div", {}, element("p", { class: "caption" }, "what it sees"), this.view, this.notes),
        element("div", {}, element("p", { class: "caption" }, "what it is not told"), this.facts),
      ),
      this.minds,
    );
    this.below = element("div", {}, this.headChoice(), episode.attention ? this.lookback : null, this.timeline());
  }

  /** The step that the networks have just been asked about; null at the end, where nobody asks. */
  get step() {
    return this.moment < this.episode.length ? this.moment : null;
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
        this.draw(this.moment, true);
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
    followPointer(line, ".track", (event) => {
      const frame = this.canvases[0].getBoundingClientRect();
      this.onScrub(Math.floor(((event.clientX - frame.left) / frame.width) * (this.episode.length + 1)));
    });
    return line;
  }

  /** `fresh`: draw what does not change from step to step as well. */
  draw(moment, fresh = false) {
    this.moment = Math.min(moment, this.episode.length);
    this.fresh ||= fresh;
    drawView(this.view, this.sheet, this.episode, this.moment);
    this.drawWords();
    this.tracks.forEach((track, k) => this.drawTrack(track, this.canvases[k], this.cursors[k], this.marks[k]));
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
