"use strict";

/** A policy without memory: the same action at the same sight, and the two cues are the same sight to it. */
class Memoryless {
  constructor(tables, size) {
    this.table = tables[Math.min(size, Math.max(...Object.keys(tables).map(Number)))];
  }

  reset() {}

  act(tiles) {
    return this.table[tiles.join("").replace("3", "2")];
  }
}

/** The trained actor: an LSTM and a layer of action values, from 32-bit numbers in base64. */
class Lstm {
  constructor({ inputs, units, actions, weights }) {
    const bytes = Uint8Array.from(atob(weights), (letter) => letter.charCodeAt(0));
    const numbers = new Float32Array(bytes.buffer);
    let from = 0;
    const take = (count) => numbers.subarray(from, (from += count));
    Object.assign(this, { inputs, units, actions, held: new Map() });
    this.seeing = take(4 * units * inputs); // [4 units, inputs]: gates input, forget, new, output
    this.remembering = take(4 * units * units); // [4 units, units]
    this.gateBias = take(4 * units);
    this.acting = take(actions * units); // [actions, units]
    this.actionBias = take(actions);
    this.reset();
  }

  reset() {
    this.hidden = new Float64Array(this.units);
    this.cells = new Float64Array(this.units);
  }

  /** One step; units that are held have the value they are held at, whatever the network would make it. */
  act(tiles) {
    const { inputs, units, seeing, remembering, gateBias, hidden, cells } = this;
    const kinds = inputs / tiles.length;
    const gates = Float64Array.from(gateBias, (bias, gate) => {
      let sum = bias;
      for (let k = 0; k < tiles.length; k++) sum += seeing[gate * inputs + k * kinds + tiles[k]];
      for (let k = 0; k < units; k++) sum += remembering[gate * units + k] * hidden[k];
      return sum;
    });
    const sigmoid = (x) => 1 / (1 + Math.exp(-x));
    for (let k = 0; k < units; k++) {
      const [input, forget, fresh, output] = [0, 1, 2, 3].map((gate) => gates[gate * units + k]);
      cells[k] = sigmoid(forget) * cells[k] + sigmoid(input) * Math.tanh(fresh);
      hidden[k] = sigmoid(output) * Math.tanh(cells[k]);
    }
    this.held.forEach((value, unit) => (hidden[unit] = value));
    this.logits = Array.from(this.actionBias, (bias, action) =>
      hidden.reduce((sum, value, k) => sum + this.acting[action * units + k] * value, bias),
    );
    return this.logits.indexOf(Math.max(...this.logits));
  }
}

/** Play an episode to its end: every state, and the memory with which each action was chosen. */
function playEpisode(config, policy, cue, heading) {
  let state = IMaze.firstState(config, cue, heading);
  const states = [state];
  const memory = [];
  policy.reset();
  while (!IMaze.hasEnded(config, state)) {
    state = IMaze.transition(config, state, policy.act(IMaze.observe(config, state)));
    states.push(state);
    if (policy.hidden) memory.push(policy.hidden.slice());
  }
  return { states, memory, outcome: state.outcome };
}

/** In how many of the eight starts, two cues and four headings, a policy reaches the right goal. */
function successes(config, policy) {
  let count = 0;
  for (let start = 0; start < 8; start++)
    count += playEpisode(config, policy, start >> 2, start & 3).outcome > 0;
  return count;
}
