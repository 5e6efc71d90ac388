// Arrow keys, Page Up and Down, Space: the slide before or behind the one that fills the screen.
const slides = [...document.querySelectorAll(".slide")];
const steps = { ArrowRight: 1, PageDown: 1, ArrowLeft: -1, PageUp: -1, " ": 1 };
document.addEventListener("keydown", event => {
  const step = steps[event.key];
  const busy = event.target.closest("summary, button, input, select, a, [data-segbook]");
  if (!step || busy || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const middle = innerHeight / 2;
  const now = slides.findIndex(slide => slide.getBoundingClientRect().bottom > middle);
  slides[Math.min(Math.max(now + step, 0), slides.length - 1)].scrollIntoView();
});
