// A learning curve to go along: at each stop there is a network of that time, which plays the same episodes.

class Training {
  constructor({ curve, stops, colour }, chosen, onChoose) {
    Object.assign(this, { curve, stops, onChoose });
    const values = [...curve.points.map(([, value]) => value), ...curve.marks.map(([, value]) => value), 0];
    this.low = Math.min(...values);
    this.high = Math.max(...values);
    this.last = Math.max(stops.at(-1).frames, ...curve.points.map(([frames]) => frames));
    this.marker = element("i", { class: "marker" });
    this.dots = stops.map(({ frames }) => this.dot(frames));
    this.words = element("p", { class: "small", role: "status" });
    this.slider = element("input", {
      type: "range",
      min: 0,
      max: stops.length - 1,
      "aria-label": "Snapshot of the training",
      input: () => this.choose(Number(this.slider.value)),
    });
    this.root = element(
      "div",
      { class: "training" },
      element("h3", {}, `${curve.measure} while training: drag, and a network of that time plays`),
      this.plot(),
      this.slider,
      this.words,
    );
    this.root.style.setProperty("--curve", colour);
    this.show(chosen);
  }

  x(frames) {
    return (100 * frames) / this.last;
  }

  /** From the top, in percent; there is room for a name there. */
  y(value) {
    return 95 - (78 * (value - this.low)) / (this.high - this.low || 1);
  }

  /** The curve at these frames; null before it begins. */
  at(frames) {
    const { points } = this.curve,
      next = points.findIndex(([where]) => where >= frames);
    if (next < 0) return points.at(-1)?.[1] ?? null;
    if (next === 0) return points[0][0] === frames ? points[0][1] : null;
    const [[left, low], [right, high]] = points.slice(next - 1, next + 1);
    return low + ((frames - left) / (right - left)) * (high - low);
  }

  dot(frames) {
    const value = this.at(frames);
    if (value === null) return null;
    const dot = element("i", { class: "dot" });
    dot.style.left = `${this.x(frames)}%`;
    dot.style.top = `${this.y(value)}%`;
    return dot;
  }

  plot() {
    const { points, marks } = this.curve;
    const line = points.map(([frames, value]) => `${this.x(frames)},${this.y(value)}`).join(" ");
    const drawing = shape(
      "svg",
      { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" },
      marks.map(([, value]) => shape("path", { class: "yardstick", d: `M0 ${this.y(value)}H100` })),
      shape("polyline", { points: line }),
    );
    const labels = marks.map(([name, value]) => {
      const label = element("span", { class: "yardstick" }, `${name} ${short(value)}`);
      label.style.top = `${this.y(value)}%`;
      return label;
    });
    const plot = element("div", { class: "plot" }, drawing, labels, this.dots, this.marker);
    followPointer(plot, ".plot", (event) => {
      const frame = plot.getBoundingClientRect();
      this.choose(this.nearest(((event.clientX - frame.left) / frame.width) * this.last));
    });
    return element("div", {}, plot, this.axis());
  }

  axis() {
    const millions = [0, this.last / 2, this.last].map((frames) => short(frames / 1e6));
    const names = [millions[0], millions[1], `${millions[2]} M frames`];
    return element(
      "div",
      { class: "axis", "aria-hidden": "true" },
      names.map((name) => element("span", {}, name)),
    );
  }

  nearest(frames) {
    const away = this.stops.map((stop) => Math.abs(stop.frames - frames));
    return away.indexOf(Math.min(...away));
  }

  choose(number) {
    if (number === this.chosen) return;
    this.show(number);
    this.onChoose(number);
  }

  show(number) {
    this.chosen = number;
    const { frames, value } = this.stops[number];
    this.marker.style.left = `${this.x(frames)}%`;
    this.dots.forEach((dot, k) => dot?.classList.toggle("on", k === number));
    const who = number === this.stops.length - 1 ? "The final model" : frames ? "The actor" : "The untrained actor";
    const how = value === null ? "" : `: ${this.curve.measure} ${short(value)} over the latest training episodes`;
    const told = `${who}, after ${frames.toLocaleString("en")} frames${how}.`;
    this.words.textContent = told;
    this.slider.value = number;
    this.slider.setAttribute("aria-valuetext", told);
  }
}
