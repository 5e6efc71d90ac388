/* What the reader sees after the click: a picture (a sample, a file, pasted, from the camera, composed), the answer of a
 * network on it, and its controls. Two tabs, a network each. Loaded by segment.js; the networks run in worker.js.
 */
(() => {
"use strict";
const { el, unpacked, Stage, listing, PRIVATE } = window.segmentDemo;
const TABS = { photos: "Photographs", toyvoc: "Synthetic scenes" };
const MAX_BYTES = 50e6; // of a file
const MAX_PIXELS = 60e6; // of a picture: decoding takes four bytes each
const KEPT = 1024; // pixels of the longer side that are kept of a larger picture
const MAX_INPUT = 640 * 640; // pixels that the network gets at most: 84 bytes of logits each
const BACKENDS = { wasm: "WebAssembly, one thread", webgpu: "WebGPU" };

const percent = (share) => (share > 0 && share < 0.005 ? "< 1 %" : `${Math.round(100 * share)} %`);
const numbered = (n) => n.toLocaleString("en");

/** The networks in a worker, which computes by one of BACKENDS. */
class Engine {
  static async open(backend, onpart = () => {}) {
    const { base, [backend]: { files } } = listing.runtime;
    const get = async (name) => {
      if (!base) return unpacked(name, (share) => onpart(share / files.length));
      const response = await fetch(base + name).catch(() => null);
      if (!response?.ok) throw new Error(`The file ${name} could not be loaded.`);
      return new Uint8Array(await response.arrayBuffer());
    };
    const [library, glue, wasm] = await Promise.all(files.map(get));
    const engine = new Engine();
    Object.assign(engine, { waiting: new Map(), count: 0, networks: {} });
    const url = URL.createObjectURL(new Blob([`(${window.segmentDemo.worker})()`], { type: "text/javascript" }));
    engine.worker = new Worker(url);
    engine.worker.onmessage = ({ data }) => {
      const { resolve, reject } = engine.waiting.get(data.id);
      engine.waiting.delete(data.id);
      if (data.error) reject(new Error(data.error)); else resolve(data.answer);
    };
    engine.worker.onerror = () => {
      for (const { reject } of engine.waiting.values()) reject(new Error("The part that runs the network could not be started."));
    };
    await engine.call({ load: { library, glue, wasm, provider: backend } });
    return engine;
  }

  call(message, transfer = []) {
    return new Promise((resolve, reject) => {
      this.waiting.set(++this.count, { resolve, reject });
      this.worker.postMessage({ id: this.count, ...message }, transfer);
    });
  }

  /** Load the network of a tab, once. */
  async network(key, onpart) {
    if (this.networks[key]) return;
    const { file, mean, std } = listing.networks[key];
    const model = await unpacked(file, onpart);
    await this.call({ network: { key, model, mean, std } });
    this.networks[key] = true;
  }

  /** ImageData to what worker.js answers. */
  run(key, { width, height, data: pixels }) {
    return this.call({ run: { key, width, height, pixels } }, [pixels.buffer]);
  }
}

/** A packed picture, ready to be drawn. */
async function image(name) {
  const picture = new Image();
  picture.src = URL.createObjectURL(new Blob([await unpacked(name)]));
  await picture.decode().catch(() => { throw new Error(`The picture ${name} could not be shown.`); });
  return picture;
}

class App {
  constructor(host, engine) {
    Object.assign(this, { host, engine });
    this.backend = "wasm";
    this.size = Object.fromEntries(Object.entries(listing.networks).map(([key, { size }]) => [key, String(size)]));
    this.opacity = listing.networks.photos.classes.map((_, index) => (index ? 0.7 : 0));
    this.probed = [0.3, 0.45]; // across and down, in shares of the picture
  }

  get card() { return listing.networks[this.tab]; }

  // --- what is there

  build() {
    this.file = el("input", { type: "file", accept: "image/*", hidden: true, tabindex: -1, onchange: () => {
      if (this.file.files[0]) this.openFile(this.file.files[0]);
      this.file.value = "";
    } });
    this.picture = el("canvas.picture", { role: "img", "aria-label": "Your picture", hidden: true });
    const button = (text, onclick) => el("button", { type: "button", "aria-pressed": "false", onclick }, text);
    this.sources = {
      scene: button("Compose a scene", () => this.compose()),
      file: button("Open a picture…", () => this.file.click()),
      camera: button("Use the camera", () => this.openCamera()),
    };
    this.tabs = Object.entries(TABS).map(([key, text]) => Object.assign(button(text, () => this.turnTo(key)), { value: key }));
    this.samples = this.host.samples(listing.pictures.samples, (sample) => this.openSample(sample));
    this.answer = el("canvas", { "aria-hidden": "true" });
    this.cross = el("span.cross", { "aria-hidden": "true" });
    this.view = el("div.view", { tabindex: 0, role: "group", "aria-label": "The answer. Point at it, or move the mark with "
      + "the arrow keys, to read the probabilities at a pixel.", onpointermove: (e) => this.point(e),
    onpointerdown: (e) => this.point(e), onkeydown: (e) => this.step(e) }, this.answer, this.cross);
    this.probe = el("div.probe");
    this.facts = el("p.facts");
    const fields = el("div.fields", {},
      el("figure", {}, el("figcaption", {}, "Your picture"), this.stageNode = el("div"), this.picture, this.credit = el("p.note")),
      el("figure", {}, el("figcaption", {}, "What the network says"), this.view));
    const tabs = el("div.row.tabs", { role: "group", "aria-label": "Which network" }, ...this.tabs);
    this.sampleRow = el("div.row", { role: "group", "aria-label": "Samples" }, ...this.samples);
    const sources = el("div.row", { role: "group", "aria-label": "Where the picture comes from" },
      ...Object.values(this.sources), el("span.note", {}, "or drop one here, or paste one"), this.file);
    this.controls = el("div");
    const under = el("div.under", {}, this.controls, el("div.said", {}, this.facts, this.probe));
    this.perTab = el("div"); // legend, settings and card
    this.host.body.replaceChildren(tabs, this.sampleRow, sources, fields, under, this.perTab, el("p.note", {}, PRIVATE));
    document.addEventListener("paste", (event) => {
      const file = [...event.clipboardData?.files ?? []].find(({ type }) => type.startsWith("image/"));
      if (!file || !this.host.isConnected) return; // words are pasted elsewhere
      event.preventDefault();
      this.openFile(file);
    });
  }

  /** Show a tab and what it starts with; its network is loaded if it is not there. */
  async turnTo(tab, sample = listing.pictures.samples[0]) {
    if (this.turning) return;
    this.turning = true;
    this.host.say("");
    try {
      this.facts.textContent = "Loading…";
      await this.engine.network(tab);
      if (tab === "toyvoc" && !this.stage) {
        const changed = () => this.source === "scene" && this.request();
        this.stage = await Stage.open({ el, image, listing: listing.pictures, changed });
        this.stageNode.append(this.stage.node);
        this.controls.append(this.stage.controls);
      }
    } catch (error) {
      this.facts.textContent = "";
      this.host.say(`${error.message} You can try again.`);
      return;
    } finally {
      this.turning = false;
    }
    this.tab = tab;
    this.result = null;
    for (const button of this.tabs) button.setAttribute("aria-pressed", String(button.value === tab));
    this.sampleRow.hidden = tab !== "photos";
    this.sources.scene.hidden = tab !== "toyvoc";
    this.perTab.replaceChildren(this.legend(), this.settings(), el("p.note", {}, this.card.knows),
      ...(this.host.compact ? [] : [this.modelCard()]));
    if (tab === "toyvoc") this.compose(); else await this.openSample(sample);
  }

  /** A row for each class that was found: its colour, its name, its share of the picture, how strongly it is painted. */
  legend() {
    this.rows = this.card.classes.map((name, index) => {
      const share = el("output");
      const slider = el("input", { type: "range", min: 0, max: 100, "aria-label": `Opacity of ${name}`, oninput: () => {
        this.opacity[index] = slider.valueAsNumber / 100;
        slider.setAttribute("aria-valuetext", `${slider.value} %`);
        this.paint();
      } });
      slider.value = 100 * this.opacity[index];
      const node = el("div.class", { hidden: true }, this.swatch(index), el("span", {}, name), share, slider);
      return { node, share };
    });
    return el("div.legend", { role: "group", "aria-label": "Opacity of each class" }, ...this.rows.map(({ node }) => node));
  }

  swatch(index) { return el("span.swatch", { style: `background: rgb(${this.card.palette[index].join()})` }); }

  settings() {
    const { card } = this;
    const select = (label, options, value, onchange) => {
      const node = el("select", { onchange: () => onchange(node.value, node) },
        ...options.map(([key, text]) => el("option", { value: key, selected: key === value }, text)));
      return el("label", {}, label, " ", node);
    };
    const sizes = card.sizes.map((side) => [String(side), `${side} pixels`]);
    const size = select("Longer side of the input", [...sizes, ["all", "as it is"]], this.size[this.tab], (value) => {
      this.size[this.tab] = value;
      this.request();
    });
    const backends = Object.keys(BACKENDS).filter((key) => key === "wasm" || navigator.gpu);
    const choice = backends.length > 1 && !this.host.compact
      ? select("Computed by", backends.map((key) => [key, BACKENDS[key]]), this.backend, async (value, node) => { await this.switchTo(value); node.value = this.backend; }) : null;
    return el("div.row.settings", {}, size, choice);
  }

  modelCard() {
    const list = Object.entries(this.card.facts).flatMap(([term, text]) => [el("dt", {}, term), el("dd", {}, text)]);
    return el("details", {}, el("summary", {}, `Model card: ${this.card.name}`), el("dl", {}, ...list));
  }

  // --- where the picture comes from

  choose(source, sample = null) {
    this.stopCamera();
    this.host.say("");
    this.source = source;
    for (const [key, button] of Object.entries(this.sources)) button.setAttribute("aria-pressed", String(key === source));
    this.samples.forEach((button, i) => button.setAttribute("aria-pressed", String(listing.pictures.samples[i] === sample)));
    this.credit.textContent = sample ? `Photograph: ${sample.credit}.` : "";
    this.stageNode.hidden = this.controls.hidden = source !== "scene";
    this.picture.hidden = source === "scene";
  }

  compose() { this.choose("scene"); this.request(); }

  /** Take what can be drawn (an image, a video's frame) as the picture, shrunk if it is large. */
  take(drawable, width, height) {
    const scale = Math.min(1, KEPT / Math.max(width, height));
    this.picture.width = Math.max(1, Math.round(width * scale));
    this.picture.height = Math.max(1, Math.round(height * scale));
    const context = this.picture.getContext("2d", { willReadFrequently: true });
    context.fillStyle = "#fff"; // below what is transparent
    context.fillRect(0, 0, this.picture.width, this.picture.height);
    context.imageSmoothingQuality = "high";
    context.drawImage(drawable, 0, 0, this.picture.width, this.picture.height);
    this.request();
    return scale < 1;
  }

  async openSample(sample) {
    try {
      sample.image ??= await image(sample.file);
      this.choose("sample", sample);
      this.take(sample.image, sample.image.naturalWidth, sample.image.naturalHeight);
    } catch (error) {
      this.host.say(error.message);
    }
  }

  async openFile(file) {
    const name = file.name || "This file";
    this.host.say("");
    if (file.size > MAX_BYTES) {
      this.host.say(`${name} has ${numbered(Math.round(file.size / 1e6))} MB; at most ${MAX_BYTES / 1e6} MB are opened here.`);
      return;
    }
    const image = new Image();
    image.src = URL.createObjectURL(file);
    try {
      await new Promise((resolve, reject) => { image.onload = resolve; image.onerror = reject; });
      const { naturalWidth: width, naturalHeight: height } = image;
      if (!width || !height) throw new Error("it has no size");
      if (width * height > MAX_PIXELS) {
        this.host.say(`${name} has ${numbered(width)} x ${numbered(height)} pixels, ${Math.round(width * height / 1e6)} million; `
          + `at most ${MAX_PIXELS / 1e6} million are opened here. Shrink it first.`);
        return;
      }
      await image.decode();
      this.choose("file");
      if (this.take(image, width, height)) {
        this.host.say(`${name} was shrunk from ${numbered(width)} x ${numbered(height)} to ${this.picture.width} x ${this.picture.height} pixels.`);
      }
    } catch {
      this.host.say(`${name} is not an image that this browser can read. Take a PNG, JPEG or WebP file.`);
    } finally {
      URL.revokeObjectURL(image.src);
    }
  }

  async openCamera() {
    if (this.stream) { this.stopCamera(); return; } // the last frame stays
    if (!navigator.mediaDevices?.getUserMedia) {
      this.host.say("The browser gives no camera to this page: it needs https, or localhost.");
      return;
    }
    try {
      const wanted = { audio: false, video: { width: { ideal: 640 }, facingMode: "environment" } };
      const stream = await navigator.mediaDevices.getUserMedia(wanted);
      this.choose("camera");
      this.stream = stream;
      this.sources.camera.textContent = "Stop the camera";
      const video = Object.assign(document.createElement("video"), { srcObject: stream, muted: true, playsInline: true });
      await video.play();
      const frame = () => {
        if (this.stream !== stream) return;
        if (!this.host.isConnected) { this.stopCamera(); return; }
        if (video.videoWidth && !this.busy) this.take(video, video.videoWidth, video.videoHeight);
        requestAnimationFrame(frame);
      };
      frame();
    } catch (error) {
      this.stopCamera();
      const reasons = { NotAllowedError: "The camera may not be used: the browser or you refused it.",
        NotFoundError: "There is no camera on this device.", NotReadableError: "The camera is in use by another program." };
      this.host.say(`${reasons[error.name] ?? "The camera could not be started."} A file works as well.`);
    }
  }

  stopCamera() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.sources.camera.textContent = "Use the camera";
  }

  // --- the answer

  /** Height and width of what the network gets of a picture. */
  inputSize(width, height) {
    const size = this.size[this.tab];
    const factor = size === "all" ? 1 : Number(size) / Math.max(width, height);
    const limit = Math.sqrt(MAX_INPUT / (width * height));
    const scale = Math.min(factor, limit);
    return [Math.max(1, Math.round(height * scale)), Math.max(1, Math.round(width * scale)), scale < factor];
  }

  /** Segment the picture as it is now; calls that come while the network is busy become one. */
  async request() {
    this.wanted = true;
    if (this.busy) return;
    this.busy = true;
    while (this.wanted) {
      this.wanted = false;
      const source = this.source === "scene" ? this.stage.scene() : this.picture;
      const [height, width, limited] = this.inputSize(source.width, source.height);
      this.input ??= document.createElement("canvas");
      Object.assign(this.input, { width, height });
      const context = this.input.getContext("2d", { willReadFrequently: true });
      context.imageSmoothingQuality = "high";
      context.imageSmoothingEnabled = width !== source.width || height !== source.height;
      context.drawImage(source, 0, 0, width, height);
      try {
        const result = await this.engine.run(this.tab, context.getImageData(0, 0, width, height));
        if (result.key !== this.tab) { this.wanted = true; continue; } // the tab was turned meanwhile
        this.result = result;
        this.shown = source;
        this.limited = limited;
        this.show();
      } catch (error) {
        this.host.say(`The network stopped: ${error.message}`);
      }
    }
    this.busy = false;
  }

  show() {
    const { width, height, label, milliseconds } = this.result;
    this.host.result = this.result;
    const counts = new Float64Array(this.card.classes.length);
    for (const index of label) counts[index]++;
    const shares = this.card.classes.map((name, index) => [name, counts[index] / label.length]).filter(([, share]) => share);
    this.rows.forEach(({ node, share }, index) => {
      node.hidden = !counts[index] && !node.matches(":focus-within");
      share.textContent = percent(counts[index] / label.length);
    });
    const said = shares.sort((a, b) => b[1] - a[1]).map(([name, share]) => `${name} ${percent(share)}`).join(", ");
    const sees = counts[0] === label.length ? "nothing that it knows, all background" : said;
    const size = `${width} x ${height} pixels in ${Math.max(1, Math.round(milliseconds))} ms (${BACKENDS[this.backend]})`;
    this.facts.replaceChildren(el("strong", {}, `It sees ${sees}.`),
      ` ${size}${this.limited ? "; larger inputs are cut down to this" : ""}.`);
    this.paint();
    this.read();
    clearTimeout(this.saying);
    this.saying = setTimeout(() => { this.host.spoken.textContent = `The network sees ${sees}.`; }, 700);
  }

  /** The picture, and over it the classes in their colours, pixel by pixel as the network gave them. */
  paint() {
    if (!this.result) return;
    const { width, height, label } = this.result;
    const { width: w, height: h } = this.shown;
    const mask = new ImageData(width, height);
    const colours = this.card.palette.map(([r, g, b], i) => (Math.round(255 * this.opacity[i]) << 24 | b << 16 | g << 8 | r) >>> 0);
    const pixels = new Uint32Array(mask.data.buffer);
    for (let i = 0; i < label.length; i++) pixels[i] = colours[label[i]];
    this.mask ??= document.createElement("canvas");
    Object.assign(this.mask, { width, height });
    this.mask.getContext("2d").putImageData(mask, 0, 0);
    Object.assign(this.answer, { width: w, height: h });
    this.view.style.maxWidth = this.picture.style.maxWidth = `${26 * w / h}rem`; // no picture higher than a screen
    const context = this.answer.getContext("2d");
    context.drawImage(this.shown, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(this.mask, 0, 0, w, h);
  }

  point(event) {
    const box = this.answer.getBoundingClientRect();
    this.probeAt((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }

  step(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (!move || !this.result) return;
    event.preventDefault();
    const by = event.shiftKey ? 10 : 1;
    this.probeAt(this.probed[0] + by * move[0] / this.result.width, this.probed[1] + by * move[1] / this.result.height);
    clearTimeout(this.saying);
    this.saying = setTimeout(() => { this.host.spoken.textContent = this.probe.textContent; }, 300);
  }

  probeAt(x, y) {
    this.probed = [x, y].map((share) => Math.min(0.9999, Math.max(0, share)));
    this.read();
  }

  /** The softmax of the logits at the marked pixel: the three likeliest classes. */
  read() {
    if (!this.result) return;
    const { width, height, logits } = this.result;
    const [x, y] = [Math.floor(this.probed[0] * width), Math.floor(this.probed[1] * height)];
    const at = this.card.classes.map((_, c) => logits[(c * height + y) * width + x]);
    const largest = Math.max(...at), sum = at.reduce((total, z) => total + Math.exp(z - largest), 0);
    const found = at.map((z, c) => ({ c, p: Math.exp(z - largest) / sum })).sort((a, b) => b.p - a.p).slice(0, 3);
    this.host.probabilities = found.map(({ c, p }) => [this.card.classes[c], p]);
    this.cross.style.left = `${100 * (x + 0.5) / width}%`;
    this.cross.style.top = `${100 * (y + 0.5) / height}%`;
    this.probe.replaceChildren(el("p", {}, `Row ${y}, column ${x}: `), ...found.map(({ c, p }) => el("div.bar", {},
      this.swatch(c), el("span", {}, this.card.classes[c]),
      el("span.track", { "aria-hidden": "true" }, el("span.fill", { style: `width: ${100 * p}%` })),
      el("output", {}, `${(100 * p).toFixed(1)} % `))));
  }

  async switchTo(backend) {
    this.facts.textContent = `Loading ${(listing.runtime[backend].bytes / 1e6).toFixed(1)} MB…`;
    try {
      if (backend === "webgpu" && !(await navigator.gpu.requestAdapter())) throw new Error("no adapter"); // before loading
      const engine = await Engine.open(backend);
      await Promise.all(Object.keys(this.engine.networks).map((key) => engine.network(key)));
      const before = this.engine;
      this.engine = engine;
      this.backend = backend;
      if (!this.busy) before.worker.terminate();
    } catch {
      this.host.say(`${BACKENDS[backend]} could not be started here, so ${BACKENDS[this.backend]} goes on.`);
    }
    this.request();
  }
}

/** Load everything, then show it in the host element with a sample. Throws with a sentence if something is missing. */
window.segmentDemo.open = async (host, sample, progress) => {
  let share = 0;
  const half = (part) => progress(share += part / 2);
  const engine = await Engine.open("wasm", half);
  await engine.network("photos", half);
  const app = new App(host, engine);
  app.build();
  await app.turnTo("photos", sample);
  return app;
};
})();
