/* A transposed convolution with a tent as kernel, beside F.interpolate. Each is a matrix with one row for each output:
 * the weights with which it sees the samples. In two dimensions it is used twice. */
const list = (length, f) => Array.from({ length }, (_, i) => f(i));

const turn = (rows) => rows[0].map((_, i) => rows.map((row) => row[i]));

const maths = {
  /** The tent of a kernel's size: segbook.bilinear.bilinear_kernel before its outer product. */
  kernel: (k) => list(k, (i) => 1 - Math.abs(i - (k - 1) / 2) / Math.floor((k + 1) / 2)),

  transposed(n, k, s, p) {
    const weights = maths.kernel(k);
    return list((n - 1) * s + k - 2 * p, (a) => list(n, (i) => weights[a + p - i * s] ?? 0));
  },

  /** F.interpolate(size=length, mode="linear"). */
  interpolate: (n, length, aligned) => list(length, (a) => {
    const u = aligned ? (a * (n - 1)) / Math.max(1, length - 1) : ((a + 0.5) * n) / length - 0.5;
    const inside = Math.max(0, Math.min(n - 1, u)); // the outermost is repeated
    return list(n, (i) => Math.max(0, 1 - Math.abs(inside - i)));
  }),

  apply: (matrix, values) => matrix.map((row) => row.reduce((sum, w, i) => (w ? sum + w * values[i] : sum), 0)),

  /** matrix @ image @ matrix.T, for a square image. */
  upsample(matrix, image) {
    const wide = image.map((line) => maths.apply(matrix, line));
    return turn(turn(wide).map((line) => maths.apply(matrix, line)));
  },

  /** What a constant 1 becomes away from the border, at each of the s positions. */
  phases: (k, s) => list(s, (a) => maths.kernel(k).reduce((sum, w, i) => (i % s === a ? sum + w : sum), 0)),
};

const CASES = [ // name, stride, kernel, padding, align_corners
  ["Factor 2", 2, 4, 1], ["Factor 3", 3, 5, 1], ["Corners aligned", 2, 3, 1, "True"],
  ["k 3, s 2", 2, 3, 1], ["k 2, s 2", 2, 2, 0], ["k 12, s 4", 4, 12, 4], ["k 6, s 3", 3, 6, 1],
];
const HEIGHT = 190, FLOOR = 187, SIDE = 180; // drawing units

