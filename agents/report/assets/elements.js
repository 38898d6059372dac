// Elements, colours and numbers.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes (functions become listeners) and children, which may be text or null. */
function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same for a drawing. */
function shape(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

/** A row of buttons of which one is chosen; `options` are [value, label]. */
function choice(label, options, chosen, onChoose) {
  const buttons = options.map(([value, text]) =>
    element(
      "button",
      { type: "button", "aria-pressed": String(value === chosen), click: () => pick(value) },
      text,
    ),
  );
  function pick(value) {
    options.forEach(([other], k) => buttons[k].setAttribute("aria-pressed", String(other === value)));
    onChoose(value);
  }
  return element("div", { class: "choice", role: "group", "aria-label": label }, buttons);
}

/** Tell where a pointer that was pressed on a part of an element is, until it is let go. */
function followPointer(whole, part, tell) {
  let held = false;
  whole.addEventListener("pointerdown", (event) => {
    if (!event.target.closest(part)) return;
    held = true;
    whole.setPointerCapture(event.pointerId);
    tell(event);
  });
  whole.addEventListener("pointermove", (event) => held && tell(event));
  for (const end of ["pointerup", "pointercancel"])
    whole.addEventListener(end, () => {
      held = false;
    });
}

/** The value of a custom property of the style, which follows light and dark. */
function style(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

const darkness = matchMedia("(prefers-color-scheme: dark)");

/** A canvas context in CSS pixels, sharp on any screen, and emptied. */
function context(canvas, width, height) {
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const drawing = canvas.getContext("2d");
  drawing.scale(ratio, ratio);
  return drawing;
}

/** A number with as many digits as tell it apart, and no more. */
function short(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "—";
  return String(Number(value.toPrecision(digits)));
}

function percent(value, digits = 1) {
  return value === null || value === undefined ? "—" : `${(100 * value).toFixed(digits)} %`;
}
