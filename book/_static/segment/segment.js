/* "Segment your own photograph": <segment-picture> shows a poster, samples and a button. All else is loaded by a click:
 * app.js (what the reader sees), stage.js (scenes composed by hand), worker.js (the networks), and files that the build
 * packed into scripts. Everything is a classic script, because a page that was opened from a folder may load nothing else.
 */
(() => {
  "use strict";
  if (customElements.get("segment-picture")) return;
  const HERE = new URL(".", document.currentScript.src).href;
  const NETWORK = new URL("../network/", HERE).href;
  const PRIVATE = "Everything is computed in this page: your picture never leaves your browser.";
  const parts = {}; // of packed files, NAME.i -> base64

  /** An element with attributes and children; "on..." are listeners. */
  function el(name, attributes = {}, ...children) {
    const [tag, ...classes] = name.split(".");
    const node = document.createElement(tag);
    if (classes.length) node.className = classes.join(" ");
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else if (value !== false && value !== null) node.setAttribute(key, value === true ? "" : value);
    }
    node.append(...children.filter((child) => child !== null));
    return node;
  }

  function script(url) {
    return new Promise((resolve, reject) => {
      const failed = () => reject(new Error(`The file ${url.split("/").pop()} could not be loaded.`));
      const node = el("script", { src: url, onload: resolve, onerror: failed });
      document.head.append(node);
      node.remove();
    });
  }

  /** The bytes of a file that the build packed; `onpart` is told the share of it that each part is. */
  async function unpacked(name, onpart = () => {}) {
    const { parts: count } = demo.listing.files[name];
    const texts = await Promise.all(Array.from({ length: count }, async (_, i) => {
      await script(`${NETWORK}${name}.${i}.js`);
      onpart(1 / count);
      return parts[`${name}.${i}`];
    }));
    for (let i = 0; i < count; i++) delete parts[`${name}.${i}`];
    const bytes = texts.map((text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0)));
    const stream = new Blob(bytes).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  const demo = window.segmentDemo = { el, unpacked, PRIVATE, part: (name, i, text) => { parts[`${name}.${i}`] = text; } };

  /** Where everything is and how large; an error if the site cannot say. */
  const listed = async () => { if (!demo.listing) await script(`${NETWORK}listing.js`); };

  /** Why the network cannot run here: a sentence, or nothing. */
  function obstacle() {
    if (typeof WebAssembly === "undefined") {
      return "This browser has no WebAssembly, or it is switched off, so the network cannot run here. "
        + "The rest of the page does not need it.";
    }
    if (typeof DecompressionStream === "undefined" || typeof Worker === "undefined") {
      return "This browser is too old to run the network: it needs one from 2023 or later.";
    }
    return "";
  }

  class SegmentPicture extends HTMLElement {
    connectedCallback() {
      if (this.shadowRoot) return;
      this.compact = this.hasAttribute("data-compact");
      this.followTheme();
      this.body = el("div.body");
      this.message = el("p.message", { role: "alert" });
      this.spoken = el("p.sr", { "aria-live": "polite" });
      const style = el("link", { rel: "stylesheet", href: `${HERE}segment.css` });
      const styled = new Promise((done) => { style.onload = style.onerror = done; });
      const waiting = el("style", {}, ":host(:not([data-ready])) .body > :not(.poster) { display: none; }");
      this.attachShadow({ mode: "open" }).append(waiting, style, this.body, this.message, this.spoken);
      this.acceptDrops();
      this.poster();
      Promise.all([styled, listed().catch(() => {})]).then(() => this.setAttribute("data-ready", "")); // see segbook.css
    }

    /** What is there before the click: the light children (a picture), buttons, what a click will load. */
    poster() {
      const problem = obstacle(), picture = el("div.poster", {}, el("slot"));
      this.say("");
      if (problem) {
        this.body.replaceChildren(picture, el("p.note", {}, problem));
        return;
      }
      const start = el("button.start", { type: "button", onclick: () => this.start() }, "Segment your own photograph");
      const camera = el("button", { type: "button", onclick: () => this.start(null, (app) => app.openCamera()) }, "Use the camera");
      const row = el("div.begin", {}, start, camera, el("span", {}, "or drop one here"));
      const tries = el("div.row", { role: "group", "aria-label": "Samples" });
      const facts = el("p.note", {}, PRIVATE);
      this.progress = el("progress", { "aria-label": "Loading", hidden: true, max: 1, value: 0 });
      this.body.replaceChildren(picture, row, tries, this.progress, facts);
      listed().then(() => {
        const { runtime, files, networks, pictures } = demo.listing;
        tries.append(...this.samples(pictures.samples, (sample) => this.start(sample)));
        const size = ((runtime.wasm.bytes + files[networks.photos.file].bytes) / 1e6).toFixed(1);
        const from = runtime.host ? `from this site and, for the runtime, from ${runtime.host}, because the book was built without npm`
          : "from this site";
        facts.textContent = `The click loads at most ${size} MB ${from}. ${PRIVATE}`;
      }).catch(() => {}); // the click tries again, and says so
    }

    samples(samples, open) {
      return samples.map((sample) => el("button.sample", { type: "button", "aria-pressed": "false", onclick: () => open(sample) },
        el("img", { src: sample.thumb, alt: "" }), sample.name));
    }

    /** Load the network and show a sample, the first where none is named; `then` is told what has been opened. */
    async start(sample, then = () => {}) {
      if (this.starting) return;
      this.starting = true;
      for (const button of this.body.querySelectorAll("button")) button.disabled = true;
      this.progress.hidden = false;
      this.say("");
      try {
        await listed();
        await Promise.all(["stage.js", "worker.js"].map((name) => script(HERE + name)));
        await script(`${HERE}app.js`);
        this.app = await demo.open(this, sample ?? demo.listing.pictures.samples[0], (share) => { this.progress.value = share; });
        then(this.app);
      } catch (error) {
        this.poster();
        this.say(`${error.message} Nothing else on this page is affected; you can try again.`);
      } finally {
        this.starting = false;
      }
    }

    /** A picture may be dropped before and after the network is there. */
    acceptDrops() {
      this.addEventListener("dragover", (event) => { event.preventDefault(); this.toggleAttribute("over", true); });
      this.addEventListener("dragleave", () => this.removeAttribute("over"));
      this.addEventListener("drop", (event) => {
        event.preventDefault();
        this.removeAttribute("over");
        const [file] = event.dataTransfer.files;
        if (!file) this.say("What you dropped is no file. Save the picture first, then drop the file.");
        else if (this.app) this.app.openFile(file);
        else if (!obstacle()) this.start(null, (app) => app.openFile(file));
      });
    }

    /** A sentence for the eye and, as an alert, for the ear. */
    say(text) { this.message.textContent = text; }

    /** Light ink means a dark page, whatever its switch is called. */
    followTheme() {
      const look = () => {
        const [r, g, b] = getComputedStyle(this.parentElement).color.match(/[\d.]+/g).map(Number);
        this.toggleAttribute("dark", 0.299 * r + 0.587 * g + 0.114 * b > 140);
      };
      look();
      new MutationObserver(() => requestAnimationFrame(look)).observe(document.documentElement, { attributes: true });
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => requestAnimationFrame(look));
    }
  }
  customElements.define("segment-picture", SegmentPicture);
})();
