// Line charts that say what is under the pointer. A library would weigh more than all the rest of the page.

const COLOURS = [
  ...["#2f7fd0", "#149a7c", "#c9467f", "#c48a0a", "#7a62d6", "#5c8f1d"],
  ...["#1f93b5", "#8a7f78", "#b05a3c", "#3f51a8", "#a0a51a", "#d46fb0"],
];
const HEIGHT = 300,
  EDGE = { left: 44, right: 14, top: 12, bottom: 34 };

/**
 * A chart of lines over x, as wide as it will be shown, so that its letters have their own size.
 *
 * lines: [{name, colour, points: [[x, y]], band: [[x, low, high]] or null, dashed, thin, quiet}]; a quiet line is
 * not told under the pointer.
 */
function lineChart({ width, label, xLabel, lines, yRange, format }) {
  const scale = scales(width, lines, yRange);
  const drawing = shape("svg", {
    viewBox: `0 0 ${width} ${HEIGHT}`,
    role: "img",
    "aria-label": `${label} over ${xLabel}`,
  });
  drawing.append(...axes(scale, xLabel));
  for (const line of lines) if (line.band) drawing.append(bandOf(line, scale));
  for (const line of lines) drawing.append(...lineOf(line, scale));
  const hair = shape("line", { class: "hair", y1: EDGE.top, y2: HEIGHT - EDGE.bottom, visibility: "hidden" });
  drawing.append(hair);
  const tip = element("div", { class: "tip", role: "status" });
  tip.hidden = true;
  const box = element("div", { class: "chart" }, element("h3", {}, label), drawing, tip);
  followPointer({ box, drawing, hair, tip, lines, scale, format, xLabel });
  return box;
}

function scales(width, lines, yRange) {
  const points = lines.flatMap((line) =>
    line.points.concat(
      (line.band ?? []).flatMap(([x, a, b]) => [
        [x, a],
        [x, b],
      ]),
    ),
  );
  const xMax = Math.max(...points.map(([x]) => x), 1e-9);
  const ys = points.map(([, y]) => y);
  const [low, high] = yRange ?? padded(Math.min(...ys, 0), Math.max(...ys, 0));
  const across = width - EDGE.left - EDGE.right,
    down = HEIGHT - EDGE.top - EDGE.bottom;
  return {
    width,
    xMax,
    low,
    high,
    x: (value) => EDGE.left + (across * value) / xMax,
    y: (value) => EDGE.top + down * (1 - (value - low) / (high - low)),
    value: (pixel) => ((pixel - EDGE.left) / across) * xMax,
  };
}

function padded(low, high) {
  const margin = 0.06 * (high - low || 1);
  return [low < 0 ? low - margin : low, high + margin];
}

/** About `count` round numbers from low to high. */
function ticks(low, high, count) {
  const rough = (high - low) / count,
    power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((each) => each >= rough);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, k) =>
    Number(((first + k) * step).toPrecision(8)),
  );
}

function axes(scale, xLabel) {
  const across = ticks(scale.low, scale.high, 5).flatMap((y) => [
    shape("line", {
      class: "grid",
      x1: EDGE.left,
      x2: scale.width - EDGE.right,
      y1: scale.y(y),
      y2: scale.y(y),
    }),
    shape("text", { x: EDGE.left - 8, y: scale.y(y) + 4, "text-anchor": "end" }, short(y)),
  ]);
  const along = ticks(0, scale.xMax, scale.width / 90).map((x) =>
    shape("text", { x: scale.x(x), y: HEIGHT - EDGE.bottom + 16, "text-anchor": "middle" }, short(x)),
  );
  const name = shape("text", { x: scale.width - EDGE.right, y: HEIGHT - 3, "text-anchor": "end" }, xLabel);
  return [...across, ...along, name];
}

function bandOf({ band, colour }, scale) {
  const top = band.map(([x, , high]) => `${scale.x(x)},${scale.y(high)}`);
  const bottom = band.map(([x, low]) => `${scale.x(x)},${scale.y(low)}`).reverse();
  return shape("polygon", { points: [...top, ...bottom].join(" "), fill: colour, "fill-opacity": 0.18 });
}

function lineOf({ points, colour, dashed, thin }, scale) {
  const places = points.map(([x, y]) => [scale.x(x), scale.y(y)]);
  const line = shape("polyline", {
    points: places.map((place) => place.join(",")).join(" "),
    fill: "none",
    stroke: colour,
    "stroke-linejoin": "round",
    "stroke-linecap": "round",
    "stroke-width": thin ? 1.1 : dashed ? 1.6 : 2.6,
    "stroke-opacity": thin ? 0.45 : 1,
    "stroke-dasharray": dashed ? "5 4" : null,
  });
  const dots =
    dashed || places.length < 3
      ? places.map(([cx, cy]) => shape("circle", { cx, cy, r: 3, fill: colour }))
      : [];
  return [line, ...dots];
}

/** Where a line is at x, between its points; null beyond its ends. */
function valueAt(points, x) {
  const right = points.findIndex(([px]) => px >= x);
  if (right < 0 || (right === 0 && points[0][0] > x)) return null;
  if (right === 0) return points[0][1];
  const [[x0, y0], [x1, y1]] = [points[right - 1], points[right]];
  return y0 + ((y1 - y0) * (x - x0)) / (x1 - x0 || 1);
}

function followPointer({ box, drawing, hair, tip, lines, scale, format, xLabel }) {
  function hide() {
    tip.hidden = true;
    hair.setAttribute("visibility", "hidden");
  }
  function show(event) {
    const frame = drawing.getBoundingClientRect();
    const x = Math.min(
      Math.max(scale.value(((event.clientX - frame.left) / frame.width) * scale.width), 0),
      scale.xMax,
    );
    const told = lines
      .filter((line) => !line.quiet)
      .map((line) => ({ ...line, y: valueAt(line.points, x), at: line.band && bandAt(line.band, x) }))
      .filter(({ y }) => y !== null)
      .sort((a, b) => b.y - a.y);
    hair.setAttribute("x1", scale.x(x));
    hair.setAttribute("x2", scale.x(x));
    hair.setAttribute("visibility", "visible");
    tip.replaceChildren(
      element("b", {}, `${short(x)} ${xLabel}`),
      ...told.map((line) => tipRow(line, format)),
    );
    tip.hidden = false;
    const place = event.clientX - box.getBoundingClientRect().left;
    tip.style.left = `${Math.max(0, Math.min(place + 14, box.clientWidth - tip.offsetWidth))}px`;
    tip.style.top = "34px";
  }
  drawing.addEventListener("pointermove", show);
  drawing.addEventListener("pointerdown", show);
  drawing.addEventListener("pointerleave", hide);
}

function bandAt(band, x) {
  return [1, 2].map((end) =>
    valueAt(
      band.map((row) => [row[0], row[end]]),
      x,
    ),
  );
}

function tipRow({ name, colour, y, at }, format) {
  const mark = element("i", {});
  mark.style.background = colour;
  const interval = at && at[0] !== null ? ` [${format(at[0])}, ${format(at[1])}]` : "";
  return element("div", {}, mark, element("em", {}, name), element("span", {}, `${format(y)}${interval}`));
}
