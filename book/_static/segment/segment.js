/* "Segment your own picture": <segment-picture> shows a poster and a button. All else is loaded by the click:
 * app.js (what the reader sees), stage.js (scenes composed by hand), worker.js (the network).
 * This file is a classic script, so that a page opened from a file can say why nothing can run there.
 */
(() => {
  "use strict";
  if (customElements.get("segment-picture")) return;
  const HERE = new URL(".", document.currentScript.src).href;
  const STATIC = new URL("..", HERE).href;
  const PRIVATE = "Everything is computed in this page: your picture never leaves your browser.";

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

  /** Why the network cannot run here: a sentence, or nothing. */
  function obstacle() {
    if (location.protocol === "file:") {
      return "This page was opened from a file, and browsers start no network from there. Run `make serve` in the "
        + "book's folder and open the address that it prints.";
    }
    if (typeof WebAssembly === "undefined") {
      return "This browser has no WebAssembly, or it is switched off, so the network cannot run here. "
        + "The rest of the page does not need it.";
    }
    if (typeof DecompressionStream === "undefined" || typeof Worker === "undefined") {
      return "This browser is too old to run the network: it needs one from 2023 or later.";
    }
    return "";
  }

  /** Where the runtime is and how large; null if the site cannot say. */
  const listing = () => fetch(`${STATIC}network/runtime.json`).then((r) => (r.ok ? r.json() : null)).catch(() => null);

  class SegmentPicture extends HTMLElement {
    connectedCallback() {
      if (this.shadowRoot) return;
      this.card = JSON.parse(this.querySelector("script[type='application/json']").textContent);
      this.compact = this.hasAttribute("data-compact");
      this.followTheme();
      this.body = el("div.body");
      this.message = el("p.message", { role: "alert" });
      this.spoken = el("p.sr", { "aria-live": "polite" });
      const style = el("link", { rel: "stylesheet", href: `${HERE}segment.css` });
      this.attachShadow({ mode: "open" }).append(style, this.body, this.message, this.spoken);
      this.poster();
    }

    /** What is there before the click: the light children (a picture), the button, what it will load. */
    poster() {
      const problem = obstacle();
      this.say("");
      if (problem) {
        this.body.replaceChildren(el("slot"), el("p.note", {}, problem));
        return;
      }
      this.button = el("button.start", { type: "button", onclick: () => this.start() }, "Start the network");
      this.facts = el("p.note", {}, PRIVATE);
      this.progress = el("progress", { "aria-label": "Loading", hidden: true, max: 1, value: 0 });
      this.body.replaceChildren(el("slot"), el("div.begin", {}, this.button, this.progress), this.facts);
      this.listing = listing();
      this.listing.then((runtime) => {
        if (!runtime) return;
        const size = (runtime.wasm.bytes / 1e6).toFixed(1);
        const from = runtime.local ? "from this site" : `from this site and, for the runtime, from ${runtime.host}, `
          + "because the book was built without npm";
        this.facts.textContent = `The click loads ${size} MB ${from}. ${PRIVATE}`;
      });
    }

    async start() {
      this.button.disabled = true;
      this.progress.hidden = false;
      this.say("");
      try {
        const runtime = await this.listing ?? await listing();
        if (!runtime) throw new Error("The list of the network's files could not be loaded.");
        const app = await import(`${HERE}app.js`);
        await app.open(this, { el, runtime, STATIC, HERE, PRIVATE, onprogress: (share) => { this.progress.value = share; } });
      } catch (error) {
        this.poster();
        this.say(`${error.message} Nothing else on this page is affected; you can try again.`);
      }
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
