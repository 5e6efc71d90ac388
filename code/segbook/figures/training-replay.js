/* A training played again: what several networks answer for a scene while they learn, beside loss and mean IoU.
 *
 * Data: what `python -m bookbuild.experiments.replay` records (moments, mean_of, scenes, classes, palette, networks, run), and
 * presets: [[text, step], ...]. A film is a grey PNG of class numbers, one frame for each moment, one below the other.
 */
const DASHES = ["", "7 3", "2 3", "9 3 2 3"]; // lines are told apart without their colours too

const maths = {
  /** Index of the moment nearest to a step, the earlier of two that are equally near. */
  nearest: (moments, step) => moments.reduce((best, m, i) => (Math.abs(m - step) < Math.abs(moments[best] - step) ? i : best), 0),

  /** Frame i of a film of frames of `height` rows. */
  frame: (film, i, height) => film.slice(i * height, (i + 1) * height),

  /** Share of right pixels, void (255) left out, and the classes that are named. */
  judge(frame, label) {
    let right = 0, all = 0;
    const named = new Set();
    frame.forEach((row, r) => row.forEach((k, c) => {
      named.add(k);
      if (label[r][c] === 255) return;
      all++;
      if (k === label[r][c]) right++;
    }));
    return { accuracy: right / all, named: [...named].sort((a, b) => a - b) };
  },

  /** Losses as points [step, loss], each in the middle of the steps that it is the mean of. */
  losses: (values, meanOf, steps) => values.map((y, i) => [(i * meanOf + 1 + Math.min((i + 1) * meanOf, steps)) / 2, y]),

  /** A round number for the lines of a chart, so that at most five stand above zero. */
  tick(most) {
    const unit = 10 ** Math.floor(Math.log10(most / 5));
    return [1, 2, 5, 10].find((k) => k * unit >= most / 5) * unit;
  },
};

