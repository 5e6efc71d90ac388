/* One transposed convolution, seen three ways at once: stamps on a canvas, zeros inserted and a flipped kernel, a
 * matrix transposed. Settings S are {n, k, stride, padding, output_padding, dilation, flat}; flat means one dimension.
 */
const maths = (() => {
  const make = (rows, columns, value) =>
    Array.from({ length: rows }, (_, r) => Array.from({ length: columns }, (_, c) => value(r, c)));

  /** Rows and columns: what one axis of these settings amounts to. A flat input has one row and a kernel of one row. */
  function axes(S) {
    const axis = (n, k, s, p, o, d) => {
      const reach = d * (k - 1), full = (n - 1) * s + reach + 1; // cells of the canvas before it is cut
      return { n, k, s, p, o, d, reach, full, m: full - 2 * p + o, rim: reach - p };
    };
    const along = axis(S.n, S.k, S.stride, S.padding, S.output_padding, S.dilation);
    return [S.flat ? axis(1, 1, 1, 0, 0, 1) : along, along];
  }

  /** Why these settings give no output, in one sentence; null if they do. */
  function problem(S) {
    const { m, s, d, o, p, full } = axes(S)[1];
    if (o >= Math.max(s, d)) {
      return `PyTorch refuses output_padding ${o}: it must be smaller than the stride or the dilation, which are ${s} and ${d}.`;
    }
    return m > 0 ? null : `Padding ${p} on both sides leaves nothing of a canvas of ${full}: use less padding, a larger input or a larger kernel.`;
  }

  /** What lands on output (a, b): input (i, j) through weight (u, v), in the order of the inputs. */
  function terms(a, b, S) {
    const [A, B] = axes(S);
    const meet = (at, { n, k, s, p, d }) => {
      const found = [];
      for (let i = 0; i < n; i++) {
        const rest = at + p - i * s;
        if (rest >= 0 && rest % d === 0 && rest / d < k) found.push([i, rest / d]);
      }
      return found;
    };
    const across = meet(b, B);
    return meet(a, A).flatMap(([i, u]) => across.map(([j, v]) => ({ i, j, u, v, index: i * B.n + j })));
  }

  const total = (found, x, w) => found.reduce((sum, { i, j, u, v }) => sum + x[i][j] * w[u][v], 0);

  function output(x, w, S) {
    const [A, B] = axes(S);
    return make(A.m, B.m, (a, b) => total(terms(a, b, S), x, w));
  }

  /** The input with zeros between and around its cells, as [i, j] of the input or null for a zero. A rim below 0 cuts. */
  function spread(S) {
    const [A, B] = axes(S);
    const source = (at, { n, s, rim }) => (at >= rim && (at - rim) % s === 0 && (at - rim) / s < n ? (at - rim) / s : -1);
    return make(A.m + A.reach, B.m + B.reach, (r, c) => {
      const i = source(r, A), j = source(c, B);
      return i < 0 || j < 0 ? null : [i, j];
    });
  }

  const flip = (w) => w.map((row) => [...row].reverse()).reverse();

  /** M, the matrix of the convolution that is transposed: a row for each input of ours, a column for each output; null = no weight. */
  function matrix(w, S) {
    const [A, B] = axes(S), C = make(A.n * B.n, A.m * B.m, () => null);
    make(A.m, B.m, (a, b) => terms(a, b, S).forEach(({ index, u, v }) => { C[index][a * B.m + b] = w[u][v]; }));
    return C;
  }

  /** Sizes that a convolution with these settings makes equal, each with the output_padding that brings it back. */
  function family(S) {
    const { m, o, s } = axes(S)[1];
    return Array.from({ length: s }, (_, extra) => ({ size: m - o + extra, extra })).filter(({ size }) => size > 0);
  }

  return { make, axes, problem, terms, total, output, spread, flip, matrix, family };
})();

