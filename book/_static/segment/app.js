/* What the reader sees after the click: a picture (composed, a sample, a file, the camera), the answer of the network
 * on it, and its controls. Loaded by segment.js; the network itself runs in worker.js.
 */
import { Stage } from "./stage.js";

const ROWS = [48, 96, 192, 256, 384]; // choices of the input's size; 96 is that of the training
const MAX_BYTES = 50e6; // of a file
const MAX_PIXELS = 60e6; // of a picture: decoding takes four bytes each
const KEPT = 1024; // pixels of the longer side that are kept of a larger picture
const MAX_INPUT = 640 * 640; // pixels that the network gets at most: 84 bytes of logits each
const BACKENDS = { wasm: "WebAssembly, one thread", webgpu: "WebGPU" };

const percent = (share) => (share > 0 && share < 0.005 ? "< 1 %" : `${Math.round(100 * share)} %`);
const numbered = (n) => n.toLocaleString("en");

/** The network in a worker: `run` takes ImageData and resolves to {width, height, label, logits, milliseconds}. */
class Network {
  static async open(tools, card, backend) {
    const { runtime, STATIC, HERE, onprogress } = tools;
    const { files, bytes } = runtime[backend];
    const network = new Network();
    network.worker = new Worker(`${HERE}worker.js`);
    await new Promise((resolve, reject) => {
      network.worker.onerror = () => reject(new Error("The part that runs the network could not be loaded."));
      network.worker.onmessage = ({ data }) => {
        if (data.progress) onprogress(Math.min(1, data.progress.loaded / data.progress.total));
        if (data.ready) resolve();
        if (data.error) reject(new Error(data.error));
      };
      const load = { base: new URL(runtime.base, `${STATIC}network/`).href, files, total: bytes, provider: backend };
      load.model = `${STATIC}network/${card.file}.gz`;
      network.worker.postMessage({ load, mean: card.mean, std: card.std });
    }).catch((error) => { network.worker.terminate(); throw error; });
    return network;
  }

  run(image) {
    return new Promise((resolve, reject) => {
      this.worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data));
      const { width, height, data: pixels } = image;
      this.worker.postMessage({ run: { width, height, pixels } }, [pixels.buffer]);
    });
  }
}

class App {
  constructor(host, tools, network) {
    Object.assign(this, { host, tools, network, el: tools.el, card: host.card });
    this.backend = "wasm";
    this.rows = String(this.card.size[0]);
    this.known = this.card.classes.map((name, index) => ({ name, index })).filter(({ name }) => name in this.card.scores.iou);
    this.opacity = this.card.classes.map((_, index) => (index ? 0.7 : 0));
    this.probed = [0.3, 0.45]; // across and down, in shares of the picture
  }

  // --- what is there

