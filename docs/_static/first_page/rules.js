"use strict";

/**
 * The rules of I-Maze, as `memory_envs/rules/imaze.py` has them; a test plays both side by side.
 * Rows grow downwards; headings: 0 east, 1 south, 2 west, 3 north; actions: 0 left, 1 right, 2 forward.
 */
const IMaze = (() => {
  const [WALL, FLOOR, CUE_A, , GOAL_LEFT, GOAL_RIGHT] = [0, 1, 2, 3, 4, 5];
  const [UNSEEN, IN_SIGHT, LEFT_BEHIND] = [0, 1, 2];
  const FORWARD = 2;
  const DIRECTIONS = [[0, 1], [1, 0], [0, -1], [-1, 0]];

  function configure({ size = 9, delay = 0, start = "end", viewSize = 3 } = {}) {
    const maxSteps = Math.floor((25 * size * size + 675) / 18) + delay;
    return { size, delay, start, viewSize, maxSteps };
  }

  function firstState(config, cue, heading) {
    const [row, column] = config.start === "end" ? [1, 1] : Array(2).fill(Math.floor(config.size / 2));
    return { row, column, heading, cue, steps: 0, seenAt: -1, sight: UNSEEN, hold: 0, outcome: 0 };
  }

  function isOpen({ size }, row, column) {
    const last = size - 2;
    if (row === 1 || row === last) return 1 <= column && column <= last;
    return 1 < row && row < last && column === Math.floor(size / 2);
  }

  function tile(config, cue, row, column) {
    const last = config.size - 2;
    if (!isOpen(config, row, column)) return WALL;
    if (row === last && column === 1) return GOAL_LEFT;
    if (row === last && column === last) return GOAL_RIGHT;
    return row === 1 && column === last ? CUE_A + cue : FLOOR;
  }

  /** The cell of the world at each place of the window, row by row, farthest ahead first. */
  function windowCells({ viewSize }, { row, column, heading }) {
    const [south, east] = DIRECTIONS[heading];
    return Array.from({ length: viewSize * viewSize }, (_, place) => {
      const ahead = viewSize - 1 - Math.floor(place / viewSize);
      const right = (place % viewSize) - Math.floor(viewSize / 2);
      return [row + ahead * south + right * east, column + ahead * east - right * south];
    });
  }

  function observe(config, state) {
    return windowCells(config, state).map(([row, column]) => tile(config, state.cue, row, column));
  }

  function moved(config, { row, column, heading }, action) {
    if (action !== FORWARD) return [row, column, (heading + (action === 0 ? 3 : 1)) % 4];
    const [south, east] = DIRECTIONS[heading];
    return isOpen(config, row + south, column + east)
      ? [row + south, column + east, heading]
      : [row, column, heading];
  }

  /** The delay begins once, when a cue that was seen leaves the view. */
  function remembered({ delay }, inView, { sight, hold }) {
    if (hold > 0) return [sight, hold - 1];
    if (sight === LEFT_BEHIND) return [sight, 0];
    if (inView) return [IN_SIGHT, 0];
    return sight === IN_SIGHT ? [LEFT_BEHIND, delay] : [UNSEEN, 0];
  }

  function judged(config, row, column, cue) {
    const here = tile(config, cue, row, column);
    if (here !== GOAL_LEFT && here !== GOAL_RIGHT) return 0;
    return here - GOAL_LEFT === cue ? 1 : -1;
  }

  function transition(config, state, action) {
    const pose = [state.row, state.column, state.heading];
    const [row, column, heading] = state.hold > 0 ? pose : moved(config, state, action);
    const steps = state.steps + 1;
    const shown = windowCells(config, { row, column, heading });
    const inView = shown.some(([r, c]) => r === 1 && c === config.size - 2);
    const [sight, hold] = remembered(config, inView, state);
    const outcome = judged(config, row, column, state.cue);
    const seenAt = inView ? steps : state.seenAt;
    return { row, column, heading, cue: state.cue, steps, seenAt, sight, hold, outcome };
  }

  function hasEnded(config, state) {
    return state.outcome !== 0 || state.steps >= config.maxSteps;
  }

  return { configure, firstState, tile, windowCells, observe, transition, hasEnded, FORWARD };
})();
