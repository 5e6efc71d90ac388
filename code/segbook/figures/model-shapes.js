/* Every map of a network, for an image of any size: a block a stage, as high as its map has rows and as wide as it has
 * channels (both logarithmic), and a table of shapes, parameters and multiply-adds whose stages open.
 *
 * Data: catalogue (bookbuild.model_shapes.trace.catalogue); model, stride, size [height, width] to begin with.
 */
const maths = {
  /** Cells along one axis of a grid that is made of one with n cells. */
  size([kind, , kernel, stride, padding, dilation], n) {
    if (kind === "image" || kind === "one") return kind === "one" ? 1 : n;
    if (kind === "upsample") return stride * (n + padding);
    const up = kind === "ceil", room = n + 2 * padding - dilation * (kernel - 1) - 1;
    const cells = Math.floor((room + (up ? stride - 1 : 0)) / stride) + 1;
    return cells - (up && (cells - 1) * stride >= n + padding);
  },

  /** Cells of all grids along one axis, for an image of n pixels. */
  sizes: (rules, n) => rules.reduce((found, rule) => [...found, maths.size(rule, found.length ? found[rule[1]] : n)], []),

  /** Multiply-adds of a layer that reads h x w cells and writes rows x columns. */
  work([, kind, inputs, outputs, kernel, stride, padding, , groups], [, h, w], [, rows, columns]) {
    if (kind === "convolution") return rows * columns * kernel ** 2 * inputs * outputs / groups;
    if (kind !== "upsample") return 0;
    [h, w] = [h + 2 * padding, w + 2 * padding]; // where whole stamps are kept, it computes on a frame of zeros
    return outputs * stride * h * w * (w + stride * h);
  },

  /** A network at an image size: its stages with their layers, and totals. */
  survey(catalogue, model, stride, height, width) {
    const { rules, stages } = catalogue.models[model].strides[stride];
    const [rows, columns] = [height, width].map((n) => maths.sizes(rules, n));
    const values = ([c, h, w]) => c * h * w;
    const sum = (list, key) => list.reduce((all, item) => all + item[key], 0);
    let largest = [3, height, width];
    const found = stages.map(([name, from, steps]) => {
      const layers = steps.map(([number, reads, writes]) => {
        const layer = catalogue.layers[number];
        const [read, shape] = [[layer[2], rows[reads], columns[reads]], [layer[3], rows[writes], columns[writes]]];
        for (const map of [read, shape]) if (values(map) > values(largest)) largest = map;
        return { layer, reads, writes, shape, parameters: layer[9], work: maths.work(layer, read, shape) };
      });
      return { name, from, layers, shape: layers.at(-1).shape, parameters: sum(layers, "parameters"), work: sum(layers, "work") };
    });
    return { stages: found, largest, rules, rows, parameters: sum(found, "parameters"), work: sum(found, "work") };
  },

  /** The size formula with its numbers. */
  formula([kind, , k, s, p, d], n, result) {
    if (kind === "one") return "a mean over the image leaves 1";
    if (kind === "upsample") return `${s}·${p ? `(${n} + 1)` : n} = ${result}`;
    const [open, close] = kind === "ceil" ? "⌈⌉" : "⌊⌋";
    return `${open}(${n} + 2·${p} − ${d}·(${k} − 1) − 1) / ${s}${close} + 1 = ${result}`;
  },
};

