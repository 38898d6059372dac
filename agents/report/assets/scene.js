// The room and the agent's view, from the environments' own sprites.

/** The sheet of sprites: a row per tile code, a column per way to show it. */
class Sheet {
  constructor({ uri, cell, columns, looks }) {
    Object.assign(this, { cell, columns, looks });
    this.image = new Image();
    this.image.src = uri;
  }

  paste(drawing, tile, column, x, y, size) {
    const { cell } = this;
    drawing.drawImage(
      this.image,
      this.columns.indexOf(column) * cell,
      tile * cell,
      cell,
      cell,
      x,
      y,
      size,
      size,
    );
  }
}

// Told from floors, seen or not, and from every thing that lies on them.
const PATH = "#e5246b";
const HEADINGS = ["east", "south", "west", "north"];

function drawRoom(canvas, sheet, episode, moment) {
  const [, rows, columns] = episode.room.shape;
  const [row, column, heading] = episode.poses[moment];
  drawTiles(canvas, sheet, rows, columns, (r, c) => {
    if (r === row && c === column) return [episode.room.at(moment, r, c), HEADINGS[heading]];
    return [episode.room.at(moment, r, c), episode.visible.at(moment, r, c) ? "lit" : "dimmed"];
  });
  drawPath(canvas, episode.poses, rows, moment);
  canvas.setAttribute(
    "aria-label",
    `The room: agent in row ${row}, column ${column}, heading ${HEADINGS[heading]}`,
  );
}

/** Where the agent goes: faint as a whole, strong so far. */
function drawPath(canvas, poses, rows, moment) {
  const drawing = canvas.getContext("2d"),
    cell = canvas.height / rows;
  drawing.strokeStyle = PATH;
  drawing.lineWidth = Math.max(1.5, cell / 10);
  drawing.lineJoin = "round";
  for (const [end, alpha] of [
    [poses.length - 1, 0.45],
    [moment, 0.9],
  ]) {
    drawing.globalAlpha = alpha;
    drawing.beginPath();
    poses.slice(0, end + 1).forEach(([row, column]) => drawing.lineTo((column + 0.5) * cell, (row + 0.5) * cell));
    drawing.stroke();
  }
  drawing.globalAlpha = 1;
}

function drawView(canvas, sheet, episode, moment) {
  const [, rows, columns] = episode.view.shape;
  const own = (r, c) => r === rows - 1 && c === Math.floor(columns / 2);
  drawTiles(canvas, sheet, rows, columns, (r, c) => [
    episode.view.at(moment, r, c),
    own(r, c) ? "own" : "lit",
  ]);
  const tile = episode.sight(moment);
  canvas.setAttribute(
    "aria-label",
    `The agent sees ${tile === null ? "walls and floor" : sheet.looks[tile].name}`,
  );
}

/** A whole number of screen pixels per cell, or seams would show. */
function drawTiles(canvas, sheet, rows, columns, spriteOf) {
  const ratio = devicePixelRatio || 1;
  const cell = Math.max(4, Math.round((canvas.clientWidth * ratio) / columns));
  canvas.width = cell * columns;
  canvas.height = cell * rows;
  const drawing = canvas.getContext("2d");
  drawing.imageSmoothingQuality = "high";
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) {
      const [tile, column] = spriteOf(r, c);
      sheet.paste(drawing, tile, column, c * cell, r * cell, cell);
    }
}

/** A tile among the facts: marked as dealt with, as next, or not. */
function icon(sheet, { tile, mark }) {
  const canvas = element("canvas", {
    role: "img",
    "aria-label": `${sheet.looks[tile].name}${mark ? `, ${mark}` : ""}`,
  });
  canvas.width = canvas.height = sheet.cell;
  sheet.paste(
    canvas.getContext("2d"),
    tile,
    { done: "ticked", next: "framed" }[mark] ?? "lit",
    0,
    0,
    sheet.cell,
  );
  return canvas;
}
