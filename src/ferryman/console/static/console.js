/* What pages do beyond links and forms. Everything here is an addition: without script, pages
   show the same and every action works. */
"use strict";
const own = document.currentScript.dataset;
const $ = (what, root = document) => root.querySelector(what);
const $$ = (what, root = document) => [...root.querySelectorAll(what)];
const page = document.documentElement;

/* Times, in the zone that was chosen. */
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const loadedAt = Date.now();

function platformNow() {
  const clock = $("[data-now]");
  if (!clock) return Date.now();
  const shown = Number(clock.dataset.now);
  return "frozen" in clock.dataset ? shown : shown + Date.now() - (Number(clock.dataset.seen) || loadedAt);
}

function ago(ms) {
  for (const [unit, size] of [["day", 864e5], ["hour", 36e5], ["minute", 6e4]]) {
    if (Math.abs(ms) >= size) return relative.format(Math.round(ms / size), unit);
  }
  return relative.format(Math.round(ms / 1000), "second");
}

function two(number) {
  return String(number).padStart(2, "0");
}

function showTimes() {
  const zone = page.dataset.zone;
  if (zone === "utc") return;
  const now = platformNow();
  for (const each of $$("time[datetime]")) {
    const at = new Date(each.dateTime);
    if (zone === "relative") each.textContent = ago(at - now);
    else {
      const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} `;
      const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
      if (each.dataset.form === "minute") each.textContent = day + time.slice(0, 5);
      else each.textContent = each.dataset.form === "clock" ? `${time}.${String(at.getMilliseconds()).padStart(3, "0")}` : day + time;
    }
  }
}

function duration(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

function tick() {
  const now = platformNow();
  const clock = $("[data-now]");
  if (clock && !("frozen" in clock.dataset)) {
    const text = new Date(now).toISOString();
    const time = $("time", clock);
    if (time && page.dataset.zone !== "relative") {
      time.dateTime = text;
      time.textContent = text.slice(0, 19).replace("T", " ");
    }
  }
  for (const each of $$("[data-until]")) {
    const left = Number(each.dataset.until) - now;
    each.textContent = left > 0 ? duration(left) : "none";
  }
}

/* Copying. */
function prepare(root = document) {
  for (const each of $$("[data-help][hidden]", root)) each.hidden = false;
  if (navigator.clipboard) for (const each of $$("[data-copy][hidden]", root)) each.hidden = false;
  showTimes();
  tick();
}

document.addEventListener("click", async ({ target }) => {
  if (target.closest("[data-help]")) $("#help").showModal();
  const copy = target.closest("[data-copy]");
  if (copy) {
    await navigator.clipboard.writeText(copy.dataset.copy);
    copy.textContent = "Copied";
    say("Copied");
  }
  for (const open of $$("details.menu[open], details.confirm[open]")) {
    if (!open.contains(target)) open.open = false;
  }
});

function say(text) {
  const place = $("#said");
  if (place) place.textContent = text;
}

/* Parts of a page that change are taken from the same page, made again by the platform. */
const keyOf = (details) => {
  const home = details.parentElement.closest("[id]");
  return `${home ? home.id : ""}/${home ? $$("details", home).indexOf(details) : ""}`;
};
let running = false;
let again = false;
/* What each part was last made from: what script added since is no change. */
const shown = new WeakMap();
/* Whether a part was left as it is, since something in it is open. */
let behind = false;
document.addEventListener("toggle", ({ target }) => behind && !target.open && soon(), true);

async function refresh() {
  if (document.hidden) {
    stale = true;
    return;
  }
  if (running) {
    again = true;
    return;
  }
  running = true;
  const began = Date.now();
  try {
    const asked = location.href;
    const answer = await fetch(asked, { headers: { "X-Requested-With": "console" } });
    /* The session has ended: what is shown would stay as it is, and look alive. */
    if (answer.redirected) return location.assign(answer.url);
    if (!answer.ok) return;
    const text = await answer.text();
    if (paused) return; /* it was asked for before */
    /* A filter was changed meanwhile: rows of the one before would take the place of its own. */
    if (location.href !== asked) {
      again = true;
      return;
    }
    /* A button that is exchanged, or moved, between press and release is never pushed. */
    if ($("main :active")) {
      again = true;
      return;
    }
    const fresh = new DOMParser().parseFromString(text, "text/html");
    behind = false;
    for (const part of $$("[data-part]")) {
      const next = fresh.getElementById(part.id);
      if (!next) continue;
      const html = next.innerHTML;
      if ((shown.has(part) ? shown.get(part) : part.innerHTML) === html) continue;
      /* What somebody is about to read or to send stays. */
      if ($("details.confirm[open], details.menu[open], dialog[open], .htmx-request, div.event, svg.choosing", part)) {
        behind = true;
        continue;
      }
      const chosen = new Set($$("input[name=chosen]:checked", part).map((each) => each.value));
      const states = new Map($$("details", part).map((each) => [keyOf(each), each.open]));
      const was = part.id === "rows" ? placeOf(part) : null;
      const focus = focusIn(part);
      htmx.swap(part, html, { swapStyle: "innerHTML" });
      shown.set(part, html);
      if (was) settle(part, was);
      for (const each of $$("details", part)) {
        const open = states.get(keyOf(each));
        if (open !== undefined) each.open = open;
      }
      for (const each of $$("input[name=chosen]", part)) each.checked = chosen.has(each.value);
      count();
      prepare(part);
      /* Last: what is folded, hidden or disabled takes no focus. */
      if (focus) focusAgain(focus);
    }
    const clock = $("[data-now]");
    const other = $("[data-now]", fresh);
    if (clock && other) {
      clock.dataset.now = other.dataset.now;
      clock.dataset.seen = String(Date.now());
    }
    const live = $("[data-live]");
    if (live && !behind && !$("[data-live]", fresh)) {
      delete live.dataset.live;
      stop();
    }
    prepare();
  } catch (error) {
    /* the platform restarts; the next event or poll tries again */
  } finally {
    running = false;
    took = Date.now() - began;
    if (again) {
      again = false;
      soon();
    }
  }
}

/* Whoever uses keys stays where they are: in the same row, at the same link, button or field. */
const stops = (where) => $$("a[href], button, input, select, textarea, summary", where);
const does = (each) => [each.localName, each.getAttribute("href") || each.name || each.textContent].join(" ");

function focusIn(part) {
  const held = document.activeElement;
  if (!part.contains(held)) return null;
  const row = held.closest("[id]:not(a, button, input, select, textarea, summary)");
  return { row: row.id, at: stops(row).indexOf(held), does: does(held) };
}

/* Another button may have come before it, and Enter must not push that one. */
function focusAgain({ row, at, does: did }) {
  const found = document.getElementById(row);
  if (!found) return;
  const all = stops(found);
  const same = all.filter((each) => does(each) === did);
  const next = same.length && !same.includes(all[at]) ? same[0] : all[at];
  /* Nor the one that took its place: that may do the opposite. */
  if (!same.length && next?.matches("button")) return;
  next?.focus({ preventScroll: true });
}

/* The rows are the newest of a timeline: some come at the end, and others go at the beginning.
   What is seen stays in its place; the end is followed where it is seen, else told of. */
let unseen = 0;
const entries = (rows) => $$("tr[data-row]", rows);

function placeOf(rows) {
  const all = entries(rows);
  const seen = scrollY > 0 && all.find((each) => each.getBoundingClientRect().bottom > 0);
  return {
    last: all.length ? all[all.length - 1].id : "",
    seen: seen ? seen.id : "",
    top: seen ? seen.getBoundingClientRect().top : 0,
  };
}

function settle(rows, was) {
  const seen = was.seen && document.getElementById(was.seen);
  if (seen) scrollBy({ top: seen.getBoundingClientRect().top - was.top, behavior: "instant" });
  const all = entries(rows);
  const end = all.findIndex((each) => each.id === was.last);
  const more = was.last ? all.length - 1 - end : 0;
  if (more <= 0) return;
  const box = end >= 0 && all[end].getBoundingClientRect();
  const last = all[all.length - 1];
  if (box && box.bottom > 0 && box.top < innerHeight && scrollY > 0) {
    last.scrollIntoView({ block: "nearest" });
    return;
  }
  if (last.getBoundingClientRect().top < innerHeight) return;
  unseen += more;
  $("[data-jump]").textContent = `${unseen} new`;
  $("#fresh").hidden = false;
  say(`${unseen} new`);
}
document.addEventListener("click", ({ target }) => {
  if (!target.closest("[data-jump]")) return;
  unseen = 0;
  $("#fresh").hidden = true;
  const row = entries($("#rows")).pop();
  if (row) {
    row.scrollIntoView({ block: "center" });
    const link = $("a", row);
    if (link) link.focus({ preventScroll: true });
  }
});

/* A tab that nobody sees asks for nothing, and catches up when it is seen. One whose page took
   long to make asks less often: many open consoles must not slow what they watch. */
let pending = 0;
let refreshed = 0;
let took = 0;
let stale = false;
function soon() {
  if (document.hidden) {
    stale = true;
    return;
  }
  if (paused || pending) return;
  /* Lists change with every transfer: once a second is enough. */
  const least = Math.max($("[data-live]") ? 500 : 1000, 4 * took);
  const rest = Math.max(150, refreshed + least - Date.now());
  pending = setTimeout(() => {
    pending = 0;
    refreshed = Date.now();
    if (!paused) refresh();
  }, rest);
}
document.addEventListener("visibilitychange", () => {
  if (document.hidden || !stale) return;
  stale = false;
  soon();
});

/* Live: the stream of all tabs, or asking every few seconds where there is none. */
let port = null;
let polling = 0;
let paused = false;
let missed = 0;

function showLive() {
  const place = $("#live");
  const button = $("[data-pause]");
  if (!place || !button) return;
  place.hidden = !$("[data-live], [data-poll]");
  button.setAttribute("aria-pressed", String(paused));
  button.textContent = paused ? `Paused${missed ? `, ${missed} new` : ""}` : "Live";
  place.classList.toggle("paused", paused);
}

function poll(seconds) {
  clearInterval(polling);
  polling = setInterval(soon, seconds * 1000);
}

function watch() {
  const place = $("[data-live], [data-poll]");
  if (!place) return showLive();
  const own_transfer = place.dataset.live;
  const slow = Number(place.dataset.poll) || 3;
  poll(slow); /* until the stream shows that it flows */
  if (!own.worker) return showLive(); /* a page without a session has no stream */
  try {
    const worker = new SharedWorker(own.worker);
    port = worker.port;
    port.onmessage = ({ data }) => {
      if (data.state === "lost") poll(slow);
      /* Numbers of the clock and of queues change without an event. */
      if (data.state === "live") poll(own_transfer ? 15 : 5);
      if (data.state) soon();
      if (!data.event) return;
      const changes = data.changes || {};
      if (data.changes && own_transfer && !(own_transfer in changes)) return;
      if (paused) {
        missed += own_transfer ? changes[own_transfer] || 1 : Object.keys(changes).length || 1;
        showLive();
      } else soon();
    };
    port.start();
    port.postMessage({ watch: new URL(`${own.root}stream`, location.href).href });
  } catch (error) {
    /* no SharedWorker: the page goes on asking */
  }
  showLive();
}

function stop() {
  if (port) port.postMessage({ bye: true });
  port = null;
  clearInterval(polling);
  showLive();
}

function pause() {
  paused = !paused;
  if (!paused) {
    missed = 0;
    soon();
  }
  showLive();
}

addEventListener("pagehide", stop);
addEventListener("pageshow", (event) => event.persisted && watch());
document.addEventListener("click", ({ target }) => target.closest("[data-pause]") && pause());

/* Filters change the address, and a view is kept of what is shown now. */
document.addEventListener("submit", ({ target }) => {
  const field = target.elements.here;
  const root = new URL(own.root, location.href).pathname;
  if (field) field.value = location.pathname.slice(root.length) + location.search;
}, true);

/* Choosing rows for one action on all of them. */
document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-all]")) {
    for (const each of $$("input[name=chosen]")) each.checked = target.checked;
  }
  if (target.matches("[data-all], input[name=chosen]")) count();
});
function count() {
  const chosen = $$("input[name=chosen]:checked").length;
  for (const each of $$("[data-count]")) each.textContent = chosen ? String(chosen) : "";
  for (const each of $$("[data-needs-chosen]")) each.disabled = !chosen;
}

/* Keys. */
const GO = { o: "", m: "migrations", s: "messages", a: "apps", p: "platform", u: "audit" };
let led = false;

function rows() {
  return $$("[data-row]").filter((each) => each.offsetParent !== null);
}

function move(step) {
  const all = rows();
  const at = all.findIndex((each) => each.contains(document.activeElement));
  const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, at + step))];
  const place = next && $("a, summary, input", next);
  if (place) place.focus();
}

/* From one attempt of what was chosen to the next, each opened as it is reached. */
function attempt(step) {
  const all = $$("#chosen .attempts > li");
  const at = all.findIndex((each) => each.contains(document.activeElement));
  const next = all[at < 0 ? 0 : Math.max(0, Math.min(all.length - 1, at + step))];
  if (!next) return;
  for (const each of $$("details", next)) each.open = true;
  next.tabIndex = -1;
  next.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    for (const open of $$("details.menu[open], details.confirm[open]")) {
      open.open = false;
      $("summary", open).focus();
    }
    const help = $("#help");
    if (help && help.open) help.close();
    return;
  }
  if (event.target.matches("input, select, textarea")) return;
  if (led) {
    led = false;
    if (event.key === "t") {
      const last = localStorage.getItem("ferryman-transfer");
      if (last) location.href = `${own.root}transfers/${last}`;
    } else if (event.key in GO) location.href = own.root + GO[event.key];
    return;
  }
  const click = (what) => {
    const found = $(what);
    if (found) found.click();
  };
  const act = {
    "/": () => $("#search")?.focus(),
    g: () => { led = true; },
    j: () => move(1),
    k: () => move(-1),
    l: () => click("a[rel=next]"),
    h: () => history.back(),
    e: () => click("a[href$='/explain']"),
    r: () => click("[data-redeliver] summary, [data-redeliver]"),
    c: () => click("[data-copy]"),
    x: () => {
      const row = rows().find((each) => each.contains(document.activeElement));
      const box = row && $("input[name=chosen]", row);
      if (box) box.click();
    },
    t: () => {
      const tables = $$(".charts details");
      const open = tables.some((each) => !each.open);
      for (const each of tables) each.open = open;
    },
    /* The newest comes first. */
    "[": () => attempt(1),
    "]": () => attempt(-1),
    ".": pause,
    "?": () => $("#help") && $("#help").showModal(),
  }[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});

const transfer = $("[data-transfer]");
if (transfer) localStorage.setItem("ferryman-transfer", transfer.dataset.transfer);
document.addEventListener("htmx:afterSettle", () => {
  prepare();
  count();
});
/* What was chosen stands beside its row where there is room: then the row is what to see. */
const chosen = $("#chosen");
const own_row = $("#rows tr.on");
if (chosen && own_row && chosen.getBoundingClientRect().left > own_row.getBoundingClientRect().right - 1) {
  own_row.scrollIntoView({ block: "center" });
}
prepare();
count();
watch();
setInterval(tick, 1000);
