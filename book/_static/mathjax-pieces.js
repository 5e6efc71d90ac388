/* MathJax comes in its parts, and sets a page's formulas a few at a time, from the top of the window down, then those
 * above: each is a short task, while all at once would hold up the page for a quarter of a second.
 */
(() => {
  "use strict";
  const PIECE = 6; // formulas: some 10 ms

  async function setInPieces() {
    const waiting = [...document.querySelectorAll(".math")];
    while (waiting.length) {
      await new Promise((done) => setTimeout(done)); // the browser's turn
      const seen = waiting.findIndex((one) => one.getBoundingClientRect().bottom > 0);
      await MathJax.typesetPromise(waiting.splice(Math.max(0, seen), PIECE));
    }
  }

  function showRaw(error) { // better read than missing: see segbook.css
    document.documentElement.classList.add("raw-formulas");
    console.error("no formulas:", error.message ?? error.type);
  }

  const load = ["core", "input/tex", "output/chtml", "a11y/assistive-mml", "ui/menu"];
  Object.assign(MathJax, { loader: { load, failed: showRaw }, startup: { pageReady: setInPieces } });
  document.querySelector('script[src*="/mathjax/"]').addEventListener("error", showRaw);
  addEventListener("beforeprint", () => MathJax.typeset?.()); // paper does not wait
})();
