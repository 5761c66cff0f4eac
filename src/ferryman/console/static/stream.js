/* One stream for all tabs: browsers keep six connections to a host, and each tab would take one.
   A SharedWorker; a tab sends {watch: URL} and, when it goes, {bye: true}. */
"use strict";
const SILENCE = 40000;
const RETRY = 2000;
const ports = new Set();
let following = false;
let live = false;
let last = "";

function tell(message) {
  for (const port of ports) port.postMessage(message);
}

function fieldsOf(block) {
  const fields = {};
  for (const line of block.split(/\r?\n/)) {
    const at = line.indexOf(":");
    if (at > 0) fields[line.slice(0, at)] = line.slice(at + 1).trimStart();
  }
  return fields;
}

function handle(block) {
  const fields = fieldsOf(block);
  if (fields.id) last = fields.id;
  if (!fields.event) return;
  let changes = null;
  try {
    const told = JSON.parse(fields.data);
    if (told.complete) changes = told.changes;
  } catch (error) {
    /* what is no JSON tells all pages to look */
  }
  tell({ event: fields.event, changes });
}

async function once(url) {
  const control = new AbortController();
  let timer = setTimeout(() => control.abort(), SILENCE);
  try {
    const headers = { Accept: "text/event-stream", ...(last && { "Last-Event-ID": last }) };
    const answer = await fetch(url, { headers, signal: control.signal, redirect: "error" });
    if (!answer.ok) throw new Error(String(answer.status));
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      /* Not before something came: a proxy may keep all of it. */
      if (!live) tell({ state: "live" });
      live = true;
      clearTimeout(timer);
      timer = setTimeout(() => control.abort(), SILENCE);
      const blocks = (rest + value).split(/\r?\n\r?\n/);
      rest = blocks.pop();
      blocks.forEach(handle);
      if (!ports.size) return control.abort();
    }
  } finally {
    clearTimeout(timer);
    live = false;
  }
}

async function follow(url) {
  following = true;
  let wait = RETRY;
  while (ports.size) {
    try {
      await once(url);
      wait = RETRY;
    } catch (error) {
      wait = Math.min(wait * 2, 30000);
    }
    tell({ state: "lost" });
    await new Promise((done) => setTimeout(done, wait));
  }
  following = false;
}

self.onconnect = (connection) => {
  const port = connection.ports[0];
  port.onmessage = ({ data }) => {
    if (data.bye) ports.delete(port);
    if (!data.watch) return;
    ports.add(port);
    if (live) port.postMessage({ state: "live" });
    if (!following) follow(data.watch);
  };
  port.start();
};
