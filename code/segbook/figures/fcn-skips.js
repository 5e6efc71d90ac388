/* From FCN-32s to 16s to 8s: what each stage of a trained network votes, and what the votes add up to.
 *
 * Data: classes (names), colours ([red, green, blue] of each), scenes: [{name, image, label (grey PNG of class indices),
 * votes: {"32s": [map], "16s": [map, map], "8s": [map, map, map]}}]; a map is [class][row][column], coarse first.
 */
const STRIDES = { "32s": [32], "16s": [32, 16], "8s": [32, 16, 8] }, ALL = [true, true, true];

const maths = {
  /** Between which of n cells each new cell lies: [the one before, how far past it, 0 to 1]. */
  between: (n, f) => Array.from({ length: n * f }, (_, to) => {
    const at = (to + 0.5) / f - 0.5, first = Math.floor(at);
    return [first, at - first];
  }),

  /** A map after a transposed convolution with the bilinear kernel 2f, stride f and padding f/2: every new cell mixes
   *  its neighbours, down and then across; beyond the border there is nothing. */
  upsample(map, f) {
    const down = maths.between(map[0].length, f), across = maths.between(map[0][0].length, f);
    const mix = (a = 0, b = 0, part) => a + part * (b - a);
    return map.map((plane) => down.map(([i, part]) => plane[0].map((_, c) => mix(plane[i]?.[c], plane[i + 1]?.[c], part)))
      .map((row) => across.map(([i, part]) => mix(row[i], row[i + 1], part))));
  },

  add: (a, b) => a.map((plane, k) => plane.map((row, r) => row.map((x, c) => x + b[k][r][c]))),

  /** The whole ladder. on[i]: does vote i count, or is it zero? Gives what is upsampled to meet each vote, the sums, and
   *  the logits of the pixels. */
  ladder(votes, on, strides) {
    const upsampled = [], sums = [];
    votes.forEach((map, i) => {
      const vote = map.map((plane) => plane.map((row) => row.map((x) => (on[i] ? x : 0))));
      upsampled.push(i ? maths.upsample(sums[i - 1], strides[i - 1] / strides[i]) : null);
      sums.push(i ? maths.add(upsampled[i], vote) : vote);
    });
    return { upsampled, sums, logits: maths.upsample(sums.at(-1), strides.at(-1)) };
  },

  /** The class with the largest logit at each cell; the first of equals. */
  largest: (map) => map[0].map((row, r) => row.map((_, c) =>
    map.reduce((best, plane, k) => (plane[r][c] > map[best][r][c] ? k : best), 0))),

  /** Share of right pixels and mean IoU, void left out. */
  compare(prediction, label, count) {
    const both = new Array(count).fill(0), either = new Array(count).fill(0);
    let right = 0, all = 0;
    label.forEach((row, r) => row.forEach((truth, c) => {
      if (truth === 255) return;
      const guess = prediction[r][c];
      all++;
      either[truth]++;
      if (guess === truth) { right++; both[truth]++; } else either[guess]++;
    }));
    const iou = either.map((n, k) => both[k] / n).filter((x) => x >= 0); // 0 / 0 falls out
    return { accuracy: right / all, meanIou: iou.reduce((a, b) => a + b, 0) / iou.length };
  },
};

