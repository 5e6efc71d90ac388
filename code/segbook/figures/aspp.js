/* What do the dilated kernels of ASPP read? Nine taps for each rate, drawn on the cells of a map that lies over a
 * scene. A tap beside the map reads padding, which is zero.
 *
 * Data: preset (a key of PRESETS, else the first), cell ([row, column] to begin at), scenes ([{name, image}], where
 * image is a data URI).
 */
const PRESETS = { // what the button says, height and width of the image, output stride, rates
  published: ["12×16: rates 12, 24, 36", [96, 128], 8, [12, 24, 36]],
  tiny: ["12×16: 2, 4, 6", [96, 128], 8, [2, 4, 6]],
  camvid: ["CamVid", [360, 480], 8, [12, 24, 36]],
  crop8: ["513 at stride 8", [513, 513], 8, [12, 24, 36]],
  crop16: ["513 at 16", [513, 513], 16, [6, 12, 18]],
};

const maths = {
  /** The nine taps of a 3x3 kernel: [row, column, on the map?]. */
  taps(row, column, rate, height, width) {
    const steps = [-rate, 0, rate];
    return steps.flatMap((i) => steps.map((j) => {
      const [y, x] = [row + i, column + j];
      return [y, x, y >= 0 && y < height && x >= 0 && x < width];
    }));
  },

  /** Mean over all cells: rows and columns meet in every combination, so their means multiply. */
  mean: (rate, height, width) => [height, width].reduce((product, n) => product * (1 + 2 * Math.max(0, 1 - rate / n)), 1),

  /** Where the count changes along one axis: [from, to, valid taps of three]. */
  spans(rate, n) {
    const edges = [...new Set([0, Math.min(rate, n), Math.max(n - rate, 0), n])].sort((a, b) => a - b);
    return edges.slice(1).map((to, i) => [edges[i], to, 1 + (edges[i] >= rate) + (edges[i] + rate < n)]);
  },

  /** The map as rectangles of equal count: [row, column, rows, columns, count]. */
  regions: (rate, height, width) => maths.spans(rate, height).flatMap(([top, bottom, a]) =>
    maths.spans(rate, width).map(([left, right, b]) => [top, left, bottom - top, right - left, a * b])),
};