  build(stage, samples) {
    const { el, tools } = this;
    this.stage = stage;
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
    this.samples = samples.map((name, i) => el("button.sample",
      { type: "button", "aria-pressed": "false", "aria-label": `Sample ${i + 1}`, onclick: () => this.openSample(name, i) },
      el("img", { src: `${tools.STATIC}network/${name}`, alt: "", width: 64, height: 48 })));
    this.answer = el("canvas", { "aria-hidden": "true" });
    this.cross = el("span.cross", { "aria-hidden": "true" });
    this.view = el("div.view", { tabindex: 0, role: "group", "aria-label": "The answer. Point at it, or move the mark with "
      + "the arrow keys, to read the probabilities at a pixel.", onpointermove: (e) => this.point(e),
    onpointerdown: (e) => this.point(e), onkeydown: (e) => this.step(e) }, this.answer, this.cross);
    this.probe = el("div.probe");
    this.facts = el("p.facts");
    const fields = el("div.fields", {},
      el("figure", {}, el("figcaption", {}, "Your picture"), this.stage.node, this.picture),
      el("figure", {}, el("figcaption", {}, "What the network says"), this.view));
    const privacy = el("p.note", {}, tools.PRIVATE);
    const knows = el("p.note", {}, `It knows ${this.known.map(({ name }) => name).join(", ")}, from drawn scenes only. `
      + "A photograph is outside what it has seen: try one, and do not believe the answer.");
    const sources = el("div.row", { role: "group", "aria-label": "Where the picture comes from" },
      ...Object.values(this.sources), this.host.compact ? null : el("span.samples", {}, ...this.samples), this.file);
    const under = el("div.under", {}, this.stage.controls, el("div.said", {}, this.probe, this.facts));
    this.host.body.replaceChildren(...[sources, fields, under, this.legend(),
      this.host.compact ? null : this.settings(), knows, privacy, this.host.compact ? null : this.modelCard()].filter(Boolean));
    this.host.addEventListener("dragover", (event) => { event.preventDefault(); this.host.toggleAttribute("over", true); });
    this.host.addEventListener("dragleave", () => this.host.removeAttribute("over"));
    this.host.addEventListener("drop", (event) => {
      event.preventDefault();
      this.host.removeAttribute("over");
      if (event.dataTransfer.files[0]) this.openFile(event.dataTransfer.files[0]);
      else this.host.say("What you dropped is no file. Save the picture first, then drop the file.");
    });
    this.compose();
  }

  /** A row a class: its colour, its name, its share of the picture, how strongly it is painted. */
  legend() {
    const { el } = this;
    this.shares = new Map();
    const row = ({ name, index }) => {
      const share = el("output");
      this.shares.set(index, share);
      const slider = el("input", { type: "range", min: 0, max: 100, "aria-label": `Opacity of ${name}`, oninput: () => {
        this.opacity[index] = slider.valueAsNumber / 100;
        slider.setAttribute("aria-valuetext", `${slider.value} %`);
        this.paint();
      } });
      slider.value = 100 * this.opacity[index];
      return el("div.class", {}, this.swatch(index), el("span", {}, name), share, slider);
    };
    this.others = el("p.note", { hidden: true });
    return el("div", {}, el("div.legend", { role: "group", "aria-label": "Opacity of each class" }, ...this.known.map(row)), this.others);
  }

  swatch(index) { return this.el("span.swatch", { style: `background: rgb(${this.card.palette[index].join()})` }); }

  settings() {
    const { el, tools, card } = this;
    const select = (label, options, value, onchange) => {
      const node = el("select", { onchange: () => onchange(node.value, node) },
        ...options.map(([key, text]) => el("option", { value: key, selected: key === value }, text)));
      return el("label", {}, label, " ", node);
    };
    const sizes = ROWS.map((rows) => [String(rows), `${rows} rows${rows === card.size[0] ? ", as in training" : ""}`]);
    const size = select("Input size", [...sizes, ["all", "as it is"]], this.rows, (value) => { this.rows = value; this.request(); });
    const backends = Object.keys(BACKENDS).filter((key) => key === "wasm" || navigator.gpu);
    const choice = backends.length > 1
      ? select("Computed by", backends.map((key) => [key, BACKENDS[key]]), "wasm", async (value, node) => { await this.switchTo(value); node.value = this.backend; }) : null;
    return el("div.row.settings", {}, size, choice);
  }

  modelCard() {
    const { el, card } = this;
    const { scores } = card;
    const iou = Object.entries(scores.iou).map(([name, value]) => `${name} ${value.toFixed(3)}`).join(", ");
    const rows = {
      Data: card.data,
      Settings: card.settings,
      Command: `${card.commands[0]}, which runs ${card.commands.slice(1).join("  and  ")}`,
      Made: `${card.date}, from commit ${card.commit.slice(0, 10)}, in ${numbered(card.seconds)} seconds on ${card.device}`,
      Scores: `mean IoU ${scores.mean_iou.toFixed(3)}, pixel accuracy ${scores.pixel_accuracy.toFixed(3)}, measured on the `
        + `validation scenes with this very file; IoU by class: ${iou}`,
      File: `${numbered(card.bytes)} bytes, ONNX, weights stored in 16 bits and computed with in 32`,
      Limits: card.limits,
    };
    const list = el("dl", {}, ...Object.entries(rows).flatMap(([term, text]) => [el("dt", {}, term), el("dd", {}, text)]));
    const link = el("a", { href: `${this.tools.STATIC}network/${card.file}`, download: true }, "Download the ONNX file");
    return el("details", {}, el("summary", {}, `Model card: ${card.name}`), list, el("p", {}, link));
  }

