/* Size, stride, centre: the three numbers of every layer, on a photograph. One cell's field, the places of all cells, and
 * where the first one stands, while the map goes through a network.
 *
 * Data: picture (a data URI), size ([height, width] of it in pixels), network (a key of NETWORKS), step (0 is the image).
 * A layer is [name, k, s, p, d].
 */
const maths = {
  /** The layers of VGG-16 up to pool5; `pad` of its convolutions, and whether its last two pools keep their cells, so that
   *  what follows takes its taps further apart. */
  vgg(pad, dilated) {
    const layers = [];
    let rate = 1;
    [2, 2, 3, 3, 3].forEach((convolutions, stage) => {
      for (let i = 1; i <= convolutions; i++) layers.push([`conv${stage + 1}_${i}`, 3, 1, pad * rate, rate]);
      const kept = dilated && stage > 2;
      layers.push([`pool${stage + 1}`, 2, kept ? 1 : 2, 0, rate]);
      if (kept) rate *= 2;
    });
    return layers;
  },

  /** Every map over rows x columns pixels, the image first: {name, size, stride, centre, cells: [rows, columns]}. */
  follow([rows, columns], layers) {
    const maps = [{ name: "the image", size: 1, stride: 1, centre: 0, cells: [rows, columns] }];
    for (const [name, k, s, p, d] of layers) {
      const { size, stride, centre, cells } = maps.at(-1), span = d * (k - 1);
      maps.push({ name, size: size + span * stride, stride: stride * s, centre: centre + (span / 2 - p) * stride,
        cells: cells.map((n) => Math.floor((n + 2 * p - span - 1) / s) + 1) });
    }
    return maps;
  },

  /** The cell whose centre is nearest to a pixel. */
  nearest: ({ stride, centre, cells }, place) =>
    place.map((x, i) => Math.max(0, Math.min(cells[i] - 1, Math.round((x - centre) / stride)))),

  /** First and last row, first and last column that a cell sees; some may lie beyond the image. */
  sees: ({ size, stride, centre }, cell) => cell.map((i) => [-1, 1].map((side) => centre + i * stride + side * (size - 1) / 2)),
};

const NETWORKS = {
  "VGG-16": [maths.vgg(1, false), "Pooling doubles the stride; every kernel makes the field larger by its reach times the stride."],
  "dilated": [maths.vgg(1, true), "Pools 4 and 5 no longer skip cells, and the kernels behind them are dilated: size and centre stay, the stride does not grow."],
  "no padding": [maths.vgg(0, false), "Nothing is added at the border: size and stride stay, the first cell stands further inside."],
};
maths.networks = () => Object.fromEntries(Object.entries(NETWORKS).map(([name, [layers]]) => [name, layers]));