kit.define({ maths, start(host) {
  const { el } = kit, { classes, colours, scenes } = host.data;
  const coarse = scenes[0].votes["32s"][0][0], rows = 32 * coarse.length, columns = 32 * coarse[0].length;
  let network = "8s", on = ALL, scene, shown = -1; // the class whose logits are drawn, -1: the largest
  let place = [0.7 * rows, 0.65 * columns].map(Math.round); // the marked pixel
  let label, now, full, most; // ladder as switched; ladders with all votes; end of the scale

  const names = Object.keys(STRIDES);
  const networks = kit.choice({ label: "Network", options: names.map((name) => [name, `FCN-${name}`]), oninput: (name) => set(name) });
  const presets = kit.presets([
    ["all votes", () => set(network)],
    ["8s, skips off", () => set("8s", [true, false, false])],
    ["8s, coarse off", () => set("8s", [false, true, true])],
  ]);
  const steps = kit.player({ label: "Step", count: 6, interval: 1200, onstep: () => draw() });
  const shows = kit.choice({ label: "Show", value: -1, oninput: (k) => { shown = k; draw(); },
    options: [[-1, "largest class"], ...classes.map((name, k) => [k, [el("i", { style: `background: rgb(${colours[k]})` }), name]])] });
  const picks = kit.choice({ label: "Scene", options: scenes.map(({ name }, i) => [i, name]), value: 0, oninput: (i) => load(i) });

  /* Vote and sum of each stage, label, prediction. One dot of a canvas is a cell. */
  const panel = (head) => {
    const canvas = el("canvas", { "aria-hidden": "true" }), caption = el("span"), mark = el("b");
    return { canvas, caption, mark, node: el("figure", {}, el("figcaption", {}, head, caption), el("div", {}, canvas, mark)) };
  };
  const switches = STRIDES["8s"].map((stride, i) => kit.toggle({ label: `stride ${stride} votes`,
    oninput: (value) => { on = on.with(i, value); compute(); } }));
  const votes = switches.map(({ node }) => panel(node)), sums = switches.map(() => panel()), truth = panel("label"), answer = panel();
  const panels = [...votes.flatMap((vote, i) => [vote, sums[i]]), truth, answer];
  const ladder = el("div.ladder", { tabindex: 0, role: "application", "aria-label": "Marked pixel: arrow keys move it" },
    panels.map(({ node }) => node));
  const scale = el("p.note"), verdict = el("p"), heading = el("caption"), body = el("tbody");
  const line = (texts, head) => el("tr", {}, texts.map((text, i) => el(head || !i ? "th" : "td", { scope: head || (!i && "row") }, text)));
  host.root.append(networks.node, presets, ladder, scale, verdict, steps.node, el("div.row", {}, shows.node, picks.node),
    el("table", {}, heading, el("thead", {}, line(["stride", "upsampled", "vote", "sum", "largest"], "col")), body));
  host.css = `
    :host { container-type: inline-size; }
    .ladder { display: grid; grid-template-columns: 1fr 1fr; align-items: end; gap: .5rem .7rem; margin-block: .3rem; }
    @container (min-width: 560px) { .ladder { grid: auto auto / auto-flow 1fr; } }
    figure { margin: 0; } figure div { position: relative; } canvas { width: 100%; image-rendering: pixelated; }
    b { position: absolute; translate: -50% -50%; min-width: 8px; aspect-ratio: 1; border: 1px solid #fff; outline: 2px solid #000; pointer-events: none; }
    figcaption { font-size: .84rem; min-height: 1.8rem; display: flex; align-items: center; }
    i { display: inline-block; width: .8em; height: .8em; margin-inline-end: .35em; border: 1px solid var(--line); }
    table { width: 100%; } caption { text-align: start; } p { margin: .3rem 0; font-size: .93rem; }`;

  function set(name, counted = ALL) {
    [network, on] = [name, counted];
    networks.set(name);
    const count = 2 * STRIDES[name].length;
    steps.recount(count);
    steps.set(count - 1);
    compute();
  }

  /** Another scene. Its label is decoded a moment later. */
  function load(i) {
    [scene, full, label] = [i, {}, null];
    kit.grey(scenes[i].label).then((numbers) => { if (i === scene) { label = numbers; compute(); } });
    set(network, on);
  }

  const climb = (name, counted) => maths.ladder(scenes[scene].votes[name], counted, STRIDES[name]);
  const whole = (name) => (full[name] ??= climb(name, ALL));
  const judge = (one) => (one.judged ??= maths.compare(maths.largest(one.logits), label, classes.length));

  function compute() {
    now = on.every(Boolean) ? whole(network) : climb(network, on);
    now.answer ??= maths.largest(now.logits);
    draw();
  }

  /** A map over the scene: its classes, or the logits of one over a veil. */
  function picture({ canvas, mark }, map, of = map && shown < 0 && maths.largest(map)) {
    const grid = of || (map && map[0]), veil = of ? "" : "linear-gradient(color-mix(in srgb, var(--paper) 80%, transparent) 0 0), ";
    mark.hidden = !grid;
    canvas.style.background = grid ? `${veil}url(${scenes[scene].image}) 0 / 100% 100%` : "var(--surface)";
    [canvas.width, canvas.height] = grid ? [grid[0].length, grid.length] : [columns, rows];
    if (!grid) return;
    const rgb = ["--s0", "--s1"].map((name) => host.colour(name).match(/\w\w/g).map((hex) => parseInt(hex, 16)));
    const heat = (x) => [...rgb[+(x > 0)], 255 * Math.abs(x) / most];
    const paint = (k) => (k === 255 ? [255, 255, 255, 150] : [...colours[k], k ? 225 : 165]);
    const cells = kit.pixels(grid.length, grid[0].length, (r, c) => (of ? paint(of[r][c]) : heat(map[shown][r][c])));
    canvas.getContext("2d").drawImage(cells, 0, 0);
  }
  const voted = (i) => on.slice(0, i + 1).some(Boolean);
  const cellAt = (stride) => place.map((x) => Math.floor(x / stride));

  const draw = kit.frame(() => {
    const strides = STRIDES[network], counted = scenes[scene].votes[network], step = steps.value;
    const done = step === 2 * strides.length - 1;
    // One scale, whatever is switched off.
    most = Math.ceil(Math.max(...[...counted, ...whole(network).sums].map((map) => map[shown] || 0).flat(2).map(Math.abs)));
    switches.forEach((control, i) => {
      const stride = strides[i], reached = stride && step >= 2 * i - 1, added = step >= 2 * i;
      control.input.disabled = !stride;
      control.set(stride && on[i]);
      picture(votes[i], stride && on[i] && counted[i]);
      picture(sums[i], reached && voted(i) && (added ? now.sums : now.upsampled)[i]);
      const words = i ? `×2${added && on[i] ? ", plus the vote" : ""}` : "coarse logits";
      sums[i].caption.textContent = reached ? `${words}: ${rows / stride}×${columns / stride}` : stride ? "" : "not asked";
    });
    picture(truth, null, label);
    picture(answer, done && now.logits, done && shown < 0 && now.answer);
    answer.caption.textContent = done ? `×${strides.at(-1)}: prediction` : "";
    scale.textContent = shown < 0 ? "Dark: background. White: void." : `Logits of ${classes[shown]}: orange up to ${most}, blue down to −${most}.`;
    point();
  });

  /** Mark the cells that hold the pixel, and read them out. */
  function point() {
    const strides = STRIDES[network], counted = scenes[scene].votes[network];
    for (const { canvas, mark } of panels) {
      const stride = rows / canvas.height, [y, x] = cellAt(stride).map((i) => (i + 0.5) * stride);
      mark.style.cssText = `left: ${100 * x / columns}%; top: ${100 * y / rows}%; width: ${100 * stride / columns}%`;
    }
    const k = shown < 0 ? now.answer[place[0]][place[1]] : shown;
    const at = (map, [r, c]) => (map ? map[k][r][c].toFixed(1).replace("-", "−") : "");
    const lines = strides.map((stride, i) => {
      const cell = cellAt(stride), [[best]] = maths.largest(now.sums[i].map((plane) => [[plane[cell[0]][cell[1]]]]));
      return [stride, at(now.upsampled[i], cell), on[i] ? at(counted[i], cell) : "off", at(now.sums[i], cell), voted(i) ? classes[best] : "–"];
    });
    lines.push(["pixel", at(now.logits, place), "", "", classes[now.answer[place[0]][place[1]]]]);
    heading.textContent = `Logits of ${classes[k]} in the cells that hold pixel (${place.join(", ")})`;
    body.replaceChildren(...lines.map((texts) => line(texts)));
    if (label) {
      const iou = (one) => judge(one).meanIou.toFixed(2), all = names.map((name) => `${name} ${iou(whole(name))}`);
      verdict.replaceChildren(el("strong", {}, `mIoU of this scene ${iou(now)}`),
        `, ${(100 * now.judged.accuracy).toFixed(1)} % of its pixels right. All votes on: ${all.join(", ")}.`);
    }
    host.say(`${heading.textContent}: ${lines.map((texts) => texts.join(" ")).join("; ")}. ${verdict.textContent}`);
    Object.assign(host.state, { network, on, scene, place, step: steps.value, judged: now.judged, lines });
  }

  const follow = kit.frame(point);
  const move = (to) => {
    place = to.map((x, i) => Math.max(0, Math.min([rows, columns][i] - 1, x)));
    follow();
  };
  for (const type of ["pointerdown", "pointermove"]) {
    ladder.addEventListener(type, (event) => event.target.width && move(kit.cell(event.target, [rows, columns], event)));
  }
  ladder.addEventListener("keydown", (event) => {
    const way = event.target === ladder && kit.arrow(event);
    if (way) move(place.map((x, i) => x + 4 * way[i]));
  });

  load(0);
  host.onTheme(draw);
} });
