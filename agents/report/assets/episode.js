// A recorded episode, unpacked: T steps, and T + 1 moments, the last of which is the end.

const ARRAYS = { uint8: Uint8Array, int8: Int8Array, uint16: Uint16Array };

/**
 * base64 of integers -> {shape, at}: `at(i, j, ...)` is the number there. Browsers are little-endian.
 * With `rows`, equal parts are there once, and these say which one the i-th is.
 */
function unpacked({ kind, shape: sizes, quantum, data, rows }) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const values = new ARRAYS[kind](bytes.buffer);
  const at = (first, ...place) =>
    values[place.reduce((index, k, axis) => index * sizes[axis + 1] + k, rows ? rows[first] : first)] * quantum;
  return { shape: sizes, at };
}

class Episode {
  constructor(recorded) {
    Object.assign(this, recorded);
    for (const name of ["room", "visible", "view"]) this[name] = unpacked(recorded[name]);
    this.length = this.actions.length;
    this.facts = Array.from({ length: this.length + 1 }, (_, moment) =>
      recorded.facts.map(({ distinct, rows }) => distinct[rows[moment]]),
    );
    this.known = new Map();
    this.reached = {};
    this.roles = Object.keys(this.traces);
    this.hidden = this.firstOf("hidden");
    this.attention = this.firstOf("attention");
    this.seen = this.sightings.map(({ tile, steps }) => ({ tile, steps: new Set(steps) }));
  }

  /** The role whose network has this inside, and what it holds; null if none has. */
  firstOf(part) {
    const role = this.roles.find((each) => this.traces[each][part]);
    return role === undefined ? null : { role, ...unpacked(this.traces[role][part]) };
  }

  /** How it came out, in words; the return where it says more than the success. */
  get outcome() {
    const told = this.success === null ? [] : [this.success ? "success" : "failure"];
    if (this.success === null || Math.abs(this.return) > 1) told.push(`return ${short(this.return)}`);
    return [...told, `${this.length} steps`].join(", ");
  }

  /** Roles whose networks say what a step is worth, in units that are known. */
  get valuing() {
    return this.roles.filter((role) => this.traces[role].value);
  }

  /** What there is to say of a memory target: a row for each network, and one for the truth. */
  beliefs(number) {
    const { truth } = this.targets[number];
    const rows = this.roles.map((role) => {
      const { value, probability } = this.traces[role].memory[number];
      return { who: role, values: value, probability };
    });
    if (truth) rows.push({ who: "the truth", values: truth, probability: null });
    return rows;
  }

  /** The tile that makes a moment worth noticing: the first in the agent's view, or null. */
  sight(moment) {
    return this.seen.find(({ steps }) => steps.has(moment))?.tile ?? null;
  }

  /** How much a step looks at each step up to itself; of one head [layer, head], or the mean of all. */
  looks(step, head) {
    const key = `${step} ${head}`;
    if (!this.known.has(key)) this.known.set(key, this.summed(step, head));
    return this.known.get(key);
  }

  summed(step, head) {
    const span = this.attention.shape.at(-1),
      chosen = head ? [head] : this.heads();
    return Array.from({ length: step + 1 }, (_, past) => {
      const back = step - past;
      if (back >= span) return 0;
      return chosen.reduce((sum, [l, h]) => sum + this.attention.at(step, l, h, back), 0) / chosen.length;
    });
  }

  /** Every [layer, head]. */
  heads() {
    const [, layers, heads] = this.attention.shape;
    return Array.from({ length: layers * heads }, (_, k) => [Math.floor(k / heads), k % heads]);
  }

  /** The head that looks most at steps with a tile in view: {head, share}. */
  keenest(step, tile) {
    const each = this.heads().map((head) => ({
      head,
      share: this.shares(this.looks(step, head)).find((of) => of.tile === tile).share,
    }));
    return each.reduce((best, other) => (other.share > best.share ? other : best));
  }

  /**
   * How much of what each step ends up with can come from steps with a tile in view. What a layer finds at an
   * earlier step is what the layer below found then, so attention reaches further than it looks: through the head
   * of each layer that leads there best, or past a layer by the stream around it.
   */
  reach(tile) {
    this.reached[tile] ??= this.reachedLayerByLayer(tile);
    return this.reached[tile];
  }

  reachedLayerByLayer(tile) {
    const [, layers, heads] = this.attention.shape,
      { steps } = this.seen.find((each) => each.tile === tile);
    let found = Array.from({ length: this.length }, (_, step) => (steps.has(step) ? 1 : 0));
    for (let layer = 0; layer < layers; layer++) {
      const through = (step, head) =>
        this.looks(step, [layer, head]).reduce((sum, weight, past) => sum + weight * below[past], 0);
      const below = found;
      found = below.map((already, step) =>
        Math.max(already, ...Array.from({ length: heads }, (_, head) => through(step, head))),
      );
    }
    return found;
  }

  /** Of these looks, how much falls on steps with each kind of tile in view; what was never seen is left out. */
  shares(looks) {
    return this.seen
      .filter(({ steps }) => [...steps].some((step) => step < looks.length))
      .map(({ tile, steps }) => ({
        tile,
        share: looks.reduce((sum, w, k) => sum + (steps.has(k) ? w : 0), 0),
      }));
  }
}
