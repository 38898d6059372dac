// What is drawn along the time line. Each track is {name, note, height, draw(drawing, place)}, where `place` says
// where steps lie: x(step) is the left edge of a step, `step` its width, `width` and `height` those of the track.
// What changes with the step that is looked at is drawn for every step (`moving`), or marked in one row of `rows`.

const ROLE_COLOURS = { actor: "--actor", agent: "--actor", learner: "--learner" };
const ACTION_COLOURS = [0, 1, 2].map((k) => style(`--action-${k}`));

/** The tracks of an episode; `looking` says which step looks back, and by which head. */
function tracksOf(episode, sheet, looking) {
  return [
    sightTrack(episode, sheet),
    ...(episode.attention ? [lookTrack(episode, sheet, looking), mapTrack(episode, looking)] : []),
    ...episode.roles.map((role) => policyTrack(episode, role)),
    ...episode.targets.map((_, number) => memoryTrack(episode, sheet, number)),
    ...(episode.valuing.length ? [valueTrack(episode)] : []),
    ...(episode.hidden ? [hiddenTrack(episode)] : []),
  ];
}

function sightTrack(episode, sheet) {
  const seen = episode.seen.filter(({ steps }) => steps.size),
    line = 16;
  return {
    name: "in view",
    note: "what the agent sees, and its rewards",
    height: Math.max(1, seen.length) * line + 18,
    draw(drawing, { x, step, width }) {
      seen.forEach(({ tile, steps }, k) => {
        drawing.fillStyle = style("--line");
        drawing.fillRect(0, k * line + line / 2 + 1, width, 1);
        for (const moment of steps) {
          drawing.fillStyle = sheet.looks[tile].colour;
          drawing.fillRect(x(moment), k * line + 3, Math.max(2, step - 1), line - 5);
        }
        let free = 0; // where the last picture ends
        for (const moment of [...steps].sort((a, b) => a - b)) {
          const left = Math.min(Math.max(x(moment) + (step - line) / 2, 0), width - line);
          if (steps.has(moment - 1) || left < free) continue;
          sheet.paste(drawing, tile, "lit", left, k * line + 1, line - 1);
          free = left + line;
        }
      });
      drawRewards(drawing, episode, { x, step, width, bottom: seen.length * line + 14 });
    },
  };
}

function drawRewards(drawing, { rewards }, { x, step, width, bottom }) {
  drawing.font = "600 11px system-ui, sans-serif";
  drawing.textAlign = "center";
  rewards.forEach((reward, k) => {
    if (Math.abs(reward) < 0.05) return; // a penalty for every step would fill the line
    drawing.fillStyle = style(reward > 0 ? "--good" : "--bad");
    drawing.fillText(
      reward > 0 ? `+${short(reward)}` : short(reward),
      Math.min(Math.max(x(k) + step / 2, 12), width - 12),
      bottom,
    );
  });
}

function lookTrack(episode, sheet, looking) {
  return {
    name: "attention",
    note: "of this step, back to earlier ones",
    height: 76,
    moving: true,
    draw(drawing, { x, step, height }) {
      const now = looking.step();
      if (now === null) return;
      episode.looks(now, looking.head()).forEach((weight, past) => {
        const tile = episode.sight(past),
          tall = weight * (height - 6);
        drawing.fillStyle = tile === null ? style("--soft") : sheet.looks[tile].colour;
        drawing.fillRect(x(past), height - Math.max(tall, 1), Math.max(1, step - 1), Math.max(tall, 1));
      });
    },
  };
}

function mapTrack(episode, looking) {
  return {
    name: "all attention",
    note: "a row for each step that looks",
    rows: episode.length,
    height: Math.min(170, Math.max(90, 4 * episode.length)),
    draw(drawing, { x, step, height }) {
      const tall = height / episode.length;
      drawing.fillStyle = `rgb(${style("--positive")})`;
      for (let now = 0; now < episode.length; now++)
        episode.looks(now, looking.head()).forEach((weight, past) => {
          if (weight < 0.01) return;
          drawing.globalAlpha = Math.sqrt(weight);
          drawing.fillRect(x(past), now * tall, step + 0.3, tall + 0.3);
        });
      drawing.globalAlpha = 1;
    },
  };
}