function start(host) {
  const { el, number, button } = kit, { axes, make, total } = maths;
  const MOST = 5, EDGE = 2; // cells a side; room for the outline of a cell at the border
  const DEFAULTS = { stride: 1, padding: 0, output_padding: 0, dilation: 1 };
  const S = { n: 2, k: 2, flat: false, ...DEFAULTS };
  const cases = host.data.cases || [{ name: "2 × 2", input: [[0, 1], [2, 3]], kernel: [[0, 1], [2, 3]] }];
  // Both boards are kept at their largest size, so that growing one shows numbers and shrinking loses none.
  const board = { x: make(MOST, MOST, (r, c) => (2 * r + c) % 5), w: make(MOST, MOST, (r, c) => 1 + ((r + c) % 3)) };
  const chosen = { on: "x", x: [0, 0], w: [0, 0] };
  let probe = [0, 0], stamps = 0, active = null, view = "all", width = 0, A, B, x, w, y;

  const hue = (index) => `s${index % 6}`;
  const letter = (i) => "abcdefghijklmnopqrstuvwxyz"[i];
  const clamp = (value, count) => Math.max(0, Math.min(count - 1, value));
  const fit = (room, cells, most) => { const u = Math.min(most, room / cells); return u > 6 ? Math.floor(u) : u; };
  const side = (rows, columns) => (S.flat ? columns : `${rows} × ${columns}`);
  const corner = () => [Math.floor((stamps - 1) / B.n), (stamps - 1) % B.n]; // the input that stamped last

  function change(which, [r, c], value) {
    board[which][r][c] = Math.max(-9, Math.min(9, value));
    active = null;
    refresh();
  }

  function editable(which, name) {
    const size = () => (which === "x" ? [A.n, B.n] : [A.k, B.k]);
    return kit.sheet(host, `${name}: arrow keys choose a cell; a digit, plus or minus changes it`, {
      plan() {
        const [rows, columns] = size(), u = fit(Math.min(width, 380) - 30, B.n + B.k, 40), found = maths.terms(...probe, S);
        const frames = [{ at: chosen[which], colour: "accent", line: 2, dash: [4, 3] }];
        if (which === "x" && stamps) frames.push({ at: corner(), colour: hue(stamps - 1) });
        return { width: Math.max(columns * u, 74) + 2 * EDGE, height: rows * u + 24, grids: [{
          x: EDGE, y: 22, u, rows, columns, title: name, frames,
          cell(r, c) {
            const at = found.findIndex((t) => (which === "x" ? t.i === r && t.j === c : t.u === r && t.v === c));
            const index = which === "x" ? r * B.n + c : at < 0 ? -1 : found[at].index;
            return { text: number(board[which][r][c]), fills: index < 0 ? [] : [[hue(index), at < 0 ? 0.16 : 0.4]], tag: letter(at) };
          },
          press(r, c) {
            const value = Math.floor(board[which][r][c]) + 1;
            chosen.on = which; chosen[which] = [r, c];
            change(which, [r, c], value > 9 ? 0 : value);
          },
        }] };
      },
      key(step, key) {
        const [rows, columns] = size(), at = chosen[which], value = board[which][at[0]][at[1]];
        chosen.on = which;
        if (step) { chosen[which] = [clamp(at[0] + step[0], rows), clamp(at[1] + step[1], columns)]; refresh(); }
        else if (/^[0-9]$/.test(key)) change(which, at, Number(key));
        else if (key === "-") change(which, at, -value);
        else if (["+", "=", "Enter", " "].includes(key)) change(which, at, value + 1);
        else if (key === "Backspace" || key === "Delete") change(which, at, 0);
        else return false;
        const [r, c] = chosen[which];
        host.say(`${name} row ${r}, column ${c}: ${number(board[which][r][c])}`);
        return true;
      },
    });
  }

  function point(a, b) {
    const to = [clamp(a, A.m), clamp(b, B.m)];
    if (String(to) === String(probe)) return;
    probe = to;
    refresh();
    host.say(`${nameOf(to)}: ${number(y[to[0]][to[1]], 4)}`);
  }
  const walk = (step) => { if (step) point(probe[0] + step[0], probe[1] + step[1]); return Boolean(step); };

  const views = {
    stamps: kit.sheet(host, "Canvas of the stamps: arrow keys choose an output cell", { key: walk, plan(room) {
      const [rows, columns] = [A, B].map(({ full, p, m }) => Math.max(full, p + m)), u = fit(room - 2 * EDGE, columns, view === "all" ? 40 : 56);
      const alpha = Math.min(0.32, 1 - 0.4 ** (1 / Math.ceil(A.k / A.s) / Math.ceil(B.k / B.s)));
      const frames = [{ at: [A.p, B.p], of: [A.m, B.m], colour: "accent" }];
      if (stamps) frames.push({ at: [corner()[0] * A.s, corner()[1] * B.s], of: [A.reach + 1, B.reach + 1], colour: hue(stamps - 1), line: 3.5 });
      frames.push({ at: [A.p + probe[0], B.p + probe[1]], colour: "ink" });
      return { width: Math.max(columns * u, 100) + 2 * EDGE, height: rows * u + 24, grids: [{ x: EDGE, y: 22, u, rows, columns, frames,
        title: `canvas ${side(A.full, B.full)}${columns * u > 185 ? `, output ${side(A.m, B.m)}` : ""}`,
        cell(r, c) {
          const a = r - A.p, b = c - B.p, kept = a >= 0 && a < A.m && b >= 0 && b < B.m;
          const done = maths.terms(a, b, S).filter(({ index }) => index < stamps);
          return { text: number(total(done, x, w)), muted: !kept || !done.length,
            fills: r < A.full && c < B.full ? done.map(({ index }) => [hue(index), kept ? alpha : alpha / 4]) : [["surface", 1]] };
        },
        point: (r, c) => { if (r >= A.p && r < A.p + A.m && c >= B.p && c < B.p + B.m) point(r - A.p, c - B.p); },
      }] };
    } }),

    zeros: kit.sheet(host, "Input with zeros inserted: arrow keys move the flipped kernel", { key: walk, plan(room) {
      const wide = maths.spread(S), rows = wide.length, columns = wide[0].length, u = fit(room - 2 * EDGE, columns, 36);
      const flipped = maths.flip(w), found = maths.terms(...probe, S), below = 22 + rows * u + 30;
      const across = Math.max(110, Math.min(room * 0.4, B.k * 30 + 24)), small = fit(across - 16, B.k, 30), unit = fit(room - across - 2 * EDGE, B.m, 30);
      return { width: Math.max(columns * u, across + B.m * unit) + 2 * EDGE, height: below + Math.max(A.k * small, A.m * unit) + EDGE, grids: [
        { x: EDGE, y: 22, u, rows, columns, title: columns * u > 290 ? "zeros inserted; the window of the output" : "zeros inserted",
          frames: [{ at: probe, of: [A.reach + 1, B.reach + 1], colour: "ink" }],
          cell(r, c) {
            const at = wide[r][c], dr = r - probe[0], dc = c - probe[1];
            const tap = dr >= 0 && dc >= 0 && dr <= A.reach && dc <= B.reach && dr % A.d === 0 && dc % B.d === 0;
            const rim = r < A.rim || c < B.rim || r >= rows - A.rim - A.o || c >= columns - B.rim - B.o;
            return { text: at ? number(x[at[0]][at[1]]) : "0", muted: !at, fills: at ? [[hue(at[0] * B.n + at[1]), tap ? 0.45 : 0.2]] : rim ? [["surface", 1]] : [],
              low: tap && `×${number(flipped[dr / A.d][dc / B.d])}` };
          },
          point: (r, c) => point(r - (A.reach >> 1), c - (B.reach >> 1)) },
        { x: EDGE, y: below, u: small, rows: A.k, columns: B.k, title: "flipped kernel", cell(r, c) {
          const at = found.find(({ u, v }) => u === A.k - 1 - r && v === B.k - 1 - c);
          return { text: number(flipped[r][c]), fills: at && [[hue(at.index), 0.4]] };
        } },
        { x: EDGE + across, y: below, u: unit, rows: A.m, columns: B.m, title: "output", frames: [{ at: probe, colour: "ink" }],
          cell: (r, c) => ({ text: number(y[r][c]) }), point },
      ] };
    } }),

    matrix: kit.sheet(host, "Matrix and transpose: up and down choose an output, left and right an input", {
      key(step) {
        if (step && step[0]) go(clamp(probe[0] * B.m + probe[1] + step[0], A.m * B.m));
        else if (step) stampAt(clamp(stamps - 1 + step[1], A.n * B.n) + 1);
        return Boolean(step);
      },
      plan(room) {
        const C = maths.matrix(w, S), N = A.n * B.n, M = A.m * B.m, u = fit(room - 20 - 2 * EDGE, M + N + 1.4, 28);
        const right = EDGE + M * u + 20, down = 26 + 1.4 * u, here = probe[0] * B.m + probe[1], now = stamps - 1, line = u > 9 ? 3 : 2;
        if (M + N > 180) return { width: room, height: 30, grids: [{ x: EDGE, y: 22, u: 0, rows: 0, columns: 0, title: `M is ${N} × ${M}: too fine to draw` }] };
        const cell = (i, o) => C[i][o] !== null && { text: number(C[i][o]), fills: [[hue(i), 0.4]] };
        const output = { colour: "ink", line }, input = (at, of) => (now < 0 ? [] : [{ at, of, colour: hue(now), line }]);
        const grids = [
          { x: EDGE, y: down, u, rows: N, columns: M, title: "M", cell, point: (i, o) => go(o), press: (i) => stampAt(i + 1),
            frames: [{ at: [0, here], of: [N, 1], ...output }, ...input([now, 0], [1, M])] },
          { x: right, y: down, u, rows: M, columns: N, cell: (o, i) => cell(i, o), point: go, press: (o, i) => stampAt(i + 1),
            frames: [...input([0, now], [M, 1]), { at: [here, 0], of: [1, N], ...output }] },
          { x: right, y: 22, u, rows: 1, columns: N, title: N * u > 70 ? "Mᵀ below x" : "Mᵀ, x", cell: (_, i) => ({ text: number(x.flat()[i]), fills: [[hue(i), 0.16]] }) },
          { x: right + (N + 0.4) * u, y: down, u, rows: M, columns: 1, title: "z", cell: (o) => ({ text: number(y.flat()[o]) }),
            frames: [{ at: [here, 0], ...output }], point: go },
        ];
        const folded = Math.min(fit(M * u, B.m, 26), fit((M - N) * u - 30, A.m, 26));
        if (now >= 0 && !S.flat && folded > 5) {
          grids.push({ x: EDGE, y: down + N * u + 30, u: folded, rows: A.m, columns: B.m, title: M * u > 130 ? `row ${now} of M, folded` : `row ${now}`,
            frames: [{ at: probe, ...output }], cell: (r, c) => cell(now, r * B.m + c), point });
        }
        return { width: right + (N + 1.4) * u + EDGE, height: down + Math.max(M, N) * u + EDGE, grids };
      },
    }),
  };

  const go = (o) => point(Math.floor(o / B.m), o % B.m);
  const stampAt = (i) => { player.set(i); stamps = i; refresh(); };
  const boards = { x: editable("x", "Input x"), w: editable("w", "Kernel K") };
  const player = kit.player({ label: "Stamps", count: 5, interval: 700, show: (i) => (A ? `${i} of ${A.n * B.n}` : ""),
    onstep(i) { stamps = i; refresh(); host.say(stampWords()); } });

  const sliders = {};
  for (const [name, label, min, max] of [["n", "input size n", 1, MOST], ["k", "kernel k", 1, MOST], ["stride", "stride s", 1, 4],
    ["padding", "padding p", 0, 6], ["output_padding", "output_padding o", 0, 3], ["dilation", "dilation d", 1, 3]]) {
    sliders[name] = kit.slider({ label, min, max, value: S[name], oninput(value) { S[name] = value; changed(); } });
  }
  const flat = kit.choice({ label: "Dimensions", options: [["2", "2-D"], ["1", "1-D"]], value: "2", oninput(value) { S.flat = value === "1"; changed(); } });
  const viewChoice = kit.choice({ label: "View", options: [["all", "All three"], ["stamps", "Stamps"], ["zeros", "Zeros inserted"], ["matrix", "Matrix"]],
    value: view, oninput(value) { view = value; width = 0; refresh(); } });
  const nudge = (text, by, title) => button(text, () => {
    const [r, c] = chosen[chosen.on];
    change(chosen.on, [r, c], board[chosen.on][r][c] + by);
  }, title);

  const edited = el("span"), stampLine = el("p"), sum = el("p.sum"), size = el("p.size"), call = el("code"), torch = el("span");
  const trouble = el("p.bad", { role: "alert" }), chips = el("div.presets", { role: "group", "aria-label": "Sizes that a convolution makes equal" }), remainder = el("p.note");
  const panels = Object.entries(views).map(([name, { node }]) => el(`div.${name}`, {}, node));
  const stage = el("div.views", {}, panels), settings = el("div.settings", {}, Object.values(sliders).map(({ node }) => node), flat.node);
  const top = el("div.top", {}, el("div", {}, el("div.boards", {}, boards.x.node, boards.w.node),
    el("p.edit", {}, edited, nudge("−1", -1, "Take one from the chosen cell"), " ", nudge("+1", 1, "Add one to the chosen cell"))));
  const picture = el("div", {}, viewChoice.node, player.node, trouble, stampLine, sum, stage);
  const sizes = el("div", {}, size, chips, remainder);
  host.root.append(kit.presets(cases.map((one) => [one.name, () => load(one)])), top, picture, sizes, el("p", {}, call, " ", torch));

  host.css = `
    .top { display: flex; flex-wrap: wrap; gap: .6rem 1.6rem; } .boards { display: flex; gap: 22px; align-items: flex-start; }
    .settings { flex: 1 1 17rem; display: grid; grid-template-columns: repeat(auto-fill, minmax(7.6rem, 1fr)); gap: .3rem 1rem; align-content: start; }
    .settings .control { min-width: 0; } .views { display: flex; flex-wrap: wrap; gap: 14px 24px; margin-block: .4rem; }
    canvas { cursor: crosshair; } .boards canvas { cursor: pointer; } canvas:focus-visible { outline-offset: 0; }
    .top + div { margin-block-start: .7rem; } p { margin: .35rem 0; } .edit, .size { font-size: .87rem; } .edit span { display: inline-block; min-width: 13.6em; margin-inline-end: .6em; }
    .sum, .size { font-variant-numeric: tabular-nums; } .term { display: inline-block; border-block-end: 3px solid; }
    .term i { font-size: .8em; color: var(--muted); } .later { border-block-end-style: dotted; color: var(--muted); }
    code { font-size: .87rem; background: var(--surface); padding: .1rem .3rem; border-radius: 3px; overflow-wrap: anywhere; }`;

  const where = (r, c) => (S.flat ? `cell ${c}` : `row ${r}, column ${c}`);
  const nameOf = ([a, b]) => (S.flat ? `z[${b}]` : `z[${a}, ${b}]`);
  const factor = (value) => (value < 0 ? `(${number(value)})` : number(value));

  const rounded = (values) => JSON.stringify(values.map((row) => row.map((value) => Number(value.toFixed(4)))));

  function stampWords() {
    if (!stamps) return "No stamp yet: the canvas is empty.";
    const [i, j] = corner();
    return `Stamp ${stamps} of ${A.n * B.n}: ${number(x[i][j])} times the kernel, its first weight on ${where(i * A.s, j * B.s)} of the canvas.${
      B.o > B.p ? " What output_padding keeps past the canvas (grey) is zero." : ""}`;
  }

  /** The sum behind the chosen output: stamps that are still to come stand in it, but do not count yet. */
  function writeSum() {
    const found = maths.terms(...probe, S), done = found.filter(({ index }) => index < stamps), rest = found.length - done.length;
    const pieces = found.flatMap((t, i) => [i ? " + " : "", el(t.index < stamps ? "span.term" : "span.term.later",
      { style: `border-color: var(--${hue(t.index)})` }, el("i", {}, `${letter(i)} `), `${factor(x[t.i][t.j])}·${factor(w[t.u][t.v])}`)]);
    sum.replaceChildren(el("strong", {}, `${nameOf(probe)} = `), ...pieces, found.length ? " = " : "", el("strong", {}, number(total(done, x, w), 4)),
      rest ? ` so far; ${rest} of ${found.length} still to come` : found.length ? "" : ": no stamp reaches this cell");
    // As high as the longest sum, so that nothing below jumps while the pointer moves.
    const most = Math.min(A.n, Math.ceil(A.k / A.s)) * Math.min(B.n, Math.ceil(B.k / B.s));
    sum.style.minHeight = `${Math.ceil((120 + 58 * most) / width) * 1.65}em`;
    host.state.sum = sum.textContent;
  }

  function writeSize(bad) {
    const { n, k, s, p, o, d, reach, m } = B, back = n + Math.floor(o / s), q = o % s; // since m + 2p = (n − 1)s + d(k − 1) + 1 + o
    size.replaceChildren("Output size (n − 1)·s + d·(k − 1) + 1 − 2p + o = ", el("strong", {}, `(${n} − 1)·${s} + ${d}·(${k} − 1) + 1 − 2·${p} + ${o} = ${number(m)}`));
    chips.hidden = remainder.hidden = call.parentNode.hidden = bad;
    host.state.agrees = null;
    if (bad) return;
    chips.replaceChildren(`A convolution with these settings makes ${n} of:`, ...maths.family(S).map(({ size, extra }) => {
      const chip = button(extra ? `${size} ✗ needs output_padding ${extra}` : `${size} ✓ comes back`, () => { sliders.output_padding.set(extra); S.output_padding = extra; changed(); });
      chip.setAttribute("aria-pressed", extra === o);
      return chip;
    }));
    remainder.textContent = back !== n
      ? `Of these ${m} cells it would make ${back}, not ${n}: PyTorch allows this output_padding only because the dilation exceeds the stride.`
      : `Remainder (m + 2p − d·(k − 1) − 1) mod s = (${m} + ${2 * p} − ${reach} − 1) mod ${s} = ${q}: ${q
        ? "the convolution drops it, output_padding puts it back." : "nothing is dropped, so this size comes back by itself."}`;
    call.textContent = `F.conv_transpose${S.flat ? 1 : 2}d(x, K${Object.keys(DEFAULTS).filter((key) => S[key] !== DEFAULTS[key]).map((key) => `, ${key}=${S[key]}`).join("")})`;
    const theirs = active && active.output;
    const same = theirs && rounded(theirs) === rounded(y);
    host.state.agrees = theirs ? same : null;
    torch.textContent = !theirs ? "" : same ? `✓ PyTorch returned the same ${A.m * B.m} numbers.` : "✗ PyTorch returned other numbers.";
    torch.className = same === false ? "bad" : "";
  }

  function load(one) {
    for (const key in DEFAULTS) S[key] = one[key] ?? DEFAULTS[key];
    Object.assign(S, { n: one.input[0].length, k: one.kernel[0].length, flat: one.input.length === 1 });
    for (const [key, values] of [["x", one.input], ["w", one.kernel]]) values.forEach((row, r) => row.forEach((value, c) => { board[key][r][c] = value; }));
    for (const key in sliders) sliders[key].set(S[key]);
    flat.set(S.flat ? "1" : "2");
    changed();
    active = one;
    probe = one.probe || probe;
    stampAt(one.stamps ?? stamps);
    host.say(`${one.name}: output ${side(A.m, B.m)}`);
  }

  /** After new settings every stamp is made again, and what was chosen stays inside. */
  function changed() {
    active = null;
    [A, B] = axes(S);
    player.recount(A.n * B.n + 1);
    for (const [key, rows, columns] of [["x", A.n, B.n], ["w", A.k, B.k]]) chosen[key] = [clamp(chosen[key][0], rows), clamp(chosen[key][1], columns)];
    probe = [(A.m - 1) >> 1, (B.m - 1) >> 1];
    stampAt(A.n * B.n);
    host.say(maths.problem(S) || `Output ${side(A.m, B.m)}`);
  }

  /** Side by side where there is room; on a phone one view at a time, the picture before the sliders. */
  function layOut() {
    if (host.clientWidth === width) return;
    width = host.clientWidth;
    const wide = width >= 600;
    if (wide) top.append(settings); else picture.after(settings);
    viewChoice.node.querySelector("span").hidden = !wide;
    if (!wide && view === "all") viewChoice.set(view = "stamps");
    panels.forEach((panel) => { panel.hidden = view !== "all" && panel.className !== view; });
  }

  function draw() {
    layOut();
    if (!width) return; // not on the page yet, or inside something closed
    const bad = maths.problem(S), [r, c] = chosen[chosen.on];
    trouble.textContent = bad || "";
    // What cannot be is not drawn; its place stays, so that the slider does not jump away from under the finger.
    stage.style.visibility = player.node.style.visibility = bad ? "hidden" : "";
    stampLine.hidden = Boolean(bad);
    if (bad) sum.textContent = "";
    x = make(A.n, B.n, (i, j) => board.x[i][j]);
    w = make(A.k, B.k, (u, v) => board.w[u][v]);
    y = bad ? null : maths.output(x, w, S);
    edited.textContent = `Chosen: ${chosen.on === "x" ? "input" : "kernel"} ${where(r, c)}`;
    boards.x.draw();
    boards.w.draw();
    writeSize(Boolean(bad));
    Object.assign(host.state, { settings: { ...S }, problem: bad, output: y, probe: [...probe], stamps, view });
    if (bad) return;
    const share = B.full < 8 ? { stamps: 0.26, zeros: 0.31, matrix: 0.43 } : { stamps: 0.45, zeros: 0.5, matrix: A.m * B.m > 30 ? 0.6 : 1 };
    for (const name in views) if (view === "all" || view === name) views[name].draw(view === "all" ? (width - 50) * share[name] : width);
    stampLine.textContent = stampWords();
    writeSum();
  }
  const refresh = kit.frame(draw);

  load(cases[0]);
  host.onTheme(draw);
  new ResizeObserver(() => { if (host.clientWidth !== width) refresh(); }).observe(host);
}

kit.define({ maths, start });
