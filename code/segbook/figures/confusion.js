/* Paint a prediction over a ground truth and watch six scores move. All counts are of one class against the rest.
 * Maps are flat arrays, row by row: the truth holds 0, 1 and 255 (void), a prediction 0 and 1. */
const VOID = 255;

const maths = {
  /** segbook.metrics.ConfusionMatrix(2), read for class 1. */
  counts(prediction, truth) {
    const counts = { tp: 0, fp: 0, fn: 0, tn: 0, void: 0 };
    truth.forEach((t, i) => { counts[maths.kind(prediction[i], t)]++; });
    return counts;
  },

  kind: (p, t) => (t === VOID ? "void" : p ? (t ? "tp" : "fp") : t ? "fn" : "tn"),

  /** 0 / 0 is NaN, as in the package. */
  scores: ({ tp, fp, fn, tn }) => ({
    accuracy: (tp + tn) / (tp + fp + fn + tn),
    precision: tp / (tp + fp),
    recall: tp / (tp + fn),
    iou: tp / (tp + fp + fn),
    dice: (2 * tp) / (2 * tp + fp + fn),
  }),

  radius: (rows, columns, tolerance = 0.0075) => Math.ceil(tolerance * Math.hypot(rows, columns)),

  /** Pixels of the mask with a pixel that is not of it above, below, left or right; the image's edge is no boundary. */
  outline: (mask, rows, columns) => mask.map((on, i) => {
    const r = Math.floor(i / columns), c = i % columns;
    return Number(on && ((r > 0 && !mask[i - columns]) || (r < rows - 1 && !mask[i + columns])
      || (c > 0 && !mask[i - 1]) || (c < columns - 1 && !mask[i + 1])));
  }),

  /** Pixels within a Euclidean distance of the mask. */
  near(mask, rows, columns, radius) {
    const result = mask.map(() => 0);
    mask.forEach((on, i) => {
      if (!on) return;
      const row = Math.floor(i / columns), column = i % columns;
      for (let r = Math.max(0, row - radius); r <= Math.min(rows - 1, row + radius); r++) {
        const reach = Math.floor(Math.sqrt(radius ** 2 - (r - row) ** 2));
        for (let c = Math.max(0, column - reach); c <= Math.min(columns - 1, column + reach); c++) result[r * columns + c] = 1;
      }
    });
    return result;
  },

  /** segbook.metrics.boundary_f1 of class 1, and the outlines and their neighbourhoods that it compares. */
  boundary(prediction, truth, rows, columns) {
    const radius = maths.radius(rows, columns);
    // Void belongs to no class, in the truth and in the prediction alike.
    const outlines = [prediction.map((p, i) => Number(p && truth[i] !== VOID)), truth.map((t) => Number(t === 1))]
      .map((mask) => maths.outline(mask, rows, columns));
    const reach = outlines.map((line) => maths.near(line, rows, columns, radius));
    const [predicted, found] = [0, 1].map((k) => {
      const total = outlines[k].reduce((a, b) => a + b, 0);
      const met = outlines[k].reduce((sum, on, i) => sum + (on && reach[1 - k][i]), 0);
      return { total, share: total ? met / total : 0 };
    });
    const both = predicted.share + found.share;
    const f1 = predicted.total + found.total === 0 ? NaN : both && (2 * predicted.share * found.share) / both;
    return { f1, precision: predicted.share, recall: found.share, outlines, reach, radius };
  },

  shift: (mask, rows, columns, down, right) => mask.map((_, i) => {
    const r = Math.floor(i / columns) - down, c = (i % columns) - right;
    return r >= 0 && r < rows && c >= 0 && c < columns ? mask[r * columns + c] : 0;
  }),

  /** One pixel more in each of the four directions. */
  grow: (mask, rows, columns) => maths.near(mask, rows, columns, 1),

  /** One pixel less; what lies beyond the image's edge does not eat into it. */
  shrink: (mask, rows, columns) => maths.grow(mask.map((on) => 1 - on), rows, columns).map((on) => 1 - on),
};

