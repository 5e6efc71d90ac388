/* Reading comforts, each of which only adds to a page that is complete without it: a term of the glossary explains itself,
 * an answered question keeps its tick in this browser, the card at a chapter's end is printed alone.
 */
(() => {
  "use strict";
  const STORE = "segbook-answered";

  function el(name, attributes = {}, ...children) {
    const node = Object.assign(document.createElement(name), attributes);
    node.append(...children);
    return node;
  }

  /* --- terms: the notes lie hidden at the page's end; the build wrote them, and which link each describes ------------ */

  let open = null, closing; // the link whose note is shown
  const noteOf = (link) => document.getElementById(link.getAttribute("aria-describedby"));

  function show(link) {
    clearTimeout(closing);
    if (open === link) return;
    hide();
    const note = noteOf(link), [line] = link.getClientRects();
    if (!note || !line) return;
    open = link;
    note.hidden = false;
    const room = document.documentElement.clientWidth, { width, height } = note.getBoundingClientRect();
    const below = line.bottom + 6 + height < window.innerHeight;
    note.style.left = `${Math.max(8, Math.min(room - width - 8, line.left))}px`;
    note.style.top = `${below ? line.bottom + 6 : Math.max(8, line.top - height - 6)}px`;
  }

  function hide() {
    clearTimeout(closing);
    if (open) noteOf(open).hidden = true;
    open = null;
  }

  const later = () => { closing = setTimeout(hide, 250); }; // time to reach the note with the mouse

  function explainTerms() {
    for (const link of document.querySelectorAll("a[aria-describedby^='about-term-']")) {
      let touched = false;
      link.addEventListener("pointerdown", (event) => { touched = event.pointerType === "touch" && open !== link; });
      link.addEventListener("click", (event) => { // the first tap explains, the second one leads to the glossary
        if (touched) { event.preventDefault(); show(link); }
      });
      link.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && show(link));
      link.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && later());
      link.addEventListener("focus", () => { if (!touched) show(link); });
      link.addEventListener("blur", later);
    }
    for (const note of document.querySelectorAll(".term-note")) {
      note.addEventListener("pointerenter", () => clearTimeout(closing));
      note.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && later());
    }
    document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
    document.addEventListener("scroll", hide, { passive: true, capture: true });
    document.addEventListener("pointerdown", ({ target }) => { if (open && !target.closest?.(".term-note") && !open.contains(target)) hide(); });
  }

  /* --- questions ------------------------------------------------------------------------------------------------------ */

  /** What this browser remembers; nothing where it remembers nothing. */
  function answered() {
    try {
      const found = JSON.parse(localStorage.getItem(STORE));
      return new Set(Array.isArray(found) ? found : []);
    } catch { return new Set(); }
  }

  function tick(question) {
    if (!question.querySelector(".tick")) question.querySelector(".box-title").append(el("span", { className: "tick" }, "✓ answered"));
  }

  function keepTicks() {
    const known = answered();
    for (const question of document.querySelectorAll(".question[id]")) {
      if (known.has(question.id)) tick(question);
      for (const fold of question.querySelectorAll(".fold.right")) {
        fold.addEventListener("toggle", () => {
          if (!fold.open) return;
          tick(question);
          try { localStorage.setItem(STORE, JSON.stringify([...answered().add(question.id)])); } catch { /* then only until the page is left */ }
        });
      }
    }
    for (const place of document.querySelectorAll(".forget")) offerToForget(place);
  }

  function offerToForget(place) {
    const { size } = answered();
    const button = el("button", { type: "button", onclick: () => {
      try { localStorage.removeItem(STORE); } catch { /* nothing was kept */ }
      for (const mark of document.querySelectorAll(".tick")) mark.remove();
      offerToForget(place);
    } }, "Forget them");
    place.setAttribute("role", "status");
    if (size) place.replaceChildren(`Answered in this browser: ${size} ${size === 1 ? "question" : "questions"}. `, button);
    else place.replaceChildren("This browser remembers no answered question.");
  }

  /* --- cards ------------------------------------------------------------------------------------------------------------ */

  function printCards() {
    for (const card of document.querySelectorAll(".on-a-card")) {
      card.dataset.of = document.querySelector("h1")?.firstChild.textContent.trim() ?? "";
      const done = () => { document.documentElement.classList.remove("printing-card"); window.removeEventListener("afterprint", done); };
      card.append(el("button", { type: "button", className: "print-card", onclick: () => {
        document.documentElement.classList.add("printing-card");
        window.addEventListener("afterprint", done);
        window.print();
      } }, "Print this card"));
    }
  }

  explainTerms();
  keepTicks();
  printCards();
})();