kit.define({ maths, start(host) {
  const { el } = kit;
  const scenes = host.data.scenes || [];
  const colours = ["var(--s0)", "var(--s1)", "var(--s2)"], signs = ["●", "■", "▲"];
  let pixels, stride, rates, height, width; // of the image; cells of the map
  let place = [0.4, 0.4]; // of the pointed cell: fractions of the map, so that it stays when the map changes
  let scene = 0, shaded = "none";

  /* Controls. */
  const presets = kit.presets(Object.entries(PRESETS).map(([name, [text]]) => [text, () => start(name)]));
  const rateSliders = signs.map((sign, i) => kit.slider({ label: `Rate ${sign}`, min: 1, max: 48, value: 1,
    oninput: (value) => { rates[i] = value; update(); } }));
  const sizes = ["Image height", "Image width"].map((label, i) => kit.slider({ label, min: 16, max: 640, value: 16,
    oninput: (value) => { pixels[i] = value; update(); } }));
  const strides = kit.choice({ label: "Output stride", options: [8, 16, 32].map((s) => [s, s]), value: 8,
    oninput: (value) => { stride = value; update(); } });
  const shade = kit.choice({ label: "Shade the cells by their valid taps", value: shaded,
    options: [["none", "no"], ...signs.map((sign, b) => [b, sign])], oninput: (value) => { shaded = value; draw(); } });
  const picks = scenes.length > 1 && kit.choice({ label: "Scene", value: 0, options: scenes.map(({ name }, i) => [i, name]),
    oninput: (value) => { scene = value; draw(); } });

  /* The drawing, in units of one cell; nodes are made once. */
  const use = (name, attributes = {}, ...children) => el(`svg:${name}`, attributes, ...children);
  const picture = use("image", { preserveAspectRatio: "xMidYMid slice" });
  const grid = use("path", { class: "grid" }), shades = use("g");
  const frame = use("rect", { class: "map" });
  const outlines = colours.map((stroke) => use("rect", { class: "span", stroke }));
  const marks = colours.map((colour) => use("g", { style: `color: ${colour}` }, Array.from({ length: 9 }, () => use("path"))));
  const handle = use("rect", { class: "here" });
  const padding = use("text", {}, "hollow: padding (zero)");
  const svg = use("svg", { "aria-hidden": "true" }, padding, picture, grid, shades, frame, outlines, marks, handle);
  const target = el("div.target", { tabindex: 0, role: "slider", "aria-label": "Pointed cell", "aria-valuemin": 0 });
  const stage = el("div.stage", {}, svg, target);
  const sentence = el("p"), verdict = el("p.verdict"), body = el("tbody");
  const heads = ["branch", "taps here", "average", "span, px"];
  host.root.append(presets, stage, sentence,
    el("div.scroll", { tabindex: 0, role: "region", "aria-label": "The five branches" }, el("table", {},
      el("thead", {}, el("tr", {}, heads.map((text) => el("th", { scope: "col" }, text)))), body)), verdict,
    el("div.row.rates", {}, rateSliders.map((slider) => slider.node)),
    el("div.row", {}, sizes.map((slider) => slider.node), strides.node),
    el("div.row", {}, shade.node, picks && picks.node));
  host.css = `
    .stage { position: relative; max-width: 33rem; margin: .5rem auto; }
    svg { width: 100%; overflow: hidden; background: var(--surface); border-radius: 4px; }
    .target { position: absolute; touch-action: none; cursor: crosshair; }
    image { opacity: .6; } .map { fill: none; stroke: var(--ink); stroke-width: 2px; }
    .grid { stroke: var(--paper); stroke-opacity: .45; stroke-width: .75px; } .span { fill: none; stroke-width: 1.5px; stroke-dasharray: 5 4; }
    .here { fill: none; stroke: var(--ink); stroke-width: 2.5px; }
    path, rect { vector-effect: non-scaling-stroke; }
    .on { fill: currentColor; stroke: var(--paper); stroke-width: 1px; } .off { fill: none; stroke: currentColor; stroke-width: 1.75px; }
    g text { text-anchor: middle; dominant-baseline: central; font-weight: 600; paint-order: stroke; stroke: var(--paper); stroke-width: 3px; }
    table { width: 100%; } th { font-weight: 600; white-space: nowrap; } p { margin: .3rem 0; font-size: .93rem; } .verdict { min-height: 2.8em; }
    .row .control:not(.choice) { flex-basis: 8.5rem; } .rates .control.control { flex-basis: 5rem; min-width: 0; }`;

  const at = () => [place[0] * height, place[1] * width].map(Math.floor);

  function start(name) {
    [, pixels, stride, rates] = structuredClone(PRESETS[name]);
    update(name);
  }

  /** Another map or other rates: a preset's, or the reader's own. */
  function update(name = null) {
    presets.querySelectorAll("button").forEach((button, i) => button.setAttribute("aria-pressed", Object.keys(PRESETS)[i] === name));
    [height, width] = pixels.map((n) => Math.ceil(n / stride));
    rateSliders.forEach((slider, i) => slider.set(rates[i]));
    sizes.forEach((slider, i) => slider.set(pixels[i]));
    strides.set(stride);
    draw();
  }

  const SHAPES = [
    (r) => `M${-r} 0A${r} ${r} 0 1 1 ${r} 0A${r} ${r} 0 1 1 ${-r} 0Z`,
    (r) => `M${-r} ${-r}H${r}V${r}H${-r}Z`,
    (r) => `M0 ${-1.2 * r}L${1.2 * r} ${r}H${-1.2 * r}Z`,
  ];

  function paint() {
    const [row, column] = at();
    // Room around the map for taps that miss it; what lies even further out is drawn at the rim.
    const margin = Math.min(Math.max(...rates) + 1, 0.62 * Math.max(height, width)) + 0.5;
    const box = { across: width + 2 * margin, down: height + 2 * margin };
    const unit = box.across / (stage.clientWidth || 360); // cells in one pixel of the page
    kit.put(svg, { viewBox: `${-margin} ${-margin} ${box.across} ${box.down}` });
    kit.put(padding, { transform: `translate(${24 * unit - margin} ${box.down - margin - 8 * unit}) scale(${unit})` });
    kit.put(frame, { width, height });
    kit.put(picture, { width, height, href: scenes[scene]?.image || "" });
    const lines = (n, line) => (unit < 0.25 ? Array.from({ length: n }, (_, i) => line(i)).join("") : ""); // else too fine
    kit.put(grid, { d: lines(width, (i) => `M${i} 0V${height}`) + lines(height, (i) => `M0 ${i}H${width}`) });
    const percent = (part, whole) => `${100 * part / whole}%`;
    Object.assign(target.style, { left: percent(margin, box.across), top: percent(margin, box.down),
      width: percent(width, box.across), height: percent(height, box.down) });

    let beyond = 0;
    rates.forEach((rate, b) => {
      kit.put(outlines[b], { x: column - rate, y: row - rate, width: 2 * rate + 1, height: 2 * rate + 1 });
      maths.taps(row, column, rate, height, width).forEach(([y, x, on], t) => {
        const radius = unit * (t === 4 ? 8 - 2 * b : 5); // in the middle all three share a cell: nest them
        const inside = (v, span) => Math.max(-margin + 8 * unit, Math.min(span + margin - 8 * unit, v + 0.5));
        const [px, py] = [inside(x, width), inside(y, height)];
        if (px !== x + 0.5 || py !== y + 0.5) beyond++;
        kit.put(marks[b].children[t], { d: SHAPES[b](radius), class: on ? "on" : "off", transform: `translate(${px} ${py})` });
      });
    });
    kit.put(handle, { x: column - 0.08, y: row - 0.08, width: 1.16, height: 1.16 });

    const regions = shaded === "none" ? [] : maths.regions(rates[shaded], height, width);
    shades.replaceChildren(...regions.flatMap(([y, x, h, w, count]) => [
      use("rect", { x, y, width: w, height: h, fill: colours[shaded], "fill-opacity": 0.1 + 0.085 * count }),
      Math.min(h, w) > 13 * unit && use("text", { transform: `translate(${x + w / 2} ${y + h / 2}) scale(${unit})` }, count),
    ].filter(Boolean)));
    tell(row, column, beyond);
  }
  const draw = kit.frame(paint);

  function tell(row, column, beyond) {
    const here = rates.map((rate) => maths.taps(row, column, rate, height, width).filter((tap) => tap[2]).length);
    const mean = rates.map((rate) => maths.mean(rate, height, width));
    const all = height * width;
    const lines = rates.map((rate, b) => [`${signs[b]} rate ${rate}`, `${here[b]} of 9`, mean[b].toFixed(1), (2 * rate + 1) * stride]);
    body.replaceChildren(...[["1×1", "1 of 1", "1.0", stride], ...lines, ["pooling", `${all} cells`, all, "all"]].map((line, i) =>
      el("tr", {}, line.map((value, j) => (j ? el("td", {}, value) : el("th", { scope: "row", style: `border-inline-start: 6px solid ${colours[i - 1] || "var(--line)"}` }, value))))));
    sentence.textContent = `${pixels.join("×")} pixels at output stride ${stride}: a map of ${height}×${width} cells. Of nine ` +
      `taps each, ${here.join(", ")} fall on the map around cell (${row}, ${column})` +
      `${beyond ? `; ${beyond} lie beyond the drawing, and stand at its rim` : ""}.`;
    const dead = rates.filter((rate) => rate >= Math.max(height, width));
    const none = rates.filter((rate) => 2 * rate >= Math.min(height, width) && !dead.includes(rate));
    const about = (list, words) => (list.length ? `Rate ${list.join(" and ")}: ${words} ` : "");
    verdict.textContent = about(dead, "past the whole map, a 1×1 convolution with eight idle weights of nine.") +
      about(none, "half the shorter side or more, so no cell has all nine taps.");
    kit.put(target, { "aria-valuemax": all - 1, "aria-valuenow": row * width + column, "aria-valuetext": `row ${row}, column ${column}` });
    host.say(`${sentence.textContent} ${verdict.textContent}`);
    Object.assign(host.state, { height, width, rates, row, column, here, mean, beyond });
  }

  const move = (row, column) => {
    place = [[row, height], [column, width]].map(([i, n]) => (Math.max(0, Math.min(n - 1, i)) + 0.5) / n);
    draw();
  };
  kit.drag(target, (x, y) => move(Math.floor(y * height), Math.floor(x * width)));
  target.addEventListener("keydown", (event) => {
    const way = kit.arrow(event);
    if (way) move(at()[0] + way[0], at()[1] + way[1]);
  });

  start(host.data.preset in PRESETS ? host.data.preset : "published");
  if (host.data.cell) place = [(host.data.cell[0] + 0.5) / height, (host.data.cell[1] + 0.5) / width];
  host.onTheme(paint);
  new ResizeObserver(draw).observe(host.root);
} });