  // --- where the picture comes from

  choose(source, sample = -1) {
    this.stopCamera();
    this.host.say("");
    this.source = source;
    for (const [key, button] of Object.entries(this.sources)) button.setAttribute("aria-pressed", String(key === source));
    this.samples.forEach((button, i) => button.setAttribute("aria-pressed", String(i === sample)));
    this.stage.node.hidden = this.stage.controls.hidden = source !== "scene";
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

  async openSample(name, i) {
    const image = this.samples[i].firstChild;
    try {
      await image.decode();
      this.choose("sample", i);
      this.take(image, image.naturalWidth, image.naturalHeight);
    } catch {
      this.host.say(`The sample ${name} could not be loaded.`);
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
    if (this.stream) { this.compose(); return; }
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
      this.host.say(`${reasons[error.name] ?? "The camera could not be started."} A file or a scene works as well.`);
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
    const factor = this.rows === "all" ? 1 : Number(this.rows) / height;
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
        this.result = await this.network.run(context.getImageData(0, 0, width, height));
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
    const shares = this.known.map(({ name, index }) => [name, counts[index] / label.length]).filter(([, share]) => share);
    for (const [index, output] of this.shares) output.textContent = counts[index] ? percent(counts[index] / label.length) : "–";
    const others = this.card.classes.filter((_, i) => counts[i] && !this.shares.has(i));
    this.others.hidden = !others.length;
    this.others.textContent = `Some pixels it calls ${others.join(", ")}: names that its training never used.`;
    const size = `${width} x ${height} pixels in ${Math.max(1, Math.round(milliseconds))} ms (${BACKENDS[this.backend]})`;
    this.facts.textContent = `${size}${this.limited ? "; larger inputs are cut down to this" : ""}.`;
    this.paint();
    this.read();
    const said = shares.sort((a, b) => b[1] - a[1]).map(([name, share]) => `${name} ${percent(share)}`).join(", ");
    clearTimeout(this.saying);
    this.saying = setTimeout(() => { this.host.spoken.textContent = `The network says: ${said}.`; }, 700);
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
    const { el } = this;
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
    this.facts.textContent = `Loading ${(this.tools.runtime[backend].bytes / 1e6).toFixed(1)} MB…`;
    try {
      if (backend === "webgpu" && !(await navigator.gpu.requestAdapter())) throw new Error("no adapter"); // before loading
      const network = await Network.open({ ...this.tools, onprogress: () => {} }, this.card, backend);
      const before = this.network;
      this.network = network;
      this.backend = backend;
      if (!this.busy) before.worker.terminate();
    } catch {
      this.host.say(`${BACKENDS[backend]} could not be started here, so ${BACKENDS[this.backend]} goes on.`);
    }
    this.request();
  }
}

/** Load everything, then show it in the host element. Throws with a sentence if something is missing. */
export async function open(host, tools) {
  const folder = `${tools.STATIC}network/`;
  const network = await Network.open(tools, host.card, "wasm");
  const response = await fetch(`${folder}pictures.json`).catch(() => null);
  if (!response?.ok) throw new Error("The list of the scene's pictures could not be loaded.");
  const listing = await response.json();
  const app = new App(host, tools, network);
  const stage = await Stage.open({ el: tools.el, folder, listing, changed: () => app.source === "scene" && app.request() });
  app.build(stage, listing.samples);
}