function start(host) {
  const { el, put, number } = kit, samples = host.data.samples, n = samples.length;
  const equal = (x, y) => Math.abs(x - y) < 1e-9;
  const now = host.state.now = { s: 2, k: 4, p: 1, corners: "False", input: "ones" };
  let values, patch, planes, bitmaps, T, I, pixel = [0, 0], width = 640;
  const words = el("p"), spoken = el("p"), read = el("p");
  host.css = `.tent { fill: var(--s0); fill-opacity: .13; stroke: var(--s0); } .line { fill: none; stroke-width: 2.5; }
    g { cursor: ns-resize; } circle + circle { fill: var(--paper); stroke: var(--ink); stroke-width: 2.5; }
    figure canvas { width: 100%; } figure, p { margin: 0 0 .3rem; }
    .panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: .6rem; margin-top: .8rem; }
    figcaption, .key { font-size: .87rem; } .key span { display: inline-block; margin-inline-end: .7em; }`;

  // Along a line: paths get new coordinates only, to be cheap.
  const line = (colour, more) => el("svg:path.line", { stroke: `var(${colour})`, ...more });
  const cut = line("none", { style: "fill: var(--muted); fill-opacity: .17" });
  const level = line("--line"), levelText = el("svg:text", {}, "1");
  const gaps = line("--bad"), rings = line("--s1"), theirs = line("--s1", { "stroke-dasharray": "7 4" });
  const ours = line("--s0"), dots = line("--s0", { "stroke-linecap": "round", style: "stroke-width: 8" });
  const tents = samples.map(() => el("svg:path.tent"));
  const handles = samples.map((_, i) => el("svg:g", {
    role: "slider", tabindex: 0, "aria-label": `Sample ${i}`, "aria-valuemin": 0, "aria-valuemax": 1,
    onkeydown(event) {
      const way = kit.arrow(event);
      if (way) drag(i, values[i] + (way[1] - way[0]) / 20);
    },
  }, el("svg:circle", { r: 16, fill: "transparent" }), el("svg:circle", { r: 6.5 })));
  const plot = el("svg:svg", { role: "group", "aria-label": "Samples and their tents" },
    cut, level, tents, gaps, theirs, rings, ours, dots, levelText, handles);
  handles.forEach((node, i) => kit.drag(node, (_, y) => drag(i, (FLOOR - y * HEIGHT) / tall()), undefined, plot));
  const tall = () => 150 / Math.max(1.1, ...maths.phases(now.k, now.s)); // of the value 1

  function drag(i, value) {
    values[i] = Math.round(Math.min(1, Math.max(0, value)) * 100) / 100;
    drawLine();
  }

  const drawLine = kit.frame(() => {
    const { s, k, p } = now, unit = width / (T.length + 2 * p + 1), f = Math.floor((k + 1) / 2);
    const x = (a) => (a + p + 1) * unit, y = (v) => FLOOR - v * tall();
    const [mine, other] = host.state.line = [T, I].map((matrix) => maths.apply(matrix, values));
    const through = (v, draw) => ({ d: v.map((value, a) => draw(x(a), y(value), a)).join("") });
    const join = (x, y, a) => `${a ? "L" : "M"}${x} ${y}`;
    put(plot, { viewBox: `0 0 ${width} ${HEIGHT}` });
    tents.forEach((node, i) => {
      const centre = i * s - p + (k - 1) / 2;
      put(node, { d: `M${x(centre - f)} ${FLOOR}L${x(centre)} ${y(values[i])}L${x(centre + f)} ${FLOOR}` });
      put(handles[i], { transform: `translate(${x(centre)} ${y(values[i])})`, "aria-valuenow": values[i] });
    });
    put(ours, through(mine, join));
    put(theirs, through(other, join));
    put(dots, through(mine, (x, y) => `M${x} ${y}h.01`));
    put(rings, through(other, (x, y) => `M${x - 6} ${y}a6 6 0 1 0 12 0a6 6 0 1 0 -12 0`));
    put(gaps, through(mine, (x, top, a) => (equal(mine[a], other[a]) ? "" : `M${x} ${top}V${y(other[a])}`)));
    const edge = p && (p + 0.5) * unit;
    put(cut, { d: `M0 0H${edge}V${FLOOR}H0M${width} 0h${-edge}V${FLOOR}H${width}` });
    put(level, { d: `M0 ${y(1)}H${width}` });
    put(levelText, { x: width - 10, y: y(1) - 5 });
    const off = mine.map((v, a) => Math.abs(v - other[a])), at = off.indexOf(Math.max(...off));
    spoken.textContent = off[at] < 1e-9 ? "Here they agree."
      : `Here they differ most at ${at}: ${number(mine[at])} against ${number(other[at])}.`;
    host.say(words.textContent + spoken.textContent);
  });

  // In two dimensions, on squares.
  const size = (at) => planes[at][0].length;
  const panels = ["samples", "transposed", "interpolate", "difference"].map((name, at) => {
    const point = (event) => move(...kit.cell(canvas.node, [size(1), size(1)], event));
    const onkeydown = (event) => {
      const way = kit.arrow(event);
      if (way) host.say(move(pixel[0] + way[0], pixel[1] + way[1]));
    };
    const canvas = kit.canvas(host, SIDE, SIDE, (context) => paint(context, at), {
      onpointermove: point, onpointerdown: point, "aria-label": at < 3 ? name : `${name}: arrow keys move the pixel`,
      ...(at < 3 ? { role: "img" } : { role: "application", tabindex: 0, onkeydown }),
    });
    return { name, caption: el("figcaption"), ...canvas };
  });
  const redraw = kit.frame(() => panels.forEach((panel) => panel.draw()));

  function move(...to) {
    const [r, c] = pixel = to.map((x) => Math.max(0, Math.min(size(1) - 1, x)));
    const [a, b] = host.state.pixel = [1, 2].map((at) => planes[at].reduce((sum, plane) => sum + plane[r][c], 0) / patch.length);
    read.textContent = `Row ${r}, column ${c}: transposed ${number(a)}, interpolate ${number(b)}, difference ${number(a - b)}.`;
    redraw();
    return read.textContent;
  }

  function bitmap(image, at) {
    return kit.pixels(size(at), size(at), (r, c) => {
      const v = image.map((plane) => Math.abs(plane[r][c])), d = Math.min(1, 2 * Math.max(...v));
      return at === 3 ? [50 + 160 * d, 54 + 10 * d, 60 - 20 * d] : [0, 1, 2].map((i) => 255 * v[i % v.length]);
    });
  }

  function paint(context, at) {
    const cell = SIDE / size(at), mark = Math.max(cell, 8);
    Object.assign(context, { font: "12px system-ui", textAlign: "center", strokeStyle: "#888", lineWidth: 0.5, imageSmoothingEnabled: false });
    context.drawImage(bitmaps[at], 0, 0, SIDE, SIDE);
    if (cell > 25) planes[at][0].forEach((row, r) => row.forEach((v, c) => { // room for numbers
      context.strokeRect(c * cell, r * cell, cell, cell);
      context.fillStyle = at === 3 || v < 0.5 ? "#fff" : "#000";
      context.fillText(number(Math.abs(v)).replace(/^0(?=\.)/, ""), (c + 0.5) * cell, (r + 0.5) * cell + 4);
    }));
    if (!at) return;
    const [y, x] = pixel.map((i) => (i + 0.5) * cell - mark / 2);
    Object.assign(context, { strokeStyle: host.colour("--accent"), lineWidth: 2.5 }).strokeRect(x, y, mark, mark);
  }

  function update() {
    const { s, k, p, corners } = now, aligned = corners === "True", f = Math.floor((k + 1) / 2);
    const matrices = (m) => [maths.transposed(m, k, s, p), maths.interpolate(m, (m - 1) * s + k - 2 * p, aligned)];
    [T, I] = matrices(n);
    const [mine, other] = matrices(patch[0].length).map((matrix) => patch.map((plane) => maths.upsample(matrix, plane)));
    planes = [patch, mine, other, mine.map((plane, i) => plane.map((row, r) => row.map((v, c) => v - other[i][r][c])))];
    bitmaps = planes.map(bitmap);
    panels.forEach((panel, at) => { panel.caption.textContent = `${panel.name}, ${size(at)} × ${size(at)}`; });
    const inside = [...new Set(maths.phases(k, s).map((v) => number(v)))].join(" and "), end = T[0].reduce((a, b) => a + b);
    const wanted = aligned ? (n - 1) * s + 1 : n * s, same = T.filter((row, a) => row.every((v, i) => equal(v, I[a][i]))).length;
    words.replaceChildren(`(${n} − 1)·${s} − 2·${p} + ${k} = ${T.length} outputs`,
      T.length === wanted ? ". " : `, where align_corners=${corners} and a factor of ${s} ask for ${wanted}. `,
      `A constant 1 becomes ${inside} inside, ${number(end)} at the end, ${number(end * end)} in a corner. `,
      f === s ? "" : `A tent of ${k} is made for stride ${f}, not ${s}. `,
      el("strong", {}, `Equal to interpolate at ${same === T.length ? "all" : same} of ${T.length} outputs. `));
    Object.assign(host.state, { planes, same });
    move(...pixel);
    drawLine();
  }

  function change(part) {
    Object.assign(now, part);
    const most = Math.min(now.k - 1, now.s + Math.floor((now.k - 1) / 2)); // keep three
    now.p = Math.min(now.p, most);
    sliders.p.limit(0, most);
    for (const key in sliders) sliders[key].set(now[key]);
    align.set(now.corners);
    if (part.input) {
      const one = { ones: () => 1, impulse: (i) => +(i === 1) }[part.input];
      values = one ? list(n, one) : [...samples];
      patch = one ? [list(3, (r) => list(3, (c) => one(r) * one(c)))] : host.data.picture;
    }
    update();
  }
  const control = (kind, key, label, more) => kit[kind]({ label, value: now[key], oninput: (x) => change({ [key]: x }), ...more });
  const sliders = Object.fromEntries([["s", "Stride s", 6], ["k", "Kernel k", 12], ["p", "Padding p", 3]].map(
    ([key, label, max]) => [key, control("slider", key, label, { min: 1, max })]));
  const align = control("choice", "corners", "interpolate, align_corners =", { options: [["False", "False"], ["True", "True"]] });
  const input = control("choice", "input", "Upsample", { options: [["ones", "All ones"], ["impulse", "A single 1"], ["picture", "A picture"]] });
  const key = (colour, sign, text) => el("span", {}, el("b", { style: `color: var(${colour})`, "aria-hidden": "true" }, `${sign} `), text);
  host.root.append(
    kit.presets(CASES.map(([name, s, k, p, corners = "False"]) => [name, () => change({ s, k, p, corners })])),
    el("div.row", {}, Object.values(sliders).map(({ node }) => node)), el("div.row", {}, input.node, align.node), plot,
    el("p.key", {}, key("--ink", "◯", "sample: drag it"), key("--s0", "△", "its tent"),
      key("--s0", "━●━", "their sum: transposed convolution"), key("--s1", "╌◯╌", "interpolate"),
      key("--bad", "┃", "difference"), key("--muted", "▒", "cut off by the padding")),
    words, spoken, el("div.panels", {}, panels.map((panel) => el("figure", {}, panel.node, panel.caption))), read);
  change({ input: "ones" });
  new ResizeObserver(() => { if (host.clientWidth) { width = host.clientWidth; drawLine(); } }).observe(host);
}

kit.define({ maths, start });
