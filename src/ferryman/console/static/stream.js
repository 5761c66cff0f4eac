/* One stream for all tabs: browsers keep six connections to a host, and each tab would take one.
   A SharedWorker; tabs send {watch: URL, after: ID} and {bye: true}. */
"use strict";
const streams = new Map();
const SILENCE = 15000;
const RETRY = 2000;
const MOST = 3; /* more streams would leave no connection for pages */

function tell(stream, message) {
  for (const port of stream.ports) port.postMessage(message);
}

async function follow(url, stream) {
  let wait = RETRY;
  while (stream.ports.size) {
    const control = new AbortController();
    let timer = setTimeout(() => control.abort(), SILENCE);
    try {
      const headers = stream.last ? { "Last-Event-ID": stream.last } : {};
      const answer = await fetch(url, { headers, signal: control.signal, redirect: "error" });
      if (!answer.ok) throw new Error(String(answer.status));
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      let live = false;
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        /* Not before something came: a proxy may keep all of it. */
        if (!live) tell(stream, { state: "live" });
        live = true;
        clearTimeout(timer);
        timer = setTimeout(() => control.abort(), SILENCE);
        wait = RETRY;
        const blocks = (rest + value).split(/\r?\n\r?\n/);
        rest = blocks.pop();
        for (const block of blocks) {
          const fields = {};
          for (const line of block.split(/\r?\n/)) {
            const at = line.indexOf(":");
            if (at > 0) fields[line.slice(0, at)] = line.slice(at + 1).trimStart();
          }
          if (fields.id) stream.last = fields.id;
          if (fields.data !== undefined && fields.event) tell(stream, { event: fields.event, id: fields.id });
        }
        if (!stream.ports.size) control.abort();
      }
      tell(stream, { state: "ended" });
    } catch (error) {
      tell(stream, { state: "lost" });
    } finally {
      clearTimeout(timer);
    }
    await new Promise((done) => setTimeout(done, wait));
    wait = Math.min(wait * 2, 30000);
  }
  streams.delete(url);
}

self.onconnect = (connection) => {
  const port = connection.ports[0];
  port.onmessage = ({ data }) => {
    if (data.watch) {
      let stream = streams.get(data.watch);
      if (!stream && streams.size >= MOST) {
        port.postMessage({ state: "lost" });
        return;
      }
      if (!stream) {
        stream = { ports: new Set([port]), last: data.after };
        streams.set(data.watch, stream);
        follow(data.watch, stream);
      }
      stream.ports.add(port);
    }
    if (data.bye) for (const stream of streams.values()) stream.ports.delete(port);
  };
  port.start();
};
