// What networks say of a step, and where they look back to, in words.

const headName = ([layer, head]) => `layer ${layer + 1}, head ${head + 1}`;

/** The policy and the value of one network; empty bars at the end, where nobody asks it. */
function mind(episode, role, step) {
  const { probabilities, value } = episode.traces[role];
  const title = element("span", {}, role);
  title.style.color = `var(${ROLE_COLOURS[role]})`;
  const told = value ? `value ${step === null ? "—" : value[step].toFixed(2)}` : "";
  return element(
    "div",
    { class: "mind" },
    element("h4", {}, title, element("b", {}, told)),
    episode.actionNames.map((name, action) =>
      bar(name, action, step === null ? null : probabilities[step][action], episode.actions[step] === action),
    ),
    episode.targets.map((_, number) => belief(episode, role, number, step)),
  );
}

/** What a network takes a memory target to be, beside the truth. */
function belief(episode, role, number, step) {
  const { name, meanings, truth } = episode.targets[number],
    { value, probability } = episode.traces[role].memory[number];
  const called = (each) => (each === null ? "no more" : (meanings[each]?.name ?? String(each)));
  const told = step === null ? "—" : `${called(value[step])}, ${percent(probability[step], 0)}`;
  const fact = step === null || !truth ? "" : `; in truth ${called(truth[step])}`;
  return element("p", { class: "belief" }, `${name}: `, element("b", {}, told), fact);
}

function bar(name, action, probability, taken) {
  const fill = element("i", {});
  fill.style.width = `${100 * (probability ?? 0)}%`;
  fill.style.background = ACTION_COLOURS[action];
  return element(
    "div",
    { class: taken ? "bar taken" : "bar" },
    element("span", {}, name),
    element("div", {}, fill),
    element("span", {}, percent(probability, 0)),
  );
}

/** How much attention of a step falls on what: of one head, or of all together when `head` is null. */
function lookback(episode, sheet, step, head) {
  if (!episode.attention) return [];
  if (step === null) return ["The episode is over: nobody looks back any more."];
  const shares = episode.shares(episode.looks(step, head));
  if (!shares.length) return [`At step ${step} there has been nothing but walls and floor to look back at.`];
  const items = shares.map(({ tile, share }) => {
    const told = [element("b", {}, percent(share, 0)), ` on steps with ${sheet.looks[tile].name} in view`];
    return element(
      "li",
      {},
      told,
      head ? null : element("span", { class: "soft" }, ` — ${paths(episode, step, tile)}`),
    );
  });
  return [`At step ${step} attention falls`, element("ul", {}, items)];
}

/** The head that looks at a tile most, and what comes from there by way of other steps. */
function paths(episode, step, tile) {
  const keenest = episode.keenest(step, tile);
  return [
    `${headName(keenest.head)}: ${percent(keenest.share, 0)}`,
    `through the layers: ${percent(episode.reach(tile)[step], 0)}`,
  ].join(", ");
}
