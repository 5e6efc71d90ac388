/* Where a grid comes from: a transposed convolution uses its weights in turns, one group a phase; a convolution behind
 * a resize uses all of them everywhere. A kernel in two dimensions is the weights w as a column times w as a row. */
const maths = (() => {
  /** What each of the s phases sums: weight v belongs to phase v mod s. With ones these are the overlap counts. */
  function sums(w, s) {
    const phases = new Array(s).fill(0);
    w.forEach((weight, v) => { phases[v % s] += weight; });
    return phases;
  }

  /** Spread of the phases in two dimensions against their size: 0 is even. Chapter 3's function, for one channel. */
  function unevenness(sums) {
    const phases = sums.flatMap((a) => sums.map((b) => a * b)), mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
    const size = mean(phases.map((x) => x * x)), middle = mean(phases);
    return size < 1e-12 ? 0 : Math.sqrt(mean(phases.map((x) => (x - middle) ** 2)) / size);
  }

  /** What lands on each of the n * s outputs, as [input, weight]: the canvas cut in its middle to s times the input. */
  function stamps(n, k, s) {
    const cut = Math.max(0, (k - s) >> 1), found = Array.from({ length: n * s }, () => []);
    for (let i = 0; i < n; i++) for (let v = 0; v < k; v++) found[i * s + v - cut]?.push([i, v]);
    return found;
  }

  /** n values as n * s, repeated or interpolated between the middles of the cells. */
  function resize(x, s, smooth) {
    return Array.from({ length: x.length * s }, (_, a) => {
      if (!smooth) return x[Math.floor(a / s)];
      const at = Math.max(0, Math.min(x.length - 1, (a + 0.5) / s - 0.5)), i = Math.min(Math.floor(at), x.length - 2), t = at - i;
      return (1 - t) * x[i] + t * x[i + 1];
    });
  }

  const collect = (x, w) => x.map((_, a) => w.reduce((sum, weight, v) => sum + weight * (x[a + v - ((w.length - 1) >> 1)] ?? 0), 0));
  const stamp = (x, w, s) => stamps(x.length, w.length, s).map((found) => found.reduce((sum, [i, v]) => sum + x[i] * w[v], 0));

  /** Rows, then columns. how: "stamp", "nearest" or "bilinear". */
  function upsample(image, w, s, how) {
    const line = (x) => (how === "stamp" ? stamp(x, w, s) : collect(resize(x, s, how === "bilinear"), w));
    const turn = (rows) => rows[0].map((_, c) => rows.map((row) => row[c]));
    return turn(turn(image.map(line)).map(line));
  }

  const tent = (k) => Array.from({ length: k }, (_, v) => 1 - Math.abs(v - (k - 1) / 2) / ((k + 1) >> 1));

  return { sums, unevenness, stamps, resize, upsample, tent };
})();