function policyTrack(episode, role) {
  const { probabilities } = episode.traces[role];
  return {
    name: `${role}'s policy`,
    height: 40,
    role,
    note: episode.actionNames.map((name, k) => legend(ACTION_COLOURS[k], name)),
    draw(drawing, { x, step, height }) {
      probabilities.forEach((row, k) => {
        let top = 0;
        row.forEach((probability, action) => {
          drawing.fillStyle = ACTION_COLOURS[action];
          drawing.fillRect(
            x(k),
            top * height,
            Math.max(1, step - (step > 6 ? 1 : 0)),
            probability * height + 0.5,
          );
          top += probability;
        });
      });
    },
  };
}

function legend(colour, text) {
  const mark = element("i", {});
  mark.style.background = colour;
  return element("span", { class: "legend" }, mark, text);
}

/** What each network takes a memory target to be, the paler the less it is sure, above the truth. */
function memoryTrack(episode, sheet, number) {
  const target = episode.targets[number],
    line = 18,
    rows = episode.beliefs(number);
  return {
    name: target.name,
    height: rows.length * line,
    note: `from above: ${rows.map(({ who }) => who).join(", ")}; pale: unsure, blank: ${target.meanings[0]?.name ?? 0}`,
    draw(drawing, { x, step, width }) {
      rows.forEach(({ values, probability }, row) => {
        let free = 0; // where the last picture or word ends
        values.forEach((value, k) => {
          if (!value) return;
          drawing.globalAlpha = probability ? probability[k] ** 2 : 1;
          drawing.fillStyle = valueColour(target, sheet, value);
          drawing.fillRect(x(k), row * line + 2, Math.max(1, step + 0.3), line - 4);
          drawing.globalAlpha = 1;
          if (values[k - 1] === value || x(k) < free) return;
          free = nameValue(drawing, sheet, target.meanings[value], Math.min(x(k) + 2, width - line), row * line + 1);
        });
      });
    },
  };
}

function valueColour({ meanings }, sheet, value) {
  const tile = meanings[value]?.tile ?? null;
  return tile === null ? ACTION_COLOURS[value % ACTION_COLOURS.length] : sheet.looks[tile].colour;
}

/** Draw what a value stands for, and say where that ends. */
function nameValue(drawing, sheet, meaning, left, top) {
  if (!meaning) return left;
  if (meaning.tile !== null) {
    sheet.paste(drawing, meaning.tile, "lit", left, top + 1, 15);
    return left + 17;
  }
  drawing.fillStyle = style("--ink");
  drawing.font = "600 11px system-ui, sans-serif";
  drawing.textAlign = "left";
  drawing.fillText(meaning.name, left, top + 12);
  return left + drawing.measureText(meaning.name).width + 4;
}

function valueTrack(episode) {
  const all = episode.valuing.flatMap((role) => episode.traces[role].value);
  const low = Math.min(...all, 0),
    high = Math.max(...all, 0),
    span = high - low || 1;
  return {
    name: "value",
    height: 72,
    note: episode.valuing.map((role) => legend(`var(${ROLE_COLOURS[role]})`, role)),
    draw(drawing, { x, step, width, height }) {
      const y = (value) => height - 7 - ((value - low) / span) * (height - 14);
      drawing.fillStyle = style("--line");
      drawing.fillRect(0, y(0), width, 1);
      for (const role of episode.valuing) {
        drawing.strokeStyle = style(ROLE_COLOURS[role]);
        drawing.lineWidth = 2;
        drawing.lineJoin = "round";
        drawing.beginPath();
        episode.traces[role].value.forEach((value, k) => drawing.lineTo(x(k) + step / 2, y(value)));
        drawing.stroke();
      }
    },
  };
}

function hiddenTrack(episode) {
  const [, units] = episode.hidden.shape;
  return {
    name: "recurrent state",
    note: `of the ${episode.hidden.role}: a row per unit, −1 blue to +1 orange`,
    height: Math.min(160, Math.max(48, 4 * units)),
    draw(drawing, { x, step, height }) {
      const tall = height / units;
      const colours = [`rgb(${style("--negative")})`, `rgb(${style("--positive")})`];
      for (let k = 0; k < episode.length; k++)
        for (let unit = 0; unit < units; unit++) {
          const value = episode.hidden.at(k, unit);
          drawing.globalAlpha = Math.abs(value);
          drawing.fillStyle = colours[value > 0 ? 1 : 0];
          drawing.fillRect(x(k), unit * tall, step + 0.3, tall + 0.3);
        }
      drawing.globalAlpha = 1;
    },
  };
}
