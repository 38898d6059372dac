"use strict";

/** Rooms and views, painted with the environments' own sprites. */
const Painter = (() => {
  const { cell, columns, uri } = FIRST_PAGE.sheet;
  const HEADINGS = ["east", "south", "west", "north"];
  const sheet = new Image();
  const ready = new Promise((resolve) => sheet.addEventListener("load", resolve));
  sheet.src = uri;

  /** A whole number of screen pixels per cell, or seams would show. */
  function prepare(canvas, side) {
    const pixels = Math.max(4, Math.round((canvas.clientWidth * (devicePixelRatio || 1)) / side));
    canvas.width = canvas.height = pixels * side;
    const pen = canvas.getContext("2d");
    pen.imageSmoothingQuality = "high";
    const paste = (tile, column, x, y) =>
      pen.drawImage(sheet, columns.indexOf(column) * cell, tile * cell, cell, cell,
        x * pixels, y * pixels, pixels, pixels); // prettier-ignore
    return { pen, pixels, paste };
  }

  /** The maze from above after the last of some states: cells in view are lit, the way there is a line. */
  function room(canvas, config, states) {
    const { pen, pixels, paste } = prepare(canvas, config.size);
    const now = states[states.length - 1];
    const lit = new Set(IMaze.windowCells(config, now).map(String));
    for (let row = 0; row < config.size; row++)
      for (let column = 0; column < config.size; column++) {
        const shown = lit.has(String([row, column])) ? "lit" : "dimmed";
        paste(IMaze.tile(config, now.cue, row, column), shown, column, row);
      }
    pen.beginPath();
    states.forEach(({ row, column }) => pen.lineTo((column + 0.5) * pixels, (row + 0.5) * pixels));
    Object.assign(pen, { lineWidth: Math.max(2 * (devicePixelRatio || 1), pixels * 0.18), lineJoin: "round", lineCap: "round" });
    pen.strokeStyle = "rgb(38 99 224)";
    pen.stroke();
    const under = IMaze.tile(config, now.cue, now.row, now.column);
    paste(under, HEADINGS[now.heading], now.column, now.row);
  }

  /** What the agent is given to see: its window, turned with it. */
  function view(canvas, config, state) {
    const side = config.viewSize;
    const { paste } = prepare(canvas, side);
    const own = side * side - 1 - Math.floor(side / 2);
    IMaze.observe(config, state).forEach((tile, place) =>
      paste(tile, place === own ? "own" : "lit", place % side, Math.floor(place / side)),
    );
  }

  /** A tile as a picture among words. */
  function icon(canvas, tile) {
    prepare(canvas, 1).paste(tile, "lit", 0, 0);
  }

  return { ready, room, view, icon };
})();

const byId = (id) => document.getElementById(id);
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
