/* What every figure shares: the element, its theme, its controls. A figure's file holds one call:
 *
 *   kit.define({ maths, start(host) { ... } });
 *
 * `maths` are pure functions (tests compare them with the package); `start` draws into `host.root` from `host.data`
 * and keeps what a test or a screen reader may ask for in `host.state`. An error in `start` leaves the fallback.
 */
const kit = (() => {
  const SVG = "http://www.w3.org/2000/svg";

  /** An element: `kit.el("button.step", {title: "..", onclick: f}, "text", child)`; "svg:rect" makes SVG. */
  function el(name, attributes = {}, ...children) {
    const [tag, ...classes] = name.replace("svg:", "").split(".");
    const node = name.startsWith("svg:") ? document.createElementNS(SVG, tag) : document.createElement(tag);
    if (classes.length) node.setAttribute("class", classes.join(" "));
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else if (value === true) node.setAttribute(key, "");
      else if (value !== false && value !== null && value !== undefined) node.setAttribute(key, value);
    }
    node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
    return node;
  }

  /** Set attributes: `kit.put(circle, {cx: 3, r: 2})`. */
  function put(node, attributes) {
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  }

  /** Which way an arrow key points, as [rows, columns], or null; the page then does not scroll. */
  function arrow(event) {
    const way = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] || null;
    if (way) event.preventDefault();
    return way;
  }

  let ids = 0;
  const id = () => `${TAG}-${++ids}`;

  /** A slider with its label and its value: `control.value` reads, `control.set(x)` writes without an event.
   *  `show` turns the number into what is read ("16", "every 2nd"). */
  function slider({ label, min, max, step = 1, value, show = String, oninput }) {
    const name = id();
    const out = el("output", { for: name }, show(value));
    const input = el("input", { type: "range", id: name, min, max, step });
    input.value = value;
    const write = () => {
      out.textContent = show(input.valueAsNumber);
      input.setAttribute("aria-valuetext", out.textContent);
    };
    write();
    input.addEventListener("input", () => { write(); oninput(input.valueAsNumber); });
    const node = el("div.control", {}, el("label", { for: name }, label, " ", out), input);
    return {
      node, input,
      get value() { return input.valueAsNumber; },
      set(x) { input.value = x; write(); },
      limit(low, high) { input.min = low; input.max = high; write(); },
    };
  }

  /** One of several: options [[value, text], ...]. Radio buttons, so that the arrow keys move. */
  function choice({ label, options, value, oninput }) {
    const name = id();
    const inputs = options.map(([key]) => el("input", { type: "radio", name, id: id(), value: String(key) }));
    const pick = (key) => inputs.forEach((input) => { input.checked = input.value === String(key); });
    pick(value);
    inputs.forEach((input, i) => input.addEventListener("change", () => oninput(options[i][0])));
    const row = inputs.map((input, i) => el("span", {}, input, el("label", { for: input.id }, options[i][1])));
    const node = el("fieldset.control.choice", {}, el("legend", {}, label), el("div", {}, row));
    return { node, set: pick, get value() { const i = inputs.findIndex((x) => x.checked); return i < 0 ? null : options[i][0]; } };
  }

  /** One of many, by name: a list that unfolds. */
  function select({ label, options, value, oninput }) {
    const input = el("select", { id: id() }, options.map((name) => el("option", {}, name)));
    input.value = value;
    input.addEventListener("change", () => oninput(input.value));
    const node = el("div.control", {}, el("label", { for: input.id }, label), input);
    return { node, input, get value() { return input.value; }, set(name) { input.value = name; } };
  }

  function toggle({ label, value = false, oninput }) {
    const input = el("input", { type: "checkbox", id: id() });
    input.checked = value;
    input.addEventListener("change", () => oninput(input.checked));
    const node = el("div.control.toggle", {}, input, el("label", { for: input.id }, label));
    return { node, input, get value() { return input.checked; }, set(x) { input.checked = x; } };
  }

  function button(text, onclick, title = "") {
    return el("button", { type: "button", onclick, title: title || null }, text);
  }

  /** A row of named starting points: presets [[text, action], ...]. */
  function presets(list, label = "Try") {
    return el("div.presets", { role: "group", "aria-label": label }, el("span", {}, `${label}:`),
      list.map(([text, action]) => button(text, action)));
  }

  /** First, back, play, forward and a scrubber over steps 0..count-1. Calls onstep(i). Never moves by itself unless
   *  the reader presses play; with reduced motion play goes through the steps more slowly, without transitions. */
  function player({ label, count, value = 0, interval = 600, show = (i) => `${i + 1} of ${count}`, onstep }) {
    let timer = null;
    const bar = slider({ label, min: 0, max: count - 1, value, show: (i) => show(i), oninput: (i) => { stop(); onstep(i); } });
    const go = (i) => { bar.set(Math.max(0, Math.min(Number(bar.input.max), i))); onstep(bar.value); };
    const play = button("▶ Play", () => (timer ? stop() : begin()));
    function begin() {
      if (bar.value >= Number(bar.input.max)) go(0);
      play.textContent = "❚❚ Pause";
      timer = setInterval(() => {
        if (!play.isConnected || bar.value >= Number(bar.input.max)) return stop();
        go(bar.value + 1);
      }, stillness() ? Math.max(interval, 900) : interval);
    }
    function stop() { clearInterval(timer); timer = null; play.textContent = "▶ Play"; }
    const node = el("div.player", {}, play, button("◀", () => { stop(); go(bar.value - 1); }, "One step back"),
      button("▶|", () => { stop(); go(bar.value + 1); }, "One step forward"), bar.node);
    return { node, stop, get value() { return bar.value; }, set: (i) => { stop(); bar.set(i); },
      recount(n) { stop(); count = n; bar.limit(0, n - 1); } };
  }

  const stillness = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  /** Run `draw` once in the next animation frame, however often it is asked for. */
  function frame(draw) {
    let asked = false;
    return () => {
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => { asked = false; draw(); });
    };
  }

  /** Follow a pointer that presses `node`: move(x, y, event) in fractions, 0..1, of its box or that of `within`. */
  function drag(node, move, end = () => {}, within = node) {
    const at = (event) => {
      const box = within.getBoundingClientRect();
      move((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, event);
    };
    node.style.touchAction = "none";
    node.addEventListener("pointerdown", (event) => { node.setPointerCapture(event.pointerId); at(event); });
    node.addEventListener("pointermove", (event) => { if (node.hasPointerCapture(event.pointerId)) at(event); });
    node.addEventListener("pointerup", end);
    node.addEventListener("pointercancel", end);
  }

  /** A canvas of width x height drawing units that stays sharp; `paint(context)` is called again on a new theme. */
  function canvas(host, width, height, paint, attributes = {}) {
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const node = el("canvas", { width: width * ratio, height: height * ratio, ...attributes });
    const context = node.getContext("2d");
    const draw = () => {
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, width, height);
      paint(context);
    };
    host.onTheme(draw);
    return { node, draw };
  }

  /** A picture of one pixel a cell, to be drawn larger: colour(row, column) gives [red, green, blue] or with opacity, 0..255. */
  function pixels(rows, columns, colour) {
    const node = el("canvas", { width: columns, height: rows }), context = node.getContext("2d");
    const image = context.createImageData(columns, rows);
    for (let i = 0; i < rows * columns; i++) {
      const [r, g, b, a = 255] = colour(Math.floor(i / columns), i % columns);
      image.data.set([r, g, b, a], 4 * i);
    }
    context.putImageData(image, 0, 0);
    return node;
  }

  /** The numbers in a grey PNG, which is what `figures.picture` makes of a label map: a promise of rows of numbers. */
  async function grey(uri) {
    const picture = new Image();
    picture.src = uri;
    await picture.decode();
    const { width, height } = picture, context = el("canvas", { width, height }).getContext("2d");
    context.drawImage(picture, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    return Array.from({ length: height }, (_, r) => Array.from({ length: width }, (_, c) => data[4 * (r * width + c)]));
  }

  /** The [row, column] that an event points at, in a grid of square cells that fills `node` as well as it can, centred. */
  function cell(node, [rows, columns], event) {
    const box = node.getBoundingClientRect(), side = Math.min(box.width / columns, box.height / rows);
    return [(event.clientY - box.top - box.height / 2) / side + rows / 2,
      (event.clientX - box.left - box.width / 2) / side + columns / 2].map(Math.floor);
  }

  /** A canvas of grids of numbers, one tab stop. plan(room) gives {width, height, grids}; a grid is {x, y, u (side of a
   *  cell), rows, columns, title, plain (no lines), cell(r, c), frames: [{at, of, colour, line, dash}], point(r, c), press(r, c)};
   *  a cell {text, muted, fills: [[colour, alpha], ..], tag, low (small, top left and bottom right)} or null. Colours are names
   *  of CSS variables without dashes. key(step, key) hears arrow keys as [rows, columns], and says whether it took it. */
  function sheet(host, label, { plan, key }) {
    const node = el("canvas", { tabindex: 0, role: "application", "aria-label": label }), pen = node.getContext("2d");
    let now = { grids: [] }, colours = {};
    const ink = (name) => (colours[name] ??= host.colour(`--${name}`));
    const reach = (event, what) => {
      const box = node.getBoundingClientRect();
      for (const g of now.grids) {
        const c = Math.floor((event.clientX - box.left - g.x) / g.u), r = Math.floor((event.clientY - box.top - g.y) / g.u);
        if (g[what] && r >= 0 && c >= 0 && r < g.rows && c < g.columns) g[what](r, c);
      }
    };
    node.style.touchAction = "pan-y";
    node.addEventListener("pointermove", (event) => event.pointerType === "mouse" && reach(event, "point"));
    node.addEventListener("pointerdown", (event) => { reach(event, "point"); reach(event, "press"); });
    node.addEventListener("keydown", (event) => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (!event.ctrlKey && !event.metaKey && !event.altKey && key(step, event.key)) event.preventDefault();
    });

    function write(text, left, top, colour, align, font) {
      pen.font = `${font} system-ui, sans-serif`; pen.fillStyle = ink(colour); pen.textAlign = align;
      pen.fillText(text, left, top);
    }

    function drawGrid({ x, y, u, rows, columns, title, cell, frames = [], plain }) {
      pen.textBaseline = "middle";
      if (title) write(title, x - 1, y - 11, "ink", "left", "13px");
      const looks = Array.from({ length: rows * columns }, (_, i) => cell(Math.floor(i / columns), i % columns));
      // One size for all numbers, or none: a grid with gaps would read as if something were missing in it. So a
      // sentence beside the sheet must say what its cells may be too narrow for.
      const longest = Math.max(1, ...looks.map((look) => (look && look.text ? look.text.length : 0)));
      const size = Math.min(16, Math.round(u * 0.44) + 1, Math.floor((u - 1) / (0.58 * longest)));
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < columns; c++) {
          const look = looks[r * columns + c], left = x + c * u, top = y + r * u;
          if (look) {
            for (const [colour, alpha] of look.fills || []) {
              pen.globalAlpha = alpha; pen.fillStyle = ink(colour); pen.fillRect(left, top, u, u);
            }
            pen.globalAlpha = 1;
            const low = u > 29 && look.low;
            if (size > 10 && look.text) {
              write(look.text, left + u / 2, top + u / 2 + (low ? -3 : 0.5), look.muted ? "muted" : "ink", "center", `${Math.max(11, size)}px`);
            }
            if (u > 25 && look.tag) write(look.tag, left + 3, top + 7.5, "muted", "left", "italic 11px");
            if (low) write(low, left + u - 2, top + u - 7, "accent", "right", "bold 11px");
          }
          if (u > 7 && !plain) { pen.strokeStyle = ink("line"); pen.lineWidth = 0.6; pen.strokeRect(left, top, u, u); }
        }
      }
      for (const { at: [r, c], of: [h, k] = [1, 1], colour, line = 3, dash = [] } of [{ at: [0, 0], of: [rows, columns], colour: "line", line: 1 }, ...frames]) {
        pen.setLineDash(dash); pen.strokeStyle = ink(colour); pen.lineWidth = line;
        pen.strokeRect(x + c * u, y + r * u, k * u, h * u);
      }
      pen.setLineDash([]);
    }

    return { node, draw(room) {
      now = plan(room); colours = {};
      const ratio = Math.min(2, window.devicePixelRatio || 1), size = [Math.ceil(now.width), Math.ceil(now.height)];
      if (node.width !== size[0] * ratio || node.height !== size[1] * ratio) {
        [node.width, node.height] = size.map((pixels) => pixels * ratio);
        [node.style.width, node.style.height] = size.map((pixels) => `${pixels}px`);
      }
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.clearRect(0, 0, ...size);
      now.grids.forEach(drawGrid);
    } };
  }

  /** A number to read: at most `digits` decimals, a real minus sign. */
  function number(x, digits = 2) {
    if (!Number.isFinite(x)) return "–";
    return String(Number(x.toFixed(digits))).replace("-", "−");
  }

  const STYLE = `
    :host { display: block; position: relative; text-align: start; font: 15px/1.4 system-ui, sans-serif; color: var(--ink);
      --ink: #20242b; --paper: var(--pst-color-background, var(--jp-layout-color1, var(--colab-primary-surface-color, #fff)));
      --muted: #57606a; --line: #8a929c; --surface: #eef1f5; --accent: #0a5ea8; --on-accent: #fff;
      --s0: #0072b2; --s1: #d55e00; --s2: #008f68; --s3: #b0508a; --s4: #9a6f00; --s5: #5b5bd6; --bad: #b3261e; }
    :host([dark]) { --ink: #e8eaed; --muted: #aab2bd; --line: #78818c; --surface: #262c35; --accent: #7cc4ff; --on-accent: #10151b;
      --s0: #56b4e9; --s1: #ff9a4d; --s2: #2fcf9f; --s3: #e59ac6; --s4: #e6b93c; --s5: #a5a5ff; --bad: #ff8a80; }
    * { box-sizing: border-box; }
    [hidden] { display: none !important; }
    .row { display: flex; flex-wrap: wrap; gap: .6rem 1.2rem; align-items: flex-end; margin-block: .5rem; }
    .control { flex: 1 1 10rem; min-width: 8rem; max-width: 18rem; border: 0; margin: 0; padding: 0; }
    .control > label, legend { display: block; font-size: .87rem; color: var(--ink); padding: 0; }
    output { font-weight: 600; font-variant-numeric: tabular-nums; }
    input[type=range] { width: 100%; height: 1.6rem; margin: 0; accent-color: var(--accent); }
    .choice { flex: 0 1 auto; max-width: none; }
    .choice > div { display: flex; flex-wrap: wrap; }
    .choice span { position: relative; }
    .choice input { position: absolute; opacity: 0; inset: 0; margin: 0; }
    .choice span label, button { display: inline-block; font: inherit; font-size: .87rem; line-height: 1.2; color: var(--ink); background: var(--surface);
      border: 1px solid var(--line); border-radius: 4px; padding: .38rem .6rem; min-height: 1.9rem; cursor: pointer; }
    .choice span label { margin-inline-end: 4px; margin-block-end: 4px; }
    .choice input:checked + label, button[aria-pressed=true] { background: var(--accent); color: var(--on-accent); border-color: var(--accent); }
    select { font: inherit; font-size: .87rem; width: 100%; min-height: 1.9rem; color: var(--ink); background: var(--surface); border: 1px solid var(--line); border-radius: 4px; }
    .toggle { display: flex; align-items: center; gap: .4rem; flex: 0 1 auto; }
    .toggle input { width: 1.1rem; height: 1.1rem; accent-color: var(--accent); }
    .choice input:focus-visible + label, :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
    .presets, .player { display: flex; flex-wrap: wrap; gap: .4rem; align-items: center; margin-block: .5rem; font-size: .87rem; }
    .player { align-items: flex-end; } .player .control { flex: 1 1 12rem; max-width: none; }
    svg, canvas { display: block; max-width: 100%; height: auto; overflow: visible; }
    svg text { font-size: 13px; fill: var(--ink); font-family: inherit; }
    table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .87rem; }
    th, td { padding: .2rem .5rem; text-align: end; border-block-end: 1px solid var(--line); }
    th:first-child, td:first-child { text-align: start; }
    input[type=number] { font: inherit; width: 4.2rem; color: var(--ink); background: var(--paper); border: 1px solid var(--line); border-radius: 4px; padding: .2rem .3rem; }
    .note { font-size: .87rem; color: var(--muted); margin: .3rem 0; min-height: 1.4em; }
    .bad { color: var(--bad); } strong { font-weight: 600; }
    .sr { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
    .scroll { overflow-x: auto; max-width: 100%; }
    @media print { .presets, .player, .control { display: none !important; } }`;

  /** Light ink means a dark page: true of the book, JupyterLab and Colab alike, whatever their switches are called. */
  function isDark(node) {
    const [r, g, b] = getComputedStyle(node).color.match(/[\d.]+/g).map(Number);
    return 0.299 * r + 0.587 * g + 0.114 * b > 140;
  }

  function define({ maths, start }) {
    if (!customElements.get(TAG)) {
      customElements.define(TAG, class extends HTMLElement {
        static maths = maths;
        state = {};
        connectedCallback() { this.boot(); }

        /* Called when the element is connected and once more by the script behind it: the first call may come before
         * the parser has reached the data. */
        boot() {
          const json = this.querySelector(":scope > script[type='application/json']");
          if (!json || this.shadowRoot || this.failed) return;
          const began = performance.now();
          this.drawings = [];
          this.root = el("div");
          this.spoken = el("div.sr", { role: "status", "aria-live": "polite" });
          try {
            this.data = JSON.parse(json.textContent);
            this.followTheme();
            start(this);
          } catch (error) {
            this.failed = true;
            console.warn(`figure ${this.dataset.segbook}:`, error);
            const sorry = el("p", { role: "status" }, `This figure could not start (${error.message}). The picture stands in for it.`);
            this.append(sorry);
            return;
          }
          this.attachShadow({ mode: "open" }).append(el("style", {}, STYLE + (this.css || "")), this.root, this.spoken);
          this.drawings.forEach((draw) => draw());
          this.state.firstDraw = performance.now() - began;
          this.fitColab();
        }

        /** Have `draw` called after the start and whenever the theme changes. */
        onTheme(draw) { this.drawings.push(draw); }
        /** What a CSS variable says now, for a canvas: host.colour("--s1"). */
        colour(name) { return getComputedStyle(this).getPropertyValue(name).trim(); }

        /** Tell a screen reader, once the reader's hand rests. */
        say(text) {
          clearTimeout(this.saying);
          this.saying = setTimeout(() => { if (this.spoken.textContent !== text) this.spoken.textContent = text; }, 400);
        }

        followTheme() {
          const look = () => {
            const dark = isDark(this.parentElement || document.body);
            if (dark === this.hasAttribute("dark")) return;
            this.toggleAttribute("dark", dark);
            if (this.shadowRoot) this.drawings.forEach((draw) => draw());
          };
          look();
          const later = () => requestAnimationFrame(look);
          const watch = new MutationObserver(later);
          for (const node of [document.documentElement, document.body]) watch.observe(node, { attributes: true });
          matchMedia("(prefers-color-scheme: dark)").addEventListener("change", later);
        }

        /* Colab shows outputs in a frame whose height it must be told. */
        fitColab() {
          const colab = window.google?.colab?.output;
          if (colab?.resizeIframeToContent) new ResizeObserver(() => colab.resizeIframeToContent()).observe(this);
        }
      });
    }
    document.querySelectorAll(TAG).forEach((node) => node.boot?.());
  }

  return { sheet, el, put, arrow, slider, choice, select, toggle, button, presets, player, frame, drag, canvas, pixels, grey, cell, number, define, stillness };
})();
