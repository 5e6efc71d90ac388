/* A scene that the reader composes: a backdrop, and things to drag on it. Each thing is a button, so that the keyboard
 * reaches it. `scene()` is the picture that the network gets.
 */
(() => {
"use strict";
const STEP = 0.02; // of the stage's width, an arrow key
const SMALLEST = 0.25, LARGEST = 3; // times a thing's usual size
const WORDS = {
  hoops: "hoops (no bicycle)", parasol: "parasol", lamp: "lamp post", tree: "tree", shed: "shed", gull: "gull",
};
// Where each place starts: [name, which of that name, x and y of its middle in shares of the stage, size, mirrored]
const SCENES = {
  coast: [["boat", 0, 0.3, 0.5, 0.8, false], ["aeroplane", 0, 0.62, 0.2, 0.7, false], ["boat", 2, 0.62, 0.55, 0.6, false],
    ["person", 1, 0.86, 0.66, 1.4, false], ["bicycle", 0, 0.36, 0.84, 1.1, false]],
  town: [["car", 1, 0.3, 0.62, 1, false], ["person", 2, 0.86, 0.66, 1.4, false], ["hoops", 0, 0.62, 0.82, 1, false],
    ["lamp", 0, 0.1, 0.6, 1, false]],
  country: [["shed", 0, 0.44, 0.42, 0.5, false], ["aeroplane", 1, 0.6, 0.22, 0.9, false], ["car", 2, 0.74, 0.66, 1.1, false],
    ["person", 2, 0.12, 0.66, 1.4, false], ["bicycle", 1, 0.46, 0.84, 1.1, false]],
  dusk: [["boat", 1, 0.35, 0.56, 0.8, false], ["gull", 0, 0.7, 0.2, 1, false], ["person", 0, 0.86, 0.74, 1.4, false],
    ["bicycle", 0, 0.4, 0.84, 1.1, false]],
};

const clamp = (x, low, high) => Math.min(high, Math.max(low, x));

class Stage {
  /** Loads its pictures by `image(name)`; call `changed()` whenever the scene is another one. */
  static async open({ el, image, listing, changed }) {
    const [atlas, ...places] = await Promise.all(["things", ...listing.places].map((name) => image(`${name}.webp`)));
    return new Stage(el, listing, atlas, places, changed);
  }

  constructor(el, listing, atlas, places, changed) {
    Object.assign(this, { el, listing, atlas, changed });
    [this.width, this.height] = listing.size;
    this.places = Object.fromEntries(listing.places.map((name, i) => [name, places[i]]));
    this.things = []; // from the back to the front: {sprite, node, x, y, size, mirrored}
    this.selected = null;
    this.backdrop = this.canvas(this.width, this.height);
    this.handle = el("span.handle", { "aria-hidden": "true" });
    this.node = el("div.stage", { role: "group", "aria-label": "The scene. Tab reaches its things; arrows move a thing, "
      + "plus and minus scale it, M mirrors it, Page Up brings it to the front, Delete removes it." }, this.backdrop);
    this.node.addEventListener("pointerdown", (event) => { if (event.target === this.backdrop) this.select(null); });
    this.buttons = {};
    const act = (key, text, title) => {
      this.buttons[key] = el("button", { type: "button", title, "aria-label": /\w/.test(text) ? null : title, onclick: () => this.act(this.selected, key) }, text);
      return this.buttons[key];
    };
    this.tools = el("div.tools", { role: "group", "aria-label": "The chosen thing" },
      this.named = el("span.named"), act("-", "−", "Smaller (key −)"), act("+", "+", "Larger (key +)"), act("m", "Mirror", "key M"),
      act("PageUp", "Front", "To the front (key Page Up)"), act("Delete", "Remove", "key Delete"));
    this.placeButtons = listing.places.map((name) =>
      el("button", { type: "button", onclick: () => this.set(name) }, name));
    const many = {};
    this.sprites = listing.things.map((thing) => {
      const nth = many[thing.name] = (many[thing.name] ?? -1) + 1;
      return { ...thing, nth, word: WORDS[thing.name] ?? thing.name };
    });
    this.palette = el("div.palette", { role: "group", "aria-label": "Things to add" },
      ...this.sprites.map((sprite) => this.paletteButton(sprite)));
    this.controls = el("div.compose", {},
      el("div.row", { role: "group", "aria-label": "Place" }, el("span.label", {}, "Place"), ...this.placeButtons,
        el("button", { type: "button", onclick: () => this.clear() }, "Clear")),
      this.palette, this.tools);
    this.set(listing.places[0]);
  }

  canvas(width, height) { return this.el("canvas", { width, height, "aria-hidden": "true" }); }

  picture(sprite, width) {
    const [x, y, w, h] = sprite.box;
    const scale = Math.min(1, width / w);
    const canvas = this.canvas(Math.max(1, Math.round(w * scale)), Math.max(1, Math.round(h * scale)));
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(this.atlas, x, y, w, h, 0, 0, canvas.width, canvas.height);
    return canvas;
  }

  /** A thing of the palette: a click adds it, a drag takes it to its place. */
  paletteButton(sprite) {
    const text = `Add ${sprite.word}${sprite.kind ? ` ${sprite.nth + 1}` : ""}`;
    const node = this.el("button.add", { type: "button", "aria-label": text, title: text }, this.picture(sprite, 104));
    let thing = null, from = null;
    node.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "mouse" || event.button) return; // a finger scrolls here, and a tap adds
      from = event;
      thing = null;
      node.setPointerCapture(event.pointerId);
    });
    node.addEventListener("pointermove", (event) => {
      if (!from) return;
      if (!thing && Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY) > 6) thing = this.add(sprite);
      if (thing) this.moveTo(thing, event);
    });
    const done = () => { from = null; };
    node.addEventListener("pointerup", done);
    node.addEventListener("pointercancel", done);
    node.addEventListener("click", () => {
      if (thing) { thing = null; return; } // it was dragged
      const column = (0.5 + 0.618 * this.things.length) % 1; // the golden ratio spreads them
      this.add(sprite, 0.2 + 0.6 * column, sprite.name === "aeroplane" || sprite.name === "gull" ? 0.2 : 0.66);
    });
    return node;
  }

  /** Another place, with its own things. */
  set(name) {
    this.clear(true);
    this.place = name;
    this.placeButtons.forEach((button) => button.setAttribute("aria-pressed", String(button.textContent === name)));
    this.backdrop.getContext("2d").drawImage(this.places[name], 0, 0, this.width, this.height);
    for (const [thing, nth, x, y, size, mirrored] of SCENES[name] ?? []) {
      const sprite = this.sprites.find((other) => other.name === thing && other.nth === nth);
      if (sprite) this.add(sprite, x, y, size, mirrored, true);
    }
    this.select(null);
    this.changed();
  }

  clear(quietly = false) {
    this.things.forEach((thing) => thing.node.remove());
    this.things = [];
    this.select(null);
    if (!quietly) this.changed();
  }

  add(sprite, x = 0.5, y = 0.5, size = 1, mirrored = false, quietly = false) {
    const node = this.el("button.thing", { type: "button" }, this.picture(sprite, sprite.box[2]));
    const thing = { sprite, node, x, y, size, mirrored };
    this.things.push(thing);
    this.node.append(node);
    node.addEventListener("focus", () => this.select(thing));
    node.addEventListener("keydown", (event) => this.key(thing, event));
    node.addEventListener("pointerdown", (event) => this.grab(thing, event));
    this.lay(thing);
    if (!quietly) { this.select(thing); this.changed(); }
    return thing;
  }

  select(thing) {
    this.selected = thing;
    for (const other of this.things) other.node.classList.toggle("selected", other === thing);
    if (thing) thing.node.append(this.handle); else this.handle.remove();
    this.named.textContent = thing ? thing.sprite.word : "Drag things in, or choose one.";
    for (const button of Object.values(this.buttons)) button.hidden = !thing;
  }

  /** Put the thing's button where the thing is. */
  lay(thing) {
    const [w, h] = [thing.sprite.box[2] * thing.size, thing.sprite.box[3] * thing.size];
    const style = thing.node.style;
    style.width = `${100 * w / this.width}%`;
    style.left = `${100 * (thing.x - w / this.width / 2)}%`;
    style.top = `${100 * (thing.y - h / this.height / 2)}%`;
    thing.node.firstChild.style.transform = thing.mirrored ? "scaleX(-1)" : "";
    const percent = (share) => `${Math.round(100 * share)} %`;
    thing.node.setAttribute("aria-label",
      `${thing.sprite.word}, ${percent(thing.x)} across, ${percent(thing.y)} down, size ${percent(thing.size)}`);
  }

  change(thing, values) {
    Object.assign(thing, values);
    thing.x = clamp(thing.x, 0, 1);
    thing.y = clamp(thing.y, 0, 1);
    thing.size = clamp(thing.size, SMALLEST, LARGEST);
    this.lay(thing);
    this.changed();
  }

  moveTo(thing, event, offset = [0, 0]) {
    const box = this.node.getBoundingClientRect();
    this.change(thing, { x: (event.clientX - box.left - offset[0]) / box.width, y: (event.clientY - box.top - offset[1]) / box.height });
  }

  /** Drag a thing, or scale it by its corner. */
  grab(thing, event) {
    if (event.button) return;
    const box = this.node.getBoundingClientRect();
    const middle = [box.left + thing.x * box.width, box.top + thing.y * box.height];
    const offset = [event.clientX - middle[0], event.clientY - middle[1]];
    const scaling = event.target === this.handle, size = thing.size;
    const node = thing.node;
    const move = (now) => {
      if (!scaling) { this.moveTo(thing, now, offset); return; }
      const reach = Math.hypot(now.clientX - middle[0], now.clientY - middle[1]) / Math.hypot(...offset);
      this.change(thing, { size: size * reach });
    };
    const end = () => {
      node.removeEventListener("pointermove", move);
      node.removeEventListener("pointerup", end);
      node.removeEventListener("pointercancel", end);
    };
    this.select(thing);
    node.setPointerCapture(event.pointerId);
    node.addEventListener("pointermove", move);
    node.addEventListener("pointerup", end);
    node.addEventListener("pointercancel", end);
  }

  key(thing, event) {
    const step = event.shiftKey ? 5 * STEP : STEP;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (move) this.change(thing, { x: thing.x + step * move[0], y: thing.y + step * move[1] });
    else if (!this.act(thing, { "=": "+", _: "-", Backspace: "Delete", M: "m" }[event.key] ?? event.key)) return;
    event.preventDefault();
  }

  /** Do what a key or a button asks; false if it asks for nothing. */
  act(thing, key) {
    if (key === "+" || key === "-") this.change(thing, { size: thing.size * (key === "+" ? 1.1 : 1 / 1.1) });
    else if (key === "m") this.change(thing, { mirrored: !thing.mirrored });
    else if (key === "PageUp") {
      const focused = thing.node.matches(":focus");
      this.things = [...this.things.filter((other) => other !== thing), thing];
      this.node.append(thing.node);
      if (focused) thing.node.focus();
      this.changed();
    } else if (key === "Delete") {
      const next = this.things[this.things.indexOf(thing) - 1] ?? this.things[1];
      const focused = thing.node.matches(":focus");
      this.things = this.things.filter((other) => other !== thing);
      this.select(null);
      thing.node.remove();
      if (focused) next?.node.focus();
      this.changed();
    } else return false;
    return true;
  }

  /** The scene as one canvas. */
  scene() {
    this.drawn ??= this.canvas(this.width, this.height);
    const context = this.drawn.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(this.backdrop, 0, 0);
    for (const { sprite, x, y, size, mirrored } of this.things) {
      const [left, top, w, h] = sprite.box;
      context.save();
      context.translate(x * this.width, y * this.height);
      context.scale(mirrored ? -size : size, size);
      context.drawImage(this.atlas, left, top, w, h, -w / 2, -h / 2, w, h);
      context.restore();
    }
    return this.drawn;
  }
}
window.segmentDemo.Stage = Stage;
})();
