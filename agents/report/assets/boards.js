// The rooms of several episodes side by side, one of which is looked into.

class Board {
  constructor(episode, sheet, onSelect) {
    Object.assign(this, { episode, sheet });
    this.room = element("canvas", { role: "img" });
    this.kind = element("span", { class: "kind" });
    this.root = element(
      "button",
      { type: "button", class: "board", "aria-pressed": "false", click: onSelect },
      this.kind,
      this.room,
      element("span", { class: "outcome" }, episode.outcome),
    );
  }

  select(chosen) {
    this.root.setAttribute("aria-pressed", String(chosen));
  }

  /** Episodes that are over wait for the others. `fresh`: draw what does not change from step to step as well. */
  draw(moment, fresh) {
    const { episode } = this,
      now = Math.min(moment, episode.length);
    if (fresh) this.kind.replaceChildren(...kindOf(episode, this.sheet));
    drawRoom(this.room, this.sheet, episode, now);
    const mood = now < episode.length || episode.success === null ? "" : episode.success ? "good" : "bad";
    this.root.className = `board ${mood}`;
  }
}

/** What the agent is not told at the start, and what differs between episodes. */
function kindOf({ kind, number }, sheet) {
  if (!kind.length) return [`episode ${number + 1}`];
  return kind.flatMap(({ name, text, icons }) => [
    element("span", { class: "soft" }, name),
    ...icons.map(({ tile }) => icon(sheet, { tile, mark: "" })),
    text,
  ]);
}
