#!/usr/bin/env bash
# Clients of server-sent events ask for the wrong place when a stream is cut and they connect again.
#
# The HTML standard (section 9.2) says when the id of an event counts: at the blank line that ends
# the event, whether or not the event has data. So
# - a stream that is cut inside event 2 is asked for again behind event 1, and
# - an id that stands alone, by which a server moves its readers past what they need not see, counts.
#
# @microsoft/fetch-event-source 2.0.1 takes the id when it reads its line. After a cut inside event
# 2 it has handed out event 1 alone, and asks for what follows event 2: event 2 is lost, silently.
# eventsource 4.1.1, eventsource-client 1.2.0 and launchdarkly-eventsource 2.2.0 forget an id that
# stands alone, so they read again what the server has moved them past. The EventSource of undici
# 7.30.2 does both as the standard says.
#
# Seen with Node.js 20.20.2 (packages from npm):
#                                    cut inside event 2      id 2 alone
#     undici                         got 1, asks behind 1    got 1, asks behind 2
#     eventsource                    got 1, asks behind 1    got 1, asks behind 1
#     eventsource-client             got 1, asks behind 1    got 1, asks behind 1
#     launchdarkly-eventsource       got 1, asks behind 1    got 1, asks behind 1
#     @microsoft/fetch-event-source  got 1, asks behind 2    got 1, asks behind 2
#
# Fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts undici@7.30.2 eventsource@4.1.1 \
  eventsource-client@1.2.0 launchdarkly-eventsource@2.2.0 @microsoft/fetch-event-source@2.0.1
cat >try.mjs <<'NODE'
import http from 'node:http';
import { fetchEventSource } from '@microsoft/fetch-event-source';
import { EventSource } from 'eventsource';
import { createEventSource } from 'eventsource-client';
import LaunchDarkly from 'launchdarkly-eventsource';
import { EventSource as UndiciEventSource } from 'undici';

// What fetch-event-source needs of a browser.
globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };
globalThis.window = globalThis;

const standard = (Class) => (url, got) => {
  const source = new Class(url);
  source.onmessage = (event) => event.data && got(event.data);
  source.onerror = () => {};
  return () => source.close();
};
const clients = {
  undici: standard(UndiciEventSource),
  eventsource: standard(EventSource),
  'eventsource-client': (url, got) => {
    const source = createEventSource({ url, onMessage: ({ data }) => data && got(data) });
    return () => source.close();
  },
  'launchdarkly-eventsource': standard(LaunchDarkly.EventSource),
  '@microsoft/fetch-event-source': (url, got) => {
    const stop = new AbortController();
    fetchEventSource(url, {
      signal: stop.signal,
      openWhenHidden: true,
      onmessage: ({ data }) => data && got(data),
      onclose() {
        throw new Error('connect again');
      },
      onerror: () => 50,
    }).catch(() => {});
    return () => stop.abort();
  },
};
const streams = {
  cut: 'retry: 50\n\nid: 1\ndata: one\n\nid: 2\ndata: tw',
  alone: 'retry: 50\n\nid: 1\ndata: one\n\nid: 2\n\n',
};
const expected = {
  undici: { cut: '1', alone: '2' },
  eventsource: { cut: '1', alone: '1' },
  'eventsource-client': { cut: '1', alone: '1' },
  'launchdarkly-eventsource': { cut: '1', alone: '1' },
  '@microsoft/fetch-event-source': { cut: '2', alone: '2' },
};

async function asked(client, text) {
  const got = [];
  let again;
  const behind = new Promise((resolve) => (again = resolve));
  let connections = 0;
  const server = http.createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    if (++connections === 1) return response.end(text);
    response.write(': here\n\n');
    again(request.headers['last-event-id']);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const late = setTimeout(() => again('nothing within 30 s'), 30_000);
  const stop = client(`http://127.0.0.1:${server.address().port}/`, (data) => got.push(data));
  const id = await behind;
  clearTimeout(late);
  stop();
  server.closeAllConnections();
  server.close();
  return { id, got: got.join() };
}

let changed = 0;
for (const [name, client] of Object.entries(clients)) {
  const cells = [];
  for (const [stream, text] of Object.entries(streams)) {
    const { id, got } = await asked(client, text);
    const same = got === 'one' && id === expected[name][stream];
    changed += same ? 0 : 1;
    cells.push(`${stream}: got ${got}, asks behind ${id}${same ? '' : ' CHANGED'}`);
  }
  console.log(`${name.padEnd(30)} ${cells.join('    ')}`);
}
process.exit(changed ? 1 : 0);
NODE
NODE_NO_WARNINGS=1 node try.mjs