kit.define({ maths, start(host) {
  const { el } = kit, { moments, mean_of: meanOf, scenes, classes, palette, networks, run } = host.data;
  const steps = moments.at(-1), use = (name, attributes, ...children) => el(`svg:${name}`, attributes, ...children);
  let scene, view = "classes", label, films;

  /* Controls. */
  const player = kit.player({ label: "Training step", count: moments.length, value: 0, interval: 700,
    show: (i) => `${moments[i]} of ${steps}`, onstep: () => draw() });
  const go = (step) => { player.set(maths.nearest(moments, step)); draw(); };
  const presets = host.data.presets && kit.presets(host.data.presets.map(([text, step]) => [text, () => go(step)]));
  const picks = kit.choice({ label: "Scene", options: scenes.map(({ name }, i) => [i, name]), value: 0, oninput: (i) => load(i) });
  const views = kit.choice({ label: "Show", options: [["classes", "classes"], ["errors", "wrong pixels"]], value: view,
    oninput: (name) => { view = name; draw(); } });

  /* Panels: scene and label, then a prediction for each network. */
  const panel = (...head) => {
    const canvas = el("canvas", { "aria-hidden": "true" });
    return { canvas, node: el("figure", {}, el("figcaption", {}, ...head), canvas) };
  };
  const sign = (i) => use("svg", { width: 26, height: 8, "aria-hidden": "true" }, use("path", { d: "M0 4H26", class: "line", ...look(i) }));
  const look = (i) => ({ stroke: `var(--s${i})`, "stroke-dasharray": DASHES[i] });
  const picture = panel("scene"), truth = panel("label");
  const answers = networks.map(({ name }, i) => {
    const told = el("span");
    return { ...panel(sign(i), el("strong", {}, name), told), told };
  });

  /* Charts: a curve for each network, a line at the step that is shown. */
  const WIDTH = 350, HEIGHT = 150, LEFT = 34, BOTTOM = 20, TOP = 22;
  const x = (step) => LEFT + (WIDTH - LEFT - 6) * step / steps;
  function chart(title, curves) {
    const most = Math.max(...curves.flat().map((point) => point[1])), tick = maths.tick(most);
    const y = (value) => HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / most;
    const levels = Array.from({ length: Math.floor(most / tick) + 1 }, (_, i) => i * tick);
    const now = use("path", { class: "now" }), dots = curves.map((_, i) => use("circle", { r: 4, fill: `var(--s${i})` }));
    const node = use("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" },
      use("text", { x: 0, y: 12, class: "title" }, title),
      levels.flatMap((v) => [use("path", { d: `M${LEFT} ${y(v)}H${WIDTH - 6}`, class: "grid" }),
        use("text", { x: LEFT - 5, y: y(v) + 4, "text-anchor": "end" }, kit.number(v, 2))]),
      ["start", "middle", "end"].map((anchor, i) => use("text", { x: x(i * steps / 2), y: HEIGHT - 4, "text-anchor": anchor }, i * steps / 2)),
      now, curves.map((points, i) => use("path", { d: `M${points.map(([s, v]) => `${x(s)} ${y(v)}`).join("L")}`, class: "line", ...look(i) })), dots);
    kit.drag(node, (fraction) => go((fraction * WIDTH - LEFT) / (WIDTH - LEFT - 6) * steps));
    node.style.touchAction = "pan-y";
    return { node, at(step) {
      kit.put(now, { d: `M${x(step)} ${TOP - 4}V${HEIGHT - BOTTOM}` });
      dots.forEach((dot, i) => {
        const [s, v] = curves[i][maths.nearest(curves[i].map((point) => point[0]), step)];
        kit.put(dot, { cx: x(s), cy: y(v) });
      });
    } };
  }
  const charts = [
    chart("Loss of a training batch", networks.map(({ losses }) => maths.losses(losses, meanOf, steps))),
    chart("Mean IoU, validation", networks.map(({ mean_iou: values }) => values.map((v, i) => [moments[i], v]))),
  ];

  const sentence = el("p");
  const source = `mIoU: on all validation scenes; % right: pixels of this scene; loss: means over ${meanOf} steps. One run of each network, ` +
    `seed ${run.seed}, ${run.steps} steps of ${run.batch_size} scenes, learning rate ${run.lr}, on ${run.device.replace("(s)", "")}, ` +
    `torch ${run.versions.torch}, code of commit ${run.commit.slice(0, 7)}; made by ${run.command}.`;
  host.root.append(...[presets, player.node, sentence].filter(Boolean),
    el("div.panels", {}, [picture, truth, ...answers].map(({ node }) => node)), el("div.charts", {}, charts.map(({ node }) => node)),
    el("div.row", {}, views.node, picks.node), el("p.note", {}, source));
  host.css = `
    :host { container-type: inline-size; }
    p { min-height: 2.8em; }
    .panels { display: grid; grid-template-columns: 1fr 1fr; gap: .5rem .7rem; margin-block: .4rem; }
    .charts { display: grid; gap: .6rem; margin-block: .6rem; }
    @container (min-width: 560px) { .panels { grid-template-columns: 1fr 1fr 1fr; } .charts { grid-template-columns: 1fr 1fr; } p { min-height: 1.4em; } }
    figure { margin: 0; display: flex; flex-direction: column; justify-content: end; } .panels canvas { width: 100%; background-size: 100% 100%; image-rendering: pixelated; }
    figcaption { font-size: .84rem; line-height: 1.35; } figcaption svg { display: inline-block; margin-inline-end: .4em; vertical-align: .1em; }
    figcaption span { display: block; }
    .charts svg { width: 100%; cursor: ew-resize; } .line { fill: none; stroke-width: 2px; } .grid { stroke: var(--line); stroke-width: .5px; }
    .now { stroke: var(--ink); stroke-width: 1px; } .title { font-weight: 600; } p { margin: .3rem 0; font-size: .93rem; }`;

  /** Another scene. The browser decodes label and films, which come a moment later. */
  function load(i) {
    [scene, label, films] = [i, null, null];
    const all = [scenes[i].label, ...networks.map((one) => one.films[i])];
    Promise.all(all.map(kit.grey)).then(([first, ...rest]) => { if (i === scene) { [label, films] = [first, rest]; draw(); } });
    draw();
  }

  /** Numbers over the scene: colour(k, row, column) gives red, green, blue and opacity. */
  function paint({ canvas }, rows, colour) {
    const height = rows.length, width = rows[0].length;
    if (canvas.width !== width) Object.assign(canvas, { width, height });
    canvas.style.backgroundImage = `url(${scenes[scene].image})`;
    const pen = canvas.getContext("2d"), image = pen.createImageData(width, height);
    rows.forEach((row, r) => row.forEach((k, c) => image.data.set(colour(k, r, c), 4 * (r * width + c))));
    pen.putImageData(image, 0, 0);
  }

  const paints = palette.map((rgb, k) => [...rgb, k ? 225 : 165]);
  const CLEAR = [0, 0, 0, 0], DARK = [0, 0, 0, 165], VOID = [255, 255, 255, 150], WRONG = [255, 90, 60, 235];
  const inColour = (k) => paints[k] || VOID;

  const draw = kit.frame(() => {
    const i = player.value, step = moments[i];
    charts.forEach((one) => one.at(step));
    const judged = label && films.map((film) => maths.judge(maths.frame(film, i, label.length), label));
    if (label) {
      paint(picture, label, () => CLEAR);
      paint(truth, label, inColour);
      films.forEach((film, n) => paint(answers[n], maths.frame(film, i, label.length),
        view === "classes" ? inColour : (k, r, c) => (label[r][c] === 255 ? VOID : k === label[r][c] ? DARK : WRONG)));
    }
    networks.forEach((one, n) => {
      answers[n].told.textContent = `mIoU ${one.mean_iou[i].toFixed(2)}${judged ? `, ${Math.round(100 * judged[n].accuracy)} % right` : ""}`;
    });
    const named = judged && [...new Set(judged.flatMap((one) => one.named))].sort((a, b) => a - b).map((k) => classes[k]);
    const saying = !judged ? "" : named.length === 1 ? `all say ${named[0]} everywhere` : named.length > 6 ? `they name ${named.length} classes` : `they name ${named.join(", ")}`;
    sentence.textContent = `After ${step} steps ${saying}.`;
    host.say(`${sentence.textContent} ${networks.map(({ name }, n) => `${name}: ${answers[n].told.textContent}`).join("; ")}.`);
    Object.assign(host.state, { step, scene, view, judged });
  });

  load(0);
  go(host.data.step ?? steps);
  host.onTheme(draw);
} });