const SCORES = [
  ["accuracy", "Pixel accuracy", (n) => `(${n.tp} + ${n.tn}) / ${n.tp + n.fp + n.fn + n.tn}`],
  ["precision", "Precision", (n) => `${n.tp} / (${n.tp} + ${n.fp})`],
  ["recall", "Recall", (n) => `${n.tp} / (${n.tp} + ${n.fn})`],
  ["iou", "IoU", (n) => `${n.tp} / (${n.tp} + ${n.fp} + ${n.fn})`],
  ["dice", "Dice", (n) => `2·${n.tp} / (2·${n.tp} + ${n.fp} + ${n.fn})`],
  ["boundary", "Boundary F1", null],
];
const KINDS = [["tp", "TP", "found"], ["fn", "FN", "missed"], ["fp", "FP", "false alarm"], ["tn", "TN", "left alone"]];
const WIDTH = 512; // drawing units

function start(host) {
  const { el, number } = kit;
  const scenes = Object.entries(host.data.scenes).map(([key, { name, truth, image }]) => {
    const photo = image ? el("img", { src: image, alt: "" }) : null;
    photo?.decode().then(() => board?.draw(), () => {});
    return { key, name, rows: truth.length, columns: truth[0].length, labels: truth.flat(), photo };
  });
  const HEIGHT = Math.round((WIDTH * scenes[0].rows) / scenes[0].columns);
  let scene, truth, prediction, cursor = null, past = [], result, tale = "";
  host.css = `.both { display: flex; flex-wrap: wrap; gap: .6rem 1.2rem; } .left { flex: 1 1 330px; } .right { flex: 1 1 250px; }
    .board { width: 100%; cursor: crosshair; border: 1px solid var(--line); } .moves { display: flex; flex-wrap: wrap; gap: .3rem; margin-block: .4rem; }
    .moves button { min-width: 2.1rem; } .tools { margin-block: .2rem; gap: .2rem 1rem; }
    .story { margin: .3rem 0; min-height: 2.8em; font-weight: 600; } @media (max-width: 520px) { .story { min-height: 4.2em; } }
    .void-line { display: flex; flex-wrap: wrap; gap: .2rem 1rem; font-size: .87rem; margin-block: .3rem; }
    .score { display: grid; grid-template-columns: 1fr auto; column-gap: .6em; padding-block: .2rem; } .score b { font-weight: 600; white-space: nowrap; }
    .score small { white-space: nowrap; font-size: .76rem; color: var(--muted); margin-inline-start: .5em; }
    .score strong { font-variant-numeric: tabular-nums; }
    .bar { grid-column: 1 / -1; position: relative; height: 9px; background: var(--surface); box-shadow: inset 0 0 0 1px var(--line); }
    .bar i { position: absolute; inset: 0 auto 0 0; width: 100%; background: var(--accent); transform-origin: left; }
    .bar u { position: absolute; top: -3px; bottom: -3px; width: 3px; margin-left: -1px; background: var(--ink); }
    .counts { width: 100%; margin-block: .2rem .5rem; table-layout: fixed; }
    .counts td, .counts th { text-align: start; vertical-align: top; font-weight: 400; }
    .swatch { display: inline-block; width: 1.25em; height: 1em; vertical-align: -.12em; border: 1px solid var(--line); margin-inline-end: .4em; }
    .tp { background: var(--s2); }
    .fp { background: repeating-linear-gradient(-45deg, var(--s1) 0 2.5px, color-mix(in srgb, var(--s1) 30%, var(--paper)) 2.5px 6px); }
    .fn { background: radial-gradient(var(--s0) 32%, color-mix(in srgb, var(--s0) 30%, var(--paper)) 38%) 0 0 / 6px 6px; }
    .void { background: repeating-linear-gradient(45deg, var(--line) 0 1.5px, var(--surface) 1.5px 5px); }`;

  // The board. A pattern for each kind, so that no colour has to be told from another.
  const unit = () => Math.min(WIDTH / scene.columns, HEIGHT / scene.rows);
  /** Diagonal stripes that meet those of the next tile; slope 1 falls, -1 rises. */
  const stripes = (slope, width) => (c) => {
    c.lineWidth = width;
    c.beginPath();
    for (const x of [-16, 0, 16, 32]) { c.moveTo(x - 32, -32 * slope); c.lineTo(x + 32, 32 * slope); }
    c.stroke();
  };
  const dot = (c) => { c.beginPath(); c.arc(8, 8, 4.6, 0, 7); c.fill(); };
  const TILES = { // colour, how strong its tint is, and what is drawn on it
    tp: ["--s2", 1, () => {}], fp: ["--s1", 0.3, stripes(-1, 5)], fn: ["--s0", 0.3, dot],
    void: ["--line", 0.25, stripes(1, 2.5)], filled: ["--muted", 0.5, stripes(1, 5)],
  };
  /** A tile of one cell, twice as fine as the drawing units. */
  function pattern(context, [colour, tint, draw]) {
    const tile = el("canvas", { width: 16, height: 16 }), c = tile.getContext("2d");
    c.fillStyle = c.strokeStyle = host.colour(colour);
    c.globalAlpha = tint;
    c.fillRect(0, 0, 16, 16);
    c.globalAlpha = 1;
    draw(c);
    const made = context.createPattern(tile, "repeat");
    made.setTransform(new DOMMatrix().scale(unit() / 16));
    return made;
  }
  let patterns = {}, patternKey = "";

  const board = kit.canvas(host, WIDTH, HEIGHT, (context) => {
    if (!result) return;
    const { rows, columns } = scene, side = unit();
    const key = host.colour("--s0") + side;
    if (key !== patternKey) {
      patternKey = key;
      patterns = Object.fromEntries(Object.entries(TILES).map(([name, tile]) => [name, pattern(context, tile)]));
    }
    context.save();
    context.translate((WIDTH - columns * side) / 2, (HEIGHT - rows * side) / 2);
    if (scene.photo?.complete) {
      context.globalAlpha = 0.4;
      context.filter = "grayscale(1)";
      context.drawImage(scene.photo, 0, 0, columns * side, rows * side);
      context.filter = "none";
      context.globalAlpha = 1;
    } else if (!scene.photo) {
      context.fillStyle = host.colour("--surface");
      context.fillRect(0, 0, columns * side, rows * side);
    }
    const paths = {};
    const add = (name, i) => (paths[name] ||= new Path2D()).rect((i % columns) * side, Math.floor(i / columns) * side, side, side);
    if (view.value === "pixels") truth.forEach((t, i) => {
      const kind = maths.kind(prediction[i], t);
      if (kind !== "tn") add(kind === "void" && prediction[i] ? "filled" : kind, i);
    });
    else result.edges.forEach((kind, i) => { if (kind) add(kind, i); });
    for (const [name, path] of Object.entries(paths)) {
      context.fillStyle = patterns[name];
      context.fill(path);
    }
    context.strokeStyle = host.colour("--ink");
    context.lineWidth = 1.5;
    context.stroke(scene.border);
    if (cursor) {
      const [top, left, size] = brushBox();
      context.lineWidth = 3;
      context.strokeStyle = host.colour("--accent");
      context.strokeRect(left * side, top * side, size * side, size * side);
    }
    context.restore();
  }, {
    class: "board", role: "application", tabindex: 0,
    "aria-label": "The prediction over the truth. Arrow keys move the brush, space paints, shift with an arrow paints on the way.",
    onpointerleave() { if (document.activeElement !== host) { cursor = null; board.draw(); } },
    onpointermove(event) { cursor = kit.cell(board.node, shape(), event); repaint(); },
    onfocus() { cursor ||= [scene.rows >> 1, scene.columns >> 1]; repaint(); },
    onblur() { cursor = null; repaint(); },
    onkeydown(event) {
      const way = kit.arrow(event);
      if (way) {
        if (event.shiftKey) remember();
        cursor = cursor.map((x, k) => Math.max(0, Math.min(shape()[k] - 1, x + way[k])));
        if (event.shiftKey) stamp();
        else host.say(`Row ${cursor[0]}, column ${cursor[1]}: ${saying(cursor)}`);
        repaint();
      } else if (event.key === " " || event.key === "Enter") {
        event.preventDefault();
        remember();
        stamp();
      }
    },
  });
  const repaint = kit.frame(board.draw);
  const shape = () => [scene.rows, scene.columns];
  const saying = ([r, c]) => {
    const kind = maths.kind(prediction[r * scene.columns + c], truth[r * scene.columns + c]);
    return kind === "void" ? "void, not counted" : KINDS.find(([name]) => name === kind)[2];
  };

  // Painting: a stroke is one step of undo, and fast moves leave no gaps.
  let last = null;
  const brushBox = () => [cursor[0] - ((brush.value - 1) >> 1), cursor[1] - ((brush.value - 1) >> 1), brush.value];
  function stamp() {
    const [top, left, size] = brushBox();
    for (let r = Math.max(0, top); r < Math.min(scene.rows, top + size); r++) {
      for (let c = Math.max(0, left); c < Math.min(scene.columns, left + size); c++) prediction[r * scene.columns + c] = Number(tool.value === "mark");
    }
    tale = "";
    update();
  }
  function remember() {
    past = [...past.slice(-49), [...prediction]];
  }
  kit.drag(board.node, (x, y, event) => {
    const to = kit.cell(board.node, shape(), event), from = last || to;
    if (!last) remember();
    const steps = Math.max(1, ...to.map((x, k) => Math.abs(x - from[k])));
    for (let i = last ? 1 : steps; i <= steps; i++) {
      cursor = to.map((x, k) => Math.round(from[k] + ((x - from[k]) * i) / steps));
      stamp();
    }
    last = to;
  }, () => { last = null; });

  // The scores.
  const cells = {}, bars = {};
  const counted = ([key, short, long]) => el("td", {}, el(`span.swatch.${key}`), el("strong", {}, short, " ", cells[key] = el("span")), el("br"), long);
  const [tp, fn, fp, tn] = KINDS.map(counted);
  const counts = el("table.counts", {}, el("caption.sr", {}, "Pixels of each kind"),
    el("tbody", {}, el("tr", {}, tp, fn), el("tr", {}, fp, tn)));
  const excluded = el("span"), words = el("p.note"), story = el("p.story"), legend = el("p.note");
  const score = ([key, name]) => {
    const formula = el("small"), value = el("strong"), fill = el("i"), mark = key === "accuracy" ? el("u") : null;
    bars[key] = { formula, value, fill, mark };
    return el("div.score", {}, el("span", {}, el("b", {}, name), formula), value, el("div.bar", {}, fill, mark));
  };

  const update = kit.frame(() => {
    const { rows, columns } = scene;
    truth = counting.value ? scene.labels.map((t) => (t === VOID ? 0 : t)) : scene.labels;
    const n = maths.counts(prediction, truth), scores = maths.scores(n), edge = maths.boundary(prediction, truth, rows, columns);
    scores.boundary = edge.f1;
    const [predicted, true_] = edge.outlines, [nearPredicted, nearTrue] = edge.reach;
    result = { edges: truth.map((t, i) => (predicted[i] ? (nearTrue[i] ? "tp" : "fp") : true_[i] && !nearPredicted[i] ? "fn" : "")) };
    const silent = maths.scores(maths.counts(prediction.map(() => 0), truth)).accuracy;
    for (const [key, , formula] of SCORES) {
      const bar = bars[key], value = scores[key];
      bar.value.textContent = Number.isNaN(value) ? "no value (0/0)" : value.toFixed(3);
      bar.fill.style.transform = `scaleX(${Number.isNaN(value) ? 0 : value})`;
      bar.formula.textContent = formula ? formula(n) : `P ${number(edge.precision)}, R ${number(edge.recall)} at ${edge.radius} px`;
    }
    bars.accuracy.mark.style.left = `${100 * silent}%`;
    for (const [key] of KINDS) cells[key].textContent = n[key];
    excluded.replaceChildren(el("span.swatch.void"), counting.value ? "Void: counted" : `Void: ${n.void}, left out`);
    story.textContent = tale || "Your own mask: which of the six scores notices what you do?";
    words.textContent = `Of the counted pixels ${number((100 * n.tn) / (n.tp + n.fp + n.fn + n.tn), 0)} % are TN. They are in accuracy and in no other `
      + `score. Marking nothing at all would have accuracy ${silent.toFixed(3)} here (the tick on its bar).`;
    legend.textContent = view.value === "pixels" ? "The line is the outline of the truth."
      : `Solid: predicted outline with true outline within ${edge.radius} px. Striped: predicted alone. Dotted: true alone.`;
    Object.assign(host.state, { counts: n, scores, prediction, truth });
    host.say(`TP ${n.tp}, FP ${n.fp}, FN ${n.fn}. IoU ${number(scores.iou, 3)}, accuracy ${number(scores.accuracy, 3)}, `
      + `boundary F1 ${number(scores.boundary, 3)}. ${tale}`);
    board.draw();
  });

  // Scenes, tools, presets.
  function open(key) {
    scene = scenes.find((s) => s.key === key);
    const { rows, columns, labels } = scene, side = unit();
    scene.border ||= new Path2D(labels.map((t, i) => { // the outline of the truth, void's side included
      if (t !== 1) return "";
      const r = Math.floor(i / columns), c = i % columns, x = c * side, y = r * side;
      return (r && labels[i - columns] !== 1 ? `M${x} ${y}h${side}` : "") + (r < rows - 1 && labels[i + columns] !== 1 ? `M${x} ${y + side}h${side}` : "")
        + (c && labels[i - 1] !== 1 ? `M${x} ${y}v${side}` : "") + (c < columns - 1 && labels[i + 1] !== 1 ? `M${x + side} ${y}v${side}` : "");
    }).join(""));
    past = [];
    which.set(key);
    act((mask) => mask, right());
  }
  const right = () => scene.labels.map((t) => Number(t === 1));
  function act(change, mask = prediction, story = "") {
    prediction = change([...mask], scene.rows, scene.columns);
    tale = story;
    update();
  }
  const move = (text, title, change) => {
    const button = kit.button(text, () => { remember(); act(change); }, title);
    if (text.length === 1) kit.put(button, { "aria-label": title }); // an arrow has no name of its own
    return button;
  };
  const shifted = (down, across) => (mask, rows, columns) => maths.shift(mask, rows, columns, down, across);
  const preset = (name, key, change, story, countVoid = false) => [name, () => {
    if (scenes.some((s) => s.key === key)) open(key);
    counting.set(countVoid);
    act(change, right(), story);
  }];

  const which = kit.choice({ label: "Truth", options: scenes.map((s) => [s.key, s.name]), value: scenes[0].key, oninput: open });
  const view = kit.choice({ label: "Show", options: [["pixels", "Pixels"], ["outlines", "Outlines"]], value: "pixels", oninput: () => update() });
  const tool = kit.choice({ label: "Brush", options: [["mark", "Mark"], ["erase", "Erase"]], value: "mark", oninput() {} });
  const brush = kit.slider({ label: "Size", min: 1, max: 9, value: 3, oninput: repaint });
  const counting = kit.toggle({ label: "Count void as rest", oninput: update });
  const two = (mask, rows, columns) => maths.shift(mask, rows, columns, 2, 3);
  const list = [
    preset("Slipped", "large", two, "The whole mask has slipped by 2 rows and 3 columns. Accuracy hardly minds."),
    preset("Nothing marked", "small", (mask) => mask.map(() => 0), "The object is small: nothing is found, and accuracy stays high."),
    preset("Everything marked", "large", (mask) => mask.map(() => 1),
      "Recall is perfect, IoU is precision, and boundary F1 takes the edge of void for an outline."),
    preset("Thin, 1 px off", "thin", shifted(0, 1), "To IoU this is almost all wrong, to boundary F1 all right."),
    preset("Thin, 1 px fat", "thin", maths.grow, "The outlines are one pixel off, and two marks in three are false alarms."),
    preset("Pinholes", "large", (mask, rows, columns) => mask.map((on, i) => Number(on && (Math.floor(i / columns) % 3 || (i % columns) % 3))),
      "One pixel in nine is missing. Areas forgive it, outlines do not."),
    preset("Void counted", "large", (mask, rows, columns) => maths.grow(mask, rows, columns),
      "The mask covers the object and its border of void, as it may. Counted as rest, the border is all false alarm.", true),
  ];
  host.root.append(
    kit.presets(list), story, el("div.both", {},
      el("div.left", {}, el("div.row.tools", {}, which.node, view.node), el("div.row.tools", {}, tool.node, brush.node),
        el("div.moves", {}, move("←", "Shift left", shifted(0, -1)), move("→", "Shift right", shifted(0, 1)),
          move("↑", "Shift up", shifted(-1, 0)), move("↓", "Shift down", shifted(1, 0)), move("Grow", "One pixel more on every side", maths.grow),
          move("Shrink", "One pixel less on every side", maths.shrink), move("Clear", "Mark nothing", (mask) => mask.map(() => 0)),
          move("Copy truth", "The perfect prediction", right),
          kit.button("Undo", () => { if (past.length) act((mask) => mask, past.pop()); })),
        board.node, legend),
      el("div.right", {}, counts, el("div.void-line", {}, excluded, counting.node), SCORES.map(score), words)));
  host.state.open = open;
  list[0][1]();
}

kit.define({ maths, start });