function start(host) {
  const { el, number, put } = kit, LOW = -1.1, HIGH = 1.6, N = 6;
  const S = { k: 3, s: 2, weights: "ones", how: "nearest", input: "constant" };
  let w = [1, 1, 1], chosen = 0, cell = [4, 4], width = 0, maps = [];

  const make = { ones: (k) => new Array(k).fill(1), tent: maths.tent, fresh: (k) => Array.from({ length: k }, () => Math.round(200 * Math.random() - 100) / 100) };
  const images = {
    constant: Array.from({ length: N }, () => new Array(N).fill(1)),
    disc: Array.from({ length: 14 }, (_, r) => Array.from({ length: 14 }, (_, c) => Math.max(0.15, Math.min(1, 5.6 - Math.hypot(r - 6.5, c - 6.5))))),
  };

  // The weights, as bars that are dragged: up and down changes one, left and right goes to the next.
  const bars = Array.from({ length: 8 }, () => ({ bar: el("svg:rect.bar"), text: el("svg:text", { "text-anchor": "middle" }) }));
  const zero = el("svg:line.zero"), svg = el("svg:svg", { viewBox: "0 0 320 116", tabindex: 0, role: "application",
    "aria-label": "Weights of the kernel: left and right choose one, up and down change it" }, bars.flatMap(({ bar, text }) => [bar, text]), zero);
  const top = (value) => 100 - (100 * (value - LOW)) / (HIGH - LOW);
  put(zero, { x1: 0, x2: 320, y1: top(0), y2: top(0) });
  function setWeight(v, value) {
    chosen = v;
    w = w.map((old, i) => (i === v ? Math.max(-1, Math.min(1.5, Math.round(value * 20) / 20)) : old));
    S.weights = "own";
    weightChoice.set(null);
    refresh();
  }
  kit.drag(svg, (x, y) => setWeight(Math.max(0, Math.min(S.k - 1, Math.floor(x * S.k))), LOW + (HIGH - LOW) * (1 - (y * 116) / 100)));
  svg.addEventListener("keydown", (event) => {
    const way = kit.arrow(event);
    if (!way) return;
    if (way[0]) setWeight(chosen, w[chosen] - 0.05 * way[0]);
    chosen = Math.max(0, Math.min(S.k - 1, chosen + way[1]));
    refresh();
    host.say(`Weight ${chosen}: ${number(w[chosen])}. ${words()}`);
  });

  /** One dimension as towers: on each output the weights that meet there, in the colour of the input they come from. */
  function towers(which) {
    return kit.canvas(host, 340, 120, (pen) => {
      const hues = [0, 1, 2, 3, 4, 5].map((i) => host.colour(`--s${i}`)), left = (S.k - 1) >> 1, u = 340 / (N * S.s);
      const piles = maths.stamps(N, S.k, S.s).map((stamps, a) => (which === "stamp" ? stamps
        : w.map((_, v) => [Math.floor((a + v - left) / S.s), v]).filter(([i]) => i >= 0 && i < N)));
      const part = (sign) => Math.max(0, ...piles.map((pile) => pile.reduce((sum, [, v]) => sum + Math.max(0, sign * w[v]), 0)));
      const up = part(1), down = part(-1), scale = 110 / Math.max(up + down, 0.01), base = 5 + up * scale;
      piles.forEach((pile, a) => {
        const reach = [0, 0];
        let sum = 0;
        for (const [i, v] of pile) {
          const side = w[v] < 0 ? 1 : 0, high = Math.abs(w[v]) * scale, from = reach[side];
          reach[side] += high; sum += w[v];
          pen.fillStyle = hues[i % 6]; pen.globalAlpha = side ? 0.3 : 0.6;
          pen.fillRect(a * u + 0.5, side ? base + from : base - from - high, u - 1, Math.max(high - 0.7, 0.3));
        }
        pen.globalAlpha = 1; pen.fillStyle = host.colour("--ink");
        pen.fillRect(a * u, base - sum * scale - 1.5, u, 3); // what comes out: the sum
      });
      pen.fillStyle = host.colour("--line"); pen.fillRect(0, base - 0.5, 340, 1);
    }, { role: "img", "aria-label": `Towers of weights: ${which}` });
  }

  /** Two dimensions as a map of the output: the larger the value the darker, with its number where there is room. */
  function map(which, label) {
    return kit.sheet(host, label, {
      key(step) {
        if (!step) return false;
        look(...cell.map((x, i) => Math.max(0, Math.min(maps[0].length - 1, x + step[i]))));
        return true;
      },
      plan(room) {
        const values = maps[which], size = values.length, u = (room - 4) / size, flat = values.flat();
        const low = Math.min(0, ...flat), high = Math.max(0, ...flat);
        return { width: room, height: room, grids: [{ x: 2, y: 2, u, rows: size, columns: size, plain: S.input === "disc", point: look,
          frames: [{ at: cell, colour: "ink" }],
          cell: (r, c) => ({ text: S.input === "constant" ? number(values[r][c], 1) : "", fills: [["s0", 0.62 * (values[r][c] - low) / (high - low || 1)]] }) }] };
      },
    });
  }
  function look(r, c) {
    cell = [r, c];
    refresh();
    host.say(cellWords());
  }

  const drawings = ["stamp", "resize"].map(towers), titles = ["Transposed", "Resize, convolve"];
  const sheets = titles.map((title, i) => map(i, `${title}: arrow keys choose a cell`));
  const kernel = kit.slider({ label: "kernel k", min: 1, max: 8, value: 3, oninput(k) { S.k = k; renew(); } });
  const stride = kit.slider({ label: "stride s", min: 1, max: 4, value: 2, oninput(s) { S.s = s; renew(S.weights === "own" && w); } });
  const weightChoice = kit.choice({ label: "Weights", options: [["ones", "All one"], ["tent", "Tent"], ["fresh", "Fresh"]], value: "ones",
    oninput(kind) { S.weights = kind; renew(); } });
  const how = kit.choice({ label: "Resize by", options: [["nearest", "repeating"], ["bilinear", "interpolating"]], value: "nearest", oninput(value) { S.how = value; refresh(); } });
  const input = kit.choice({ label: "Input of the maps", options: [["constant", "Constant 1"], ["disc", "Disc"]], value: "constant", oninput(value) { S.input = value; refresh(); } });
  const set = (k, s, weights, values) => () => {
    Object.assign(S, { k, s, weights });
    kernel.set(k); stride.set(s); weightChoice.set(values ? null : weights);
    renew(values);
  };
  const verdict = el("p", { role: "status" }), pointed = el("p.note");
  host.root.append(
    kit.presets([["kernel 3", set(3, 2, "ones")], ["kernel 4", set(4, 2, "ones")], ["kernel 3, filled evenly", set(3, 2, "own", [0.5, 1, 0.5])],
      ["kernel 4, fresh", set(4, 2, "fresh")], ["kernel 4, tent", set(4, 2, "tent")],
      ...(host.data.trained || []).map(({ name, stride: s, weights }) => [name, set(weights.length, s, "own", weights)])]),
    el("div.row", {}, kernel.node, stride.node, weightChoice.node),
    el("div.weights", {}, el("span", {}, "Weights of the kernel: drag them"), svg), verdict,
    el("div.pair", {}, titles.map((title, i) => el("div", {}, el("strong", {}, title), drawings[i].node, sheets[i].node))),
    pointed, el("div.row", {}, input.node, how.node));
  host.css = `
    .pair { display: grid; grid-template-columns: 1fr 1fr; gap: 14px; } .pair canvas { margin-block: 6px; } .pair > div { min-width: 0; }
    .pair > div > canvas:nth-child(2) { width: 100%; } .weights { font-size: .87rem; } .weights svg { width: 340px; cursor: ns-resize; }
    .bar { fill: var(--s1); fill-opacity: .55; stroke: var(--s1); } .bar.chosen { stroke: var(--ink); stroke-width: 2; } .zero { stroke: var(--line); }
    p { margin: .4rem 0; font-variant-numeric: tabular-nums; }`;

  const list = (values) => values.map((x) => number(x)).join(", ");
  function words() {
    const counts = maths.sums(make.ones(S.k), S.s), sums = maths.sums(w, S.s), uneven = maths.unevenness(sums);
    const even = S.k % S.s === 0, level = uneven < 0.005;
    Object.assign(host.state, { settings: { ...S }, weights: w, counts, sums, unevenness: uneven });
    const found = level ? (even ? "even." : "uneven counts, yet these weights fill evenly.") : even ? "even counts, and yet a grid." : "a grid.";
    return `${S.s} ${even ? "divides" : "does not divide"} ${S.k}: in turn ${list(counts)} stamps. Their sums ${list(sums)}, unevenness in 2-D ${
      number(uneven, 3)}: ${found} Behind a resize every cell sums all ${S.k}: ${number(w.reduce((a, b) => a + b, 0))}, no grid.`;
  }
  function cellWords() {
    const [r, c] = cell, found = maths.stamps(images[S.input].length, S.k, S.s);
    return `Row ${r}, column ${c}: stamps ${found[r].length * found[c].length}, together ${number(maps[0][r][c])}; resized and convolved ${number(maps[1][r][c])}.`;
  }

  function renew(values) {
    w = values ? [...values] : (make[S.weights] || make.ones)(S.k);
    if (!values && S.weights === "own") weightChoice.set(S.weights = "ones");
    chosen = Math.min(chosen, S.k - 1);
    refresh();
    host.say(words());
  }

  function draw() {
    width = host.clientWidth;
    if (!width) return;
    const u = 320 / S.k;
    bars.forEach(({ bar, text }, v) => {
      bar.style.display = text.style.display = v < S.k ? "" : "none";
      if (v >= S.k) return;
      put(bar, { x: v * u + 3, width: u - 6, y: top(Math.max(w[v], 0)), height: Math.max(1, Math.abs(top(w[v]) - top(0))), class: v === chosen ? "bar chosen" : "bar" });
      put(text, { x: (v + 0.5) * u, y: 114 });
      text.textContent = number(w[v]);
    });
    maps = ["stamp", S.how].map((kind) => maths.upsample(images[S.input], w, S.s, kind));
    cell = cell.map((x) => Math.min(x, maps[0].length - 1));
    drawings.forEach((one) => one.draw());
    sheets.forEach((one) => one.draw(Math.floor((width - 14) / 2)));
    const told = words();
    if (verdict.textContent !== told) verdict.textContent = told;
    pointed.textContent = cellWords();
  }
  const refresh = kit.frame(draw);
  host.onTheme(draw);
  new ResizeObserver(() => { if (host.clientWidth !== width) refresh(); }).observe(host);
}

kit.define({ maths, start });
