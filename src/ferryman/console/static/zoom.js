/* Choose a part of the time: draw over the picture of a timeline, or step by keys. Where it leads is
   an address, as everywhere; without script there are links and a form for the same. */
"use strict";
(() => {
  const LEAST = 6; /* units of the picture: a click is no choice */
  let begun = null;
  let area = null;
  let moved = false;

  const picture = () => document.querySelector("svg.lanes[data-zoom]");

  /* The place of an event in the picture, within its frame. */
  function place(svg, event) {
    const box = svg.getBoundingClientRect();
    const width = svg.viewBox.baseVal.width;
    return Math.max(0, Math.min(width, ((event.clientX - box.left) * width) / box.width));
  }

  /* The time of a place: a run of the scale in proportion; what is folded ends the run before it. */
  function time(svg, x) {
    const runs = svg.dataset.runs.split(" ").map((run) => run.split(",").map(Number));
    const [start, end, left] = runs.filter((run) => run[2] <= x).pop() || runs[0];
    return Math.min(end, start + Math.max(0, x - left) * Number(svg.dataset.unit));
  }

  function cancel() {
    if (area) area.remove();
    const svg = picture();
    if (svg) svg.classList.remove("choosing");
    begun = area = null;
  }

  document.addEventListener("pointerdown", (event) => {
    moved = false;
    const svg = picture();
    if (!svg || event.button || event.pointerType === "touch" || !svg.contains(event.target)) return;
    begun = place(svg, event);
  });

  document.addEventListener("pointermove", (event) => {
    const svg = picture();
    if (begun === null || !svg) return;
    const x = place(svg, event);
    if (!area) {
      if (Math.abs(x - begun) < LEAST) return;
      area = document.createElementNS(svg.namespaceURI, "rect");
      area.setAttribute("class", "choice");
      area.setAttribute("y", "0");
      area.setAttribute("height", svg.viewBox.baseVal.height);
      svg.append(area);
      svg.classList.add("choosing"); /* so that no update replaces it meanwhile */
    }
    area.setAttribute("x", Math.min(x, begun));
    area.setAttribute("width", Math.abs(x - begun));
  });

  document.addEventListener("pointerup", (event) => {
    const svg = picture();
    if (!area || !svg) return cancel();
    moved = true;
    const ends = [begun, place(svg, event)].map((x) => time(svg, x)).sort((a, b) => a - b);
    const address = svg.dataset.zoom;
    cancel();
    const from = Math.floor(ends[0]);
    const written = (at) => encodeURIComponent(new Date(at).toISOString().slice(0, -1));
    location.href = `${address}from=${written(from)}&to=${written(Math.max(from + 1, Math.ceil(ends[1]) + 1))}`;
  });

  document.addEventListener("pointercancel", cancel);
  document.addEventListener("dragstart", (event) => {
    if (event.target.closest?.("svg.lanes")) event.preventDefault();
  });
  /* What was drawn over is not what was clicked. */
  document.addEventListener("click", (event) => {
    if (!moved || !event.target.closest?.("svg.lanes")) return;
    moved = false;
    event.preventDefault();
  }, true);

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") cancel();
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input, select, textarea")) return;
    const key = event.key === "=" ? "+" : event.key;
    const step = document.querySelector(`#zoom a[data-key="${CSS.escape(key)}"]`);
    if (!step) return;
    event.preventDefault();
    step.click();
  });
})();
