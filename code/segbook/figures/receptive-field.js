/* Where does a cell look? A stack of layers in one dimension: every row a map, every cell at its true centre over the
 * pixels, and the cone of the cell that is pointed at, down to the pixels that can change it.
 *
 * Data: preset (a key of PRESETS, or rates such as "2,2,2"), presets (the keys to offer).
 * A layer is {kind, k, s, p, d, ceil, name}; kind is conv, pool or up (a transposed convolution).
 */
const maths = {
  /** Cells that a layer makes of n; 0 where it does not fit. */
  sizeAfter(n, { kind, k, s, p, d, ceil }) {
    if (kind === "up") return Math.max(0, (n - 1) * s - 2 * p + d * (k - 1) + 1);
    const room = n + 2 * p - d * (k - 1) - 1; // how far the window can slide
    if (room < 0) return 0;
    const m = Math.floor((room + (ceil ? s - 1 : 0)) / s) + 1;
    return ceil && (m - 1) * s >= n + p ? m - 1 : m; // no window begins in the padding behind
  },

  /** The input cells that a set of output cells reads, in order and without borders. */
  sources(cells, { kind, k, s, p, d }) {
    const found = new Set();
    for (const i of cells)
      for (let tap = 0; tap < k; tap++) {
        const at = kind === "up" ? (i + p - d * tap) / s : i * s - p + d * tap;
        if (Number.isInteger(at)) found.add(at);
      }
    return [...found].sort((a, b) => a - b);
  },

  /** Every map of a stack over n pixels: cells, size, stride and centre. The first is the image itself; the list ends
   *  before a layer that does not fit, or makes more than can be drawn. */
  follow(n, layers) {
    const tidy = (x) => Math.round(x * 1e9) / 1e9; // thirds may come back as 0.9999
    const maps = [{ cells: n, size: 1, stride: 1, centre: 0, lowestUp: -1, phases: 1 }];
    for (const [i, layer] of layers.entries()) {
      const below = maps[i];
      const cells = maths.sizeAfter(below.cells, layer);
      const phases = below.phases * (layer.kind === "up" ? layer.s : 1);
      if (!cells || Math.max(cells, phases) > 4096) break;
      const span = layer.d * (layer.k - 1), middle = span / 2 - layer.p;
      const map = { cells, phases, lowestUp: below.lowestUp };
      if (layer.kind === "up") {
        map.stride = tidy(below.stride / layer.s);
        map.centre = tidy(below.centre - map.stride * middle);
        if (map.lowestUp < 0) map.lowestUp = i;
      } else {
        map.stride = tidy(below.stride * layer.s);
        map.centre = tidy(below.centre + below.stride * middle);
      }
      map.size = below.size + below.stride * span;
      if (map.lowestUp >= 0) { // cells differ by their phase: the widest counts; further down all cells are alike
        map.size = 0;
        for (let phase = 0; phase < phases; phase++) {
          let set = [phase];
          for (let l = i; l >= map.lowestUp; l--) set = maths.sources(set, layers[l]);
          const { stride, size } = maps[map.lowestUp];
          if (set.length) map.size = Math.max(map.size, (set.at(-1) - set[0]) * stride + size);
        }
      }
      maps.push(map);
    }
    return maps;
  },

  /** What can change a cell of the map `row`: for each map from the image (first) up to it, the cells that have a path
   *  to it. Padding is zero whatever the image holds, so no path goes through it. */
  reach(n, layers, row, cell) {
    const sizes = [n];
    for (const layer of layers.slice(0, row)) sizes.push(maths.sizeAfter(sizes.at(-1), layer));
    const reached = [[cell]];
    for (let l = row - 1; l >= 0; l--)
      reached.unshift(maths.sources(reached[0], layers[l]).filter((at) => at >= 0 && at < sizes[l]));
    return reached;
  },

  /** A named stack: {n, layers, row, cell, title}. `rates` such as "1,2,4" are three-tap layers that keep the size. */
  preset(key) {
    const conv = (name, k, s = 1, p = (k - 1) / 2, d = 1) => ({ kind: "conv", k, s, p, d, name });
    const pool = (name, k, s, p = 0, ceil = false) => ({ kind: "pool", k, s, p, d: 1, ceil, name });
    const up = (name, k, s) => ({ kind: "up", k, s, p: 0, d: 1, name });
    const vgg = (pad = 1, ceil = false) => [2, 2, 3, 3, 3].flatMap((count, b) => [
      ...Array.from({ length: count }, (_, i) => conv(`conv${b + 1}_${i + 1}`, 3, 1, b || i ? 1 : pad)),
      pool(`pool${b + 1}`, 2, 2, 0, ceil)]);
    const stem = [conv("conv1", 7, 2), pool("maxpool", 3, 2, 1)];
    // One 3x3 a block, as in ResNet-50. The stages that keep their stride have rate 1.
    const resnet50 = (keep, contract) => {
      let rate = 1;
      return [...stem, ...[3, 4, 6, 3].flatMap((count, stage) => {
        const before = rate;
        if (stage > keep) rate *= 2;
        return Array.from({ length: count }, (_, i) => {
          const d = i === 0 && contract ? before : rate;
          return conv(`layer${stage + 1}.${i}`, 3, i === 0 && stage && stage <= keep ? 2 : 1, d, d);
        });
      })];
    };
    const resnet18 = [...stem, ...[0, 1, 2, 3].flatMap((stage) => ["0a", "0b", "1a", "1b"].map((name) =>
      conv(`layer${stage + 1}.${name}`, 3, stage && name === "0a" ? 2 : 1)))];
    const fcn = [...vgg(100, true), conv("fc6", 7, 1, 0)];
    const stacks = {
      three: ["Three layers", 16, [conv("conv 1", 3, 2), conv("conv 2", 3), pool("pool 3", 2, 2)]],
      vgg: ["VGG-16", 224, vgg()],
      resnet18: ["ResNet-18", 224, resnet18],
      resnet50: ["ResNet-50", 224, resnet50(3, true)],
      os8: ["output stride 8", 224, resnet50(1, true)],
      os8plain: ["8, no contraction", 224, resnet50(1, false)],
      fcn32s: ["FCN-32s", 224, [...fcn, up("up ×32", 64, 32)]],
      fcn8s: ["FCN-8s", 224, [...fcn, up("up ×2", 4, 2), up("up ×2 ×2", 4, 2), up("up ×8", 16, 8)]],
    };
    let [title, n, layers] = stacks[key] || [];
    if (!title) {
      const rates = key.split(",").map(Number);
      if (!rates.every((rate) => Number.isInteger(rate) && rate > 0)) throw new Error(`no preset ${key}`);
      title = `rates ${rates.join(", ")}`;
      layers = rates.map((d, i) => conv(`conv ${i + 1}`, 3, 1, d, d));
      n = Math.max(27, 2 * rates.reduce((a, b) => a + b) + 9);
    }
    const row = layers.length, map = maths.follow(n, layers)[row];
    // The cell nearest to the middle; behind an upsampling layer the one on pixel 0, where the crop begins.
    const aim = map.lowestUp < 0 ? (n - 1) / 2 : 0;
    const cell = Math.max(0, Math.min(map.cells - 1, Math.round((aim - map.centre) / map.stride - 1e-9)));
    return { title, n, layers, row, cell };
  },
};