kit.define({ maths, start(host) {
  const { el } = kit, { picture, size: [rows, columns] } = host.data, EDGE = 14;
  let network = host.data.network ?? "VGG-16", place = [0.45 * rows, 0.4 * columns].map(Math.round), maps = [];

  host.css = `
    svg { width: 100%; border-radius: 6px; cursor: crosshair; touch-action: pan-y; overflow: hidden; background: var(--surface); }
    .eased { transition: x .35s, y .35s, width .35s, height .35s; }
    dl { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: .2rem 1rem; margin: .7rem 0; }
    dl div { border-block-start: 4px solid var(--of); padding-block-start: .25rem; }
    dt { font-weight: 600; } dd { margin: 0; font-size: .87rem; line-height: 1.3; }
    dd.value { font-size: 1.7rem; font-weight: 600; font-variant-numeric: tabular-nums; line-height: 1.15; }
    .says { min-height: 4.2em; font-size: .93rem; margin: .3rem 0; }
    @media (prefers-reduced-motion: reduce) { .eased { transition: none; } }`;

  const svg = (name, attributes, ...children) => el(`svg:${name}`, attributes, ...children);
  const frame = { x: -EDGE, y: -EDGE, width: columns + 2 * EDGE, height: rows + 2 * EDGE };
  const dot = svg("circle", { fill: "#fff", stroke: "#111" });
  const pattern = svg("pattern", { id: "cells", patternUnits: "userSpaceOnUse" }, dot);
  const hole = svg("path", { "fill-rule": "evenodd", fill: "#10151b", "fill-opacity": .35 });
  const all = svg("rect", { fill: "url(#cells)" });
  const line = (width, colour) => svg("line", { stroke: colour, "stroke-width": width, "stroke-linecap": "round" });
  const field = [5, 3].map((width, i) => svg("rect", { class: "eased", fill: "none", stroke: i ? "var(--size)" : "#fff", "stroke-width": width }));
  const step = [7, 4].map((width, i) => line(width, i ? "var(--stride)" : "#fff"));
  const corner = [7, 4].map((width, i) => line(width, i ? "var(--centre)" : "#fff"));
  const drawing = svg("svg", { viewBox: Object.values(frame).join(" "), tabindex: 0, role: "application",
    "aria-label": "The photograph and the cells of the map over it. Point at a cell, or move with the arrow keys." },
  svg("defs", {}, pattern), svg("image", { href: picture, width: columns, height: rows, preserveAspectRatio: "none" }),
  hole, all, corner, field, step);

  const value = (name, colour, text) => {
    const number = el("dd.value");
    return { number, node: el("div", { style: `--of: var(--${colour})` }, el("dt", {}, name), number, el("dd", {}, text)) };
  };
  const values = [value("Size", "size", "pixels across that one cell sees"), value("Stride", "stride", "pixels from one cell to the next"),
    value("Centre", "centre", "pixels from the first pixel to the first cell")];
  const says = el("p.says");
  const steps = kit.player({ label: "After", count: 19, interval: 900, show: (i) => maps[i]?.name ?? "", onstep: () => draw() });
  const choice = kit.choice({ label: "Network", options: Object.keys(NETWORKS).map((name) => [name, name]), value: network, oninput: (name) => set(name) });
  host.css += ":host { --size: #4cb3f0; --stride: #ff8a2b; --centre: #2fcf9f; }"; // on a photograph, so alike in both themes
  host.root.append(drawing, el("dl", {}, values.map(({ node }) => node)), steps.node, el("div.row", {}, choice.node), says);

  function set(name) {
    network = name;
    maps = maths.follow([rows, columns], NETWORKS[name][0]);
    const at = steps.value;
    steps.recount(maps.length);
    steps.set(at);
    draw();
  }

  const draw = kit.frame(() => {
    const map = maps[steps.value], { size, stride, centre, cells } = map;
    const cell = maths.nearest(map, place), [[top, bottom], [left, right]] = maths.sees(map, cell);
    const [y, x] = cell.map((i) => centre + i * stride + 0.5); // the middle of pixel 0 lies half a pixel inside
    const box = { x: left, y: top, width: size, height: size };
    kit.put(pattern, { x: centre + 0.5 - stride / 2, y: centre + 0.5 - stride / 2, width: stride, height: stride });
    kit.put(dot, { cx: stride / 2, cy: stride / 2, r: Math.min(3.2, 0.22 * stride), "stroke-width": Math.min(1, stride / 12) });
    kit.put(all, { x: centre + 0.5 - stride / 2, y: centre + 0.5 - stride / 2, width: stride * cells[1], height: stride * cells[0] });
    all.style.opacity = stride < 4 ? 0.25 : 1; // so many that they would hide the picture
    kit.put(hole, { d: `M${frame.x} ${frame.y}h${frame.width}v${frame.height}h${-frame.width}zM${left} ${top}h${size}v${size}h${-size}z` });
    for (const node of field) kit.put(node, box);
    for (const node of step) kit.put(node, { x1: x, y1: y, x2: x + (cell[1] + 1 < cells[1] ? stride : -stride), y2: y });
    for (const node of corner) kit.put(node, { x1: 0, y1: 0, x2: centre + 0.5, y2: centre + 0.5 });
    [size, stride, centre].forEach((number, i) => { values[i].number.textContent = kit.number(number, 1); });
    const from = (a, b) => (a < b ? `${kit.number(a, 1)} to ${kit.number(b, 1)}` : kit.number(a, 1));
    const beyond = top < 0 || left < 0 || bottom > rows - 1 || right > columns - 1;
    says.textContent = `Cell (${cell.join(", ")}) of ${cells.join(" × ")} sees rows ${from(top, bottom)}, columns ${from(left, right)}`
      + `${beyond ? "; what lies beyond the photograph is padding" : ""}. ${NETWORKS[network][1]}`;
    host.say(`After ${map.name}: size ${size}, stride ${stride}, centre ${kit.number(centre, 1)}. ${says.textContent}`);
    Object.assign(host.state, { network, name: map.name, size, stride, centre, cells, cell, sees: [[top, bottom], [left, right]] });
  });

  const move = (to) => { place = to.map((at, i) => Math.max(0, Math.min([rows, columns][i] - 1, at))); draw(); };
  for (const type of ["pointerdown", "pointermove"]) {
    drawing.addEventListener(type, (event) => move(kit.cell(drawing, [frame.height, frame.width], event).map((at) => at - EDGE)));
  }
  drawing.addEventListener("keydown", (event) => {
    const way = kit.arrow(event), map = maps[steps.value];
    if (!way) return;
    const by = Math.max(1, Math.round(8 / map.stride)); // cells, so that an arrow is seen to move
    move(maths.nearest(map, place).map((i, axis) => map.centre + (i + way[axis] * by) * map.stride));
  });

  set(network);
  steps.set(host.data.step ?? 14);
  draw();
} });
