#!/usr/bin/env bash
# http-proxy-middleware 4.2.2 and fast-proxy 2.2.0 (npm): when the server behind the proxy resets the
# connection in the middle of a body, they add a text of their own to it, and end it as whole.
#
# Status 200 has been sent by then, so the one way left to tell a client is to close the connection
# before the last chunk (RFC 9112, section 8). These two handle the late error as an early one: they
# write the page or message meant for a 504 behind the bytes of the download, and Node.js then adds
# the last chunk. The client takes it for the file. A server that is killed or out of memory while
# it streams an export resets its connections. With the same defaults and server, httpxy 0.5.6 and
# @fastify/http-proxy 11.6.3 close the connection, and the client raises, as it does without a proxy.
#
# Seen with Node.js 20.20.2, one line of a CSV file and then a reset (PORT stands for the number):
#     no proxy               raised
#     http-proxy-middleware  200 "1,first\nError occurred while trying to proxy: 127.0.0.1:PORT/export"
#     fast-proxy             200 "1,first\nread ECONNRESET"
#     httpxy                 raised
#     @fastify/http-proxy    raised
#
# Fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts http-proxy-middleware@4.2.2 \
  fast-proxy@2.2.0 httpxy@0.5.6 @fastify/http-proxy@11.6.3 fastify@5.12.8
cat >try.mjs <<'NODE'
import http from 'node:http';
import net from 'node:net';
import fastifyProxy from '@fastify/http-proxy';
import fastProxy from 'fast-proxy';
import fastify from 'fastify';
import { createProxyMiddleware } from 'http-proxy-middleware';
import { createProxyServer } from 'httpxy';

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n';
const listen = (server) =>
  new Promise((done) => server.listen(0, '127.0.0.1', () => done(server.address().port)));
const origin = net.createServer((socket) => {
  socket.on('error', () => {});
  socket.once('data', () => {
    socket.write(`${HEAD}8\r\n1,first\n\r\n`);
    setTimeout(() => socket.resetAndDestroy(), 500);
  });
});
const base = await listen(origin);
const target = `http://127.0.0.1:${base}`;
const proxies = {
  'no proxy': () => base,
  'http-proxy-middleware': () => listen(http.createServer(createProxyMiddleware({ target }))),
  'fast-proxy': () => {
    const { proxy } = fastProxy({ base: target });
    return listen(http.createServer((req, res) => proxy(req, res, req.url, {})));
  },
  httpxy: () => {
    const proxy = createProxyServer({ target });
    return listen(http.createServer((req, res) => proxy.web(req, res).catch(() => {})));
  },
  '@fastify/http-proxy': async () => {
    const app = fastify().register(fastifyProxy, { upstream: target });
    await app.listen({ port: 0, host: '127.0.0.1' });
    return app.server.address().port;
  },
};
const expected = {
  'http-proxy-middleware':
    '200 "1,first\\nError occurred while trying to proxy: 127.0.0.1:PORT/export"',
  'fast-proxy': '200 "1,first\\nread ECONNRESET"',
};
let changed = 0;
for (const [name, start] of Object.entries(proxies)) {
  const port = await start();
  let saw = 'raised';
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/export`);
    saw = `${answer.status} ${JSON.stringify(await answer.text()).replace(port, 'PORT')}`;
  } catch {}
  changed += saw === (expected[name] ?? 'raised') ? 0 : 1;
  console.log(`${name.padEnd(22)} ${saw}`);
}
process.exit(changed ? 1 : 0);
NODE
node try.mjs