kit.define({ maths, start(host) {
  const { el, number } = kit;
  const offered = host.data.presets || ["three", "vgg", "resnet18", "fcn32s", "2,2,2"];
  let { n, layers, row, cell } = maths.preset(host.data.preset || offered[0]);
  let maps, reached, beside; // of the pointed cell, and of the one to its right
  let hover = null; // [row, cell] under a mouse, shown but not chosen
  let focus = 0; // the middle of a zoomed view; a pointer does not move it, or the cells would run away
  let colours = {};

  /* The controls. */
  const chosen = kit.presets(offered.map((key) => [maths.preset(key).title, () => {
    ({ n, layers, row, cell } = maths.preset(key));
    zoom.set(0);
    change(key);
  }]));
  const pickRow = kit.slider({ label: "Map", min: 1, max: 2, value: 1, show: (i) => layers[i - 1]?.name || "",
    oninput: (i) => centred(i, i < maps.length && row < maps.length ? nearest(i, place(row, cell)) : 0) });
  const pickCell = kit.slider({ label: "Cell", min: 0, max: 1, value: 0, oninput: (i) => centred(row, i) });
  const zoom = kit.slider({ label: "Zoom", min: 0, max: 4, value: 0, show: (z) => `${2 ** z}×`, oninput: () => centred(row, cell) });
  const neighbour = kit.toggle({ label: "also its right neighbour", oninput: () => look() });

  const edit = (field) => (value) => {
    layers[row - 1][field] = value;
    change();
  };
  const kind = kit.choice({ label: "Kind", value: "conv", oninput: (value) => {
    layers[row - 1].name = "";
    edit("kind")(value);
  }, options: [["conv", "convolution"], ["pool", "pool"], ["up", "transposed"]] });
  const knobs = Object.fromEntries([["k", "Kernel"], ["s", "Stride"], ["p", "Padding"], ["d", "Dilation"]].map(([field, label]) =>
    [field, kit.slider({ label, min: 0, max: 1, value: 0, oninput: edit(field) })]));
  const image = kit.slider({ label: "Pixels in the row", min: 8, max: 320, value: n, oninput: (pixels) => { n = pixels; change(); } });
  const add = kit.button("+ Layer above it", () => {
    layers.splice(row, 0, { kind: "conv", k: 3, s: 1, p: 1, d: 1, name: "" });
    row++;
    change();
  });
  const remove = kit.button("− Remove it", () => {
    layers.splice(row - 1, 1);
    row = Math.max(1, row - 1);
    change();
  });
  const title = el("p.title");

  /* The picture and what is said about it. */
  const canvas = el("canvas", { role: "img" }), context = canvas.getContext("2d");
  const words = { stands: el("p"), sees: el("p"), size: el("span"), centre: el("span"), stride: el("span"), remark: el("p.remark") };
  const fault = el("p.bad", { hidden: true });
  host.root.append(chosen, canvas, fault,
    el("div.words", {}, words.stands, words.sees,
      el("div.sums", {}, el("b", {}, "size"), words.size, el("b", {}, "centre"), words.centre, el("b", {}, "stride"), words.stride),
      words.remark),
    el("div.row", {}, pickRow.node, pickCell.node, zoom.node, image.node, neighbour.node),
    el("div.layer", {}, title, el("div.row", {}, kind.node), el("div.row", {}, Object.values(knobs).map((knob) => knob.node)),
      el("div.presets", {}, add, remove)));

  host.css = `
    canvas { width: 100%; height: auto; touch-action: pan-y; cursor: pointer; margin-block: .3rem; }
    p { margin: .15rem 0; } .words { font-size: .93rem; min-height: 8rem; }
    .sums { display: grid; grid-template-columns: auto 1fr; gap: 0 .6rem; font-size: .87rem; color: var(--muted);
      font-variant-numeric: tabular-nums; margin-block: .2rem; }
    .remark { border-inline-start: 3px solid var(--s1); padding-inline-start: .5rem; }
    .remark:empty { display: none; }
    .layer { border: 1px solid var(--line); border-radius: 6px; padding: 0 .7rem; }
    .title { font-weight: 600; }
    .row .control:not(.toggle, .choice) { flex-basis: 8.5rem; }
    button:disabled { opacity: .5; cursor: default; }`;

  const place = (r, i) => maps[r].centre + maps[r].stride * i;
  const within = (r, i) => Math.max(0, Math.min(maps[r].cells - 1, Math.round(i)));
  const nearest = (r, pixel) => within(r, (pixel - maps[r].centre) / maps[r].stride);
  const name = (r) => (r ? layers[r - 1].name : "the image");

  /** The stack itself is another one. */
  function change(key = null) {
    chosen.querySelectorAll("button").forEach((button, i) => button.setAttribute("aria-pressed", offered[i] === key));
    arrange();
  }

  function arrange() {
    layers.forEach((layer, i) => {
      if (!layer.name || /^(conv|pool|up) \d+$/.test(layer.name)) layer.name = `${layer.kind} ${i + 1}`;
    });
    maps = maths.follow(n, layers);
    const misfit = layers[maps.length - 1];
    fault.hidden = !misfit;
    if (misfit) {
      fault.textContent = `${misfit.name} does not fit: its kernel spans ${misfit.d * (misfit.k - 1) + 1} cells, on a map of ` +
        `${maps.at(-1).cells} with ${misfit.p} of padding at either end. (Or it makes over 4096.)`;
    }
    // A layer that does not fit stays chosen, to be mended; the picture shows the maps below it.
    title.textContent = `Change ${layers[row - 1].name}`;
    const layer = layers[row - 1], large = layer.kind === "up";
    kind.set(layer.kind);
    const most = { k: large ? 64 : 11, s: large ? 32 : 4, p: layer.p > 12 ? 120 : 12, d: 12 };
    for (const [field, knob] of Object.entries(knobs)) {
      knob.limit(field === "p" ? 0 : 1, Math.max(most[field], layer[field]));
      knob.set(layer[field]);
    }
    image.set(n);
    pickRow.limit(1, layers.length);
    add.disabled = layers.length >= 24;
    remove.disabled = layers.length < 2;
    choose(row, cell);
  }

  function choose(r, i) {
    const other = r !== row;
    row = r;
    hover = null;
    if (row < maps.length) cell = within(row, i);
    if (other) return arrange();
    pickRow.set(row);
    if (row < maps.length) pickCell.limit(0, maps[row].cells - 1);
    pickCell.set(cell);
    look();
  }

  function centred(r, i) {
    choose(r, i);
    focus = host.state.at;
  }

  /** Another cell is pointed at: what reaches it, in words and in the picture. */
  function look() {
    const [r, i] = hover || [Math.min(row, maps.length - 1), row < maps.length ? cell : 0];
    const map = maps[r], layer = layers[r - 1], below = maps[r - 1];
    reached = maths.reach(n, layers, r, i);
    beside = neighbour.value && i + 1 < map.cells ? maths.reach(n, layers, r, i + 1) : null;
    const pixels = reached[0];
    const holes = reached.map((cells) => (cells.length ? cells.at(-1) - cells[0] + 1 - cells.length : 0));
    const at = place(r, i);
    Object.assign(host.state, { n, layers, maps, row: r, cell: i, at, pixels, holes });
    draw();
    if (!r) return; // not even the first layer fits

    words.stands.replaceChildren(el("strong", {}, `${name(r)}, cell ${i}`), ` of 0 to ${map.cells - 1}, stands at `,
      i ? `${number(map.centre)} + ${number(map.stride)}·${i} = ` : "", el("strong", {}, `pixel ${number(at)}`),
      at < 0 || at > n - 1 ? ", outside the image." : ".");
    const from = at - (map.size - 1) / 2, to = at + (map.size - 1) / 2;
    const outside = Math.min(map.size, Math.max(0, -from) + Math.max(0, to - n + 1)), plain = map.lowestUp < 0;
    const shared = beside && beside[0].filter(Set.prototype.has, new Set(pixels)).length;
    words.sees.textContent = (plain ? `Its field runs from pixel ${number(from)} to ${number(to)}, ${map.size} in all` +
      (outside ? `, ${outside} outside the image; ` : "; ") : "") +
      `${pixels.length || "none"} ${plain ? "of them" : "pixels"} can change it.` +
      (beside ? ` It shares ${shared} with its right neighbour (lower halves).` : "");

    const { k, s, p, d } = layer, half = d * (k - 1) / 2;
    const [S, mu] = [number(below.stride), number(below.centre)], up = layer.kind === "up";
    const moved = (sign, step) => `${mu} ${sign} ${step}·(${number(half)} − ${p}) = ${number(map.centre)}`;
    words.size.textContent = up ? `${map.size}, the widest of its phases` : `r + S·d(k − 1) = ${below.size} + ${S}·${d}·${k - 1} = ${map.size}`;
    words.centre.textContent = up ? `μ − S′(d(k − 1)/2 − p) = ${moved("−", number(map.stride))}` : `μ + S(d(k − 1)/2 − p) = ${moved("+", S)}`;
    words.stride.textContent = up ? `S′ = S/s = ${S}/${s} = ${number(map.stride)}` : `S·s = ${S}·${s} = ${number(map.stride)}`;
    words.remark.textContent = remark(r, map, holes);
    const said = [words.stands, words.sees, words.remark].map((node) => node.textContent).join(" ");
    canvas.setAttribute("aria-label", said);
    host.say(said);
  }

  /** The consequence, where there is one: a crop, a map to be added, holes. */
  function remark(r, map, holes) {
    const told = [];
    if (map.lowestUp >= 0 && map.stride === 1)
      told.push(Number.isInteger(map.centre) ? `Pixel 0 is cell ${number(-map.centre)} of this map: ` +
        (map.centre > 0 ? "there is none, and no crop can make one." : `the crop starts at ${-map.centre}.`)
        : "Pixel 0 falls between two cells: no crop aligns this map with the image.");
    const twin = maps.slice(0, map.lowestUp + 1).findIndex((other) => other.stride === map.stride);
    if (twin > 0 && map.stride !== 1) {
      const offset = (map.centre - maps[twin].centre) / map.stride;
      told.push(`${name(twin)} has the same stride, and ` + (Number.isInteger(offset)
        ? `its cell ${number(offset)} stands where cell 0 of this map does: to add the two, crop it at ${number(offset)}.`
        : `its cells stand ${number(Math.abs(offset % 1))} of a cell beside these.`));
    }
    const lowest = holes.findIndex((amount, l) => amount && l < r && maps[l].lowestUp < 0);
    if (lowest >= 0) {
      const reads = reached[lowest].length;
      told.push((lowest ? `No hole in the image, but in ${name(lowest)} ` : "In the image ") +
        `it reads ${reads} of the ${reads + holes[lowest]} cells from the first to the last.`);
    }
    return told.join(" ");
  }

  /* Drawing. */
  const view = {}; // in drawing units; `low` is the first pixel shown, `scale` units are one pixel
  const rowY = (r) => view.top + (maps.length - 1 - r + 0.5) * view.step;
  const toX = (pixel) => view.left + (pixel - view.low) * view.scale;

  function layout() {
    const width = Math.max(300, Math.round(host.root.clientWidth || 700)), wide = width >= 600;
    view.step = Math.max(17, Math.min(54, Math.round(340 / maps.length)));
    view.top = wide ? 20 : 4;
    view.left = wide ? 84 : 66;
    view.right = width - (wide ? 150 : 6);
    const height = view.top + maps.length * view.step + 34, ratio = Math.min(2, devicePixelRatio || 1);
    if (String([view.width, view.height, view.ratio]) !== String([width, height, ratio])) {
      Object.assign(view, { width, height, ratio });
      canvas.width = width * ratio;
      canvas.height = height * ratio;
      canvas.style.aspectRatio = `${width} / ${height}`;
    }
    let low = -0.5, high = n - 0.5;
    maps.forEach(({ centre, stride, cells }, r) => { // with the padding that the next layer puts around a map
      const layer = layers[r], pad = layer && layer.kind !== "up" ? layer.p : 0;
      low = Math.min(low, centre - stride * pad - 0.5);
      high = Math.max(high, centre + stride * (cells - 1 + pad) + 0.5);
    });
    const shown = (high - low) / 2 ** zoom.value;
    view.low = zoom.value ? Math.max(low, Math.min(high - shown, focus - shown / 2)) : low;
    view.scale = (view.right - view.left) / shown;
    return wide;
  }

  /** A path around cells of a map, from `part` of their height down; around runs of them where they are small. */
  function trace(r, list, part = 0) {
    context.beginPath();
    const { centre, stride } = maps[r], gap = stride * view.scale, y = rowY(r);
    const height = Math.min(r ? 14 : 18, view.step * 0.6);
    const box = (x, width) => context.rect(x, y + height * (part - 0.5), width, height * (1 - part));
    if (gap >= 3.5) {
      const width = Math.min(gap - (gap > 7 ? 2 : 1), 15);
      for (const i of list) box(toX(centre + stride * i) - width / 2, width);
      return;
    }
    for (let from = 0; from < list.length;) {
      let to = from;
      while (to + 1 < list.length && list[to + 1] === list[to] + 1) to++;
      const x = toX(centre + stride * (list[from] - 0.5));
      box(x, Math.max(1, toX(centre + stride * (list[to] + 0.5)) - x));
      from = to + 1;
    }
  }

  function paint() {
    const wide = layout(), c = context, [r, i] = [host.state.row, host.state.cell];
    const all = (amount, start = 0) => Array.from({ length: amount }, (_, j) => start + j);
    const text = (what, x, y, colour, align = "left") => {
      c.font = `${colour === "accent" ? 700 : 400} 12px system-ui, sans-serif`;
      c.textAlign = align;
      c.fillStyle = colours[colour];
      c.fillText(what, x, y);
    };
    c.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
    c.clearRect(0, 0, view.width, view.height);
    c.textBaseline = "middle";

    const columns = (values, y, colour) => wide && values.forEach((value, j) =>
      text(value, view.right + 48 + 49 * j, y, colour, "right"));
    columns(["size", "stride", "centre"], 9, "muted");
    maps.forEach((map, l) => {
      const y = rowY(l), colour = l === r ? "accent" : "ink";
      if (l === r) {
        c.fillStyle = colours.surface;
        c.fillRect(0, y - view.step / 2, view.width, view.step);
      }
      text(l ? name(l) : "image", 4, y, colour);
      columns([map.size, map.stride, map.centre].map((value) => number(value)), y, colour);
    });

    c.save();
    c.beginPath();
    c.rect(view.left - 4, 0, view.right - view.left + 8, view.height);
    c.clip();
    // The cone: a band from row to row, and single threads where there is room for them.
    c.fillStyle = c.strokeStyle = colours.s0;
    for (let l = r; l > 0; l--) {
      const [upper, lower] = [reached[l], reached[l - 1]];
      if (!lower.length) break;
      c.globalAlpha = 0.13;
      c.beginPath();
      for (const [k, at] of [[l, upper[0]], [l, upper.at(-1)], [l - 1, lower.at(-1)], [l - 1, lower[0]]])
        c.lineTo(toX(place(k, at)), rowY(k));
      c.fill();
      if (maps[l - 1].stride * view.scale < 4 || upper.length * layers[l - 1].k > 400) continue;
      c.globalAlpha = 0.6;
      c.beginPath();
      for (const from of upper)
        for (const to of maths.sources([from], layers[l - 1])) {
          if (!lower.includes(to)) continue;
          c.moveTo(toX(place(l, from)), rowY(l));
          c.lineTo(toX(place(l - 1, to)), rowY(l - 1));
        }
      c.stroke();
    }
    c.globalAlpha = 1;

    maps.forEach((map, l) => {
      const layer = layers[l], pad = layer && layer.kind !== "up" && l + 1 < maps.length ? layer.p : 0;
      c.strokeStyle = colours.line;
      c.lineWidth = 1;
      c.setLineDash([2, 2]);
      for (const start of [-pad, map.cells]) {
        trace(l, all(pad, start));
        c.stroke();
      }
      c.setLineDash([]);
      c.fillStyle = colours.paper;
      trace(l, all(map.cells));
      c.fill();
      c.stroke();
      if (l > r) return;
      c.fillStyle = colours.s0;
      trace(l, reached[l]);
      c.fill();
      if (!beside) return;
      c.fillStyle = colours.s2;
      trace(l, beside[l], 0.5);
      c.fill();
    });

    // The cell itself, a plumb line to its centre, and what it sees as a bracket under the pixels.
    const x = toX(place(r, i)), bottom = rowY(0) + view.step / 2;
    c.strokeStyle = c.fillStyle = colours.s1;
    c.lineWidth = 2;
    c.setLineDash([4, 3]);
    c.beginPath();
    c.moveTo(x, rowY(r));
    c.lineTo(x, bottom + 8);
    c.stroke();
    c.setLineDash([]);
    c.beginPath();
    for (const [dx, dy] of [[-5, 10], [5, 10], [0, 3]]) c.lineTo(x + dx, bottom + dy);
    c.fill();
    c.fillRect(x - 6, rowY(r) - 8, 12, 16);
    const pixels = reached[0];
    if (pixels.length) {
      const a = toX(pixels[0] - 0.5) + 1, b = toX(pixels.at(-1) + 0.5) - 1;
      c.strokeStyle = colours.s0;
      c.beginPath();
      for (const [x_, y] of [[a, -1], [a, 4], [b, 4], [b, -1]]) c.lineTo(x_, bottom + y);
      c.stroke();
    }
    c.restore();
    const tick = 2 ** Math.max(0, Math.ceil(Math.log2(46 / view.scale)));
    for (let at = Math.ceil(view.low / tick) * tick; toX(at) <= view.right; at += tick)
      if (toX(at) >= view.left) text(number(at), toX(at), bottom + 21, "muted", "center");
    text("pixel", 4, bottom + 21, "muted");
  }
  const draw = kit.frame(paint);

  /* A mouse shows by hovering and chooses by a click; a finger chooses, and can still scroll the page past. */
  const under = (event) => {
    const box = canvas.getBoundingClientRect();
    const x = (event.clientX - box.left) * view.width / box.width, y = (event.clientY - box.top) * view.height / box.height;
    const r = maps.length - 1 - Math.floor((y - view.top) / view.step);
    return r < 1 || r >= maps.length ? null : [r, nearest(r, view.low + (x - view.left) / view.scale)];
  };
  canvas.addEventListener("pointermove", (event) => {
    const found = under(event);
    if (event.buttons) return found && choose(...found);
    if (event.pointerType !== "mouse" || String(found) === String(hover)) return;
    hover = found;
    look();
  });
  canvas.addEventListener("pointerdown", (event) => { const found = under(event); if (found) choose(...found); });
  canvas.addEventListener("pointerleave", () => { if (hover) { hover = null; look(); } });

  change(host.data.preset || offered[0]);
  host.onTheme(() => {
    for (const key of ["ink", "muted", "line", "surface", "paper", "accent", "s0", "s1", "s2"]) colours[key] = host.colour(`--${key}`);
    paint();
  });
  new ResizeObserver(draw).observe(host.root);
} });