kit.define({ maths, start(host) {
  const { el, put } = kit, { catalogue } = host.data, names = Object.keys(catalogue.models);
  const PRESETS = [
    ["decoder, stride 4", "deeplabv3plus_resnet50", 16, [512, 512]],
    ["dilation, stride 8", "deeplabv3_resnet50", 8, [512, 512]],
    ["VGG in its frame", "fcn8s_vgg16", 0, [500, 500]],
    ["one pixel", "fcn8s_vgg16", 0, [1, 1]],
  ].filter(([, name]) => names.includes(name));
  let { model, stride, size } = host.data;
  let open = null; // the stage whose layers are listed

  const times = (shape) => shape.join("×"), comma = (x) => x.toLocaleString("en");
  const short = (x) => {
    const i = x < 1e3 ? 0 : Math.min(3, Math.floor(Math.log10(x) / 3)), y = x / 1e3 ** i;
    return i ? `${y.toFixed(y < 10 ? 2 : y < 100 ? 1 : 0)} ${" kMG"[i]}` : x || "–";
  };
  const role = ({ layers: [{ layer: [name, kind] }] }) => (/^back/.test(name) ? "s0" : /ups|res|crop/.test(kind) ? "s4" : "s1");

  const select = kit.select({ label: "Model", options: names, value: model, oninput: (name) => choose(name) });
  const strides = kit.choice({ label: "Output stride", options: [8, 16, 32].map((s) => [s, s]), value: 8, oninput: (s) => choose(model, s) });
  const sliders = ["height", "width"].map((side, i) => kit.slider({ label: `Image ${side}`, min: 1, max: 1024, value: 1,
    oninput: (n) => { size = size.with(i, n); draw(); } }));
  const presets = kit.presets(PRESETS.map(([text, ...rest]) => [text, () => choose(...rest)]));
  const svg = el("svg:svg", { "aria-hidden": "true" });
  const cards = ["parameters", "multiply-adds", "largest map"].map((title) => el("div", {}, el("dt", {}, title), el("dd"), el("dd.more")));
  const body = el("tbody"), note = el("p.note");
  host.root.append(presets,
    el("div.row", {}, select.node, strides.node),
    el("div.row", {}, sliders.map((slider) => slider.node)), svg, el("dl", {}, cards), note,
    el("div.scroll", { tabindex: 0, role: "region", "aria-label": "Stages and their layers" }, el("table", {},
      el("thead", {}, el("tr", {}, ["stage", "C × h × w", "parameters", "multiply-adds"].map((text) => el("th", { scope: "col" }, text)))),
      body)));
  host.css = `
    svg { width: 100%; } svg text { font-size: 11px; } svg .soft { fill: var(--muted); } svg g { cursor: pointer; }
    line { stroke: var(--line); stroke-width: .5; } path { fill: none; stroke: var(--s3); stroke-width: 1.5; stroke-dasharray: 4 3; }
    .open rect { stroke: var(--ink); stroke-width: 2.5; } .open text { font-weight: 700; }
    dl { display: grid; grid-template-columns: 1.25fr 1fr 1fr; gap: .4rem; margin: .4rem 0; }
    dl > div { border-inline-start: 3px solid var(--accent); padding-inline-start: .4rem; } dt, .more { font-size: .8rem; color: var(--muted); }
    dd { margin: 0; font-weight: 600; } .more { font-weight: 400; min-height: 2.8em; }
    table { width: 100%; font-size: .82rem; } th, td { padding-inline: .2rem; } thead th { font-size: .75rem; } tbody button { padding: .15rem .4rem; min-height: 1.6rem; }
    tbody th { font-weight: 400; } .layer th { padding-inline-start: .7rem; } small { display: block; color: var(--muted); }
    td { white-space: nowrap; } td:last-child { background: linear-gradient(to left, color-mix(in srgb, var(--s1) 30%, transparent) var(--share), transparent 0); }`;

  function choose(name, next = stride, pixels = size) {
    const entry = catalogue.models[name];
    if (name !== model) open = null;
    [model, size, stride] = [name, pixels, next in entry.strides ? next : entry.default];
    strides.node.hidden = !stride;
    strides.set(stride); select.set(name);
    sliders.forEach((slider, i) => slider.set(size[i]));
    build();
  }

  /* Nodes are made once for a network; `paint` fills in what depends on the image. */
  const ticks = [1, 4, 16, 64, 256, 1024].map((n) => [n, el("svg:line"), el("svg:text.soft", {}, n)]);
  let blocks, lines, arcs;
  function build() {
    const { stages } = maths.survey(catalogue, model, stride, ...size);
    blocks = [null, ...stages].map((stage, i) => {
      const nodes = [el("svg:rect", { fill: `var(--${stage ? role(stage) : "line"})` }), el("svg:text", {}, stage ? stage.name : "image"), el("svg:text.soft")];
      return [el("svg:g", stage ? { onclick: () => toggle(i - 1) } : {}, nodes), ...nodes];
    });
    // What leaves the backbone elsewhere than at its end: skips and low-level features.
    arcs = stages.map((stage, i) => [stage.from, i, el("svg:path")]).filter(([from, to]) =>
      from >= 0 && from !== to - 1 && role(stages[from]) === "s0" && role(stages[to]) !== "s0");
    svg.replaceChildren(...ticks.flatMap((tick) => tick.slice(1)), ...arcs.map((arc) => arc[2]), ...blocks.map((block) => block[0]));
    lines = [];
    const row = (head, css, get) => {
      lines.push([get, el("td"), el("td"), el("td")]);
      return el(`tr${css}`, {}, el("th", { scope: "row" }, head), lines.at(-1).slice(1));
    };
    body.replaceChildren(...stages.flatMap(({ name, layers }, i) => [
      row(el("button", { type: "button", "aria-expanded": `${open === i}`, onclick: () => toggle(i) }, name), "", (now) => now[i]),
      ...(open === i ? layers.map(({ layer }, j) =>
        row([plain(layer[0]), el("small", {}, layer[10])], ".layer", (now) => now[i].layers[j])) : []),
    ]));
    draw();
  }

  const plain = (name) => name.replace(/^(backbone|classifier)\./, "");

  function toggle(i) {
    const pressed = body.contains(host.shadowRoot.activeElement);
    open = open === i ? null : i;
    build();
    if (pressed) body.querySelectorAll("button")[i].focus();
  }

  function paint() {
    const now = maths.survey(catalogue, model, stride, ...size), shapes = [[3, ...size], ...now.stages.map((stage) => stage.shape)];
    const wide = host.root.clientWidth || 340, base = 172, pitch = (wide - 36) / blocks.length;
    const y = (rows) => base - (Math.log2(rows) + 1) * 12, middle = (i) => 36 + (i + 0.5) * pitch;
    const over = (i) => y(shapes[i][1]) - 8 - 6.5 * `${shapes[i][0]}`.length;
    put(svg, { viewBox: `0 0 ${wide} ${base + 60}` });
    for (const [n, line, text] of ticks) {
      put(line, { x1: 32, x2: wide, y1: y(n), y2: y(n) });
      put(text, { x: 29, y: y(n) + 4, "text-anchor": "end" });
    }
    blocks.forEach(([node, bar, name, channels], i) => {
      const [c, rows] = shapes[i], width = 3 + (Math.min(pitch, 46) - 5) * Math.log2(c) / 12;
      put(bar, { x: middle(i) - width / 2, width, y: y(rows), height: base - y(rows) });
      node.classList.toggle("open", open === i - 1);
      put(name, { transform: `translate(${middle(i) + 4} ${base + 5}) rotate(-90)`, "text-anchor": "end" });
      channels.textContent = c;
      put(channels, { transform: `translate(${middle(i) + 4} ${y(rows) - 4}) rotate(-90)` });
    });
    arcs.forEach(([from, to, path], n) => {
      const [start, end] = [from + 1, to + 1], x = middle(end) - 3;
      const top = Math.min(...shapes.map((_, i) => (i < start || i > end ? base : over(i)))) - 5 - 14 * n;
      put(path, { d: `M${middle(start)} ${over(start)}V${top}H${x}V${over(end)}l-4 -5m4 5l4 -5` });
    });
    for (const [get, shape, parameters, work] of lines) {
      const line = get(now.stages);
      [shape.textContent, parameters.textContent, work.textContent] = [times(line.shape), short(line.parameters), short(line.work)];
      work.style.setProperty("--share", `${100 * line.work / now.work}%`);
    }
    tell(now);
  }
  const draw = kit.frame(paint);

  function tell({ stages, rules, rows, largest, parameters, work }) {
    const { aux } = catalogue.models[model], total = [parameters, work, 4 * largest.reduce((a, b) => a * b)];
    [[comma(parameters), aux && `+ ${comma(aux)}, auxiliary head`],
      [short(work), `${short(2 * work)}FLOP`], [`${short(total[2])}B`, `${times(largest)}, float32`],
    ].forEach((texts, i) => texts.forEach((text, j) => { cards[i].children[j + 1].textContent = text || ""; }));
    presets.querySelectorAll("button").forEach((button, i) => put(button, { "aria-pressed": `${PRESETS[i].slice(1)}` === `${[model, stride, size]}` }));
    const layer = stages[open]?.layers.find(({ layer: [, kind], reads, writes }) => reads !== writes && !/crop|resize/.test(kind));
    note.textContent = layer ? `Rows behind ${plain(layer.layer[0])}: ${maths.formula(rules[layer.writes], rows[layer.reads], rows[layer.writes])}`
      : open === null ? "Choose a stage to see its layers." : "No layer here changes the rows.";
    Object.assign(host.state, { model, stride, size, total, largest, stages: stages.map(({ name, shape }) => [name, shape]) });
    host.say(`${times(size)} pixels: ${cards.map((card) => card.innerText).join("; ")}. ${note.textContent}`);
  }

  choose(model, stride, size);
  host.onTheme(paint);
  new ResizeObserver(draw).observe(host.root);
} });
