#!/usr/bin/env bash
# undici 7.30.2 (RetryAgent), axios-retry 4.5.0, got 14.6.6 and make-fetch-happen 15.0.6: a PUT that
# is sent again may carry no byte of its stream, and the caller is told 200.
#
# An object store answers a PUT in three ways that ask for it once more: 503 (it is busy), 307 (the
# bucket is elsewhere for now), and a closed connection (it restarts). A stream can be read once. The
# right answer to the caller is then an error; these clients send the request again with the stream
# as it stands, at its end. The store keeps an empty object, and nobody is told.
#
# One client may do right for one kind of stream and wrong for the other: undici refuses to send a
# Readable again, and sends an async generator and a web stream of fetch empty; got refuses a
# Readable at 503, and sends it empty at 307.
#
# Seen with Node.js 20.20.2 (packages from npm; 4,000 bytes; what the server read, in order):
#     503    undici request, generator    4000, 0     the caller saw 200
#     503    undici request, Readable     4000        the caller saw an error
#     503    undici fetch, web stream     4000, 0     the caller saw 200
#     503    axios-retry, Readable        4000, 0     the caller saw 200
#     503    got, generator               4000, 0     the caller saw 200
#     503    got, Readable                4000        the caller saw an error
#     closed undici request, generator    4000, 0     the caller saw 200
#     closed axios-retry, Readable        4000, 0     the caller saw 200
#     closed make-fetch-happen, Readable  4000, 0     the caller saw 200
#     307    got, Readable                4000, 0     the caller saw 200
#     307    make-fetch-happen, Readable  4000, 0     the caller saw 200
#     307    axios, Readable              4000, 4000  the caller saw 200
#
# Fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts undici@7.30.2 axios@1.21.1 \
  axios-retry@4.5.0 got@14.6.6 make-fetch-happen@15.0.6
cat >try.mjs <<'NODE'
import http from 'node:http';
import { Readable } from 'node:stream';
import axios from 'axios';
import axiosRetry from 'axios-retry';
import got from 'got';
import makeFetchHappen from 'make-fetch-happen';
import { Agent, RetryAgent, fetch, request } from 'undici';

async function* generator() {
  for (let part = 0; part < 4; part++) yield Buffer.alloc(1000, 'x');
}
const readable = () => Readable.from(generator());

const dispatcher = new RetryAgent(new Agent(), { minTimeout: 10, maxRetries: 1 });
const retrying = axios.create();
axiosRetry(retrying, { retries: 1 });
const put = { method: 'PUT', duplex: 'half', dispatcher };
const twice = { retry: { limit: 1, backoffLimit: 10 } };

const clients = {
  'undici request, generator': async (url) =>
    (await request(url, { ...put, body: generator() })).statusCode,
  'undici request, Readable': async (url) =>
    (await request(url, { ...put, body: readable() })).statusCode,
  'undici fetch, web stream': async (url) =>
    (await fetch(url, { ...put, body: Readable.toWeb(readable()) })).status,
  'axios, Readable': async (url) => (await axios.put(url, readable())).status,
  'axios-retry, Readable': async (url) => (await retrying.put(url, readable())).status,
  'got, generator': async (url) => (await got.put(url, { body: generator(), ...twice })).statusCode,
  'got, Readable': async (url) => (await got.put(url, { body: readable(), ...twice })).statusCode,
  'make-fetch-happen, Readable': async (url) => {
    const retry = { retries: 1, minTimeout: 10 };
    return (await makeFetchHappen(url, { method: 'PUT', body: readable(), retry })).status;
  },
};

const expected = [
  ['503', 'undici request, generator', '4000, 0', '200'],
  ['503', 'undici request, Readable', '4000', 'an error'],
  ['503', 'undici fetch, web stream', '4000, 0', '200'],
  ['503', 'axios-retry, Readable', '4000, 0', '200'],
  ['503', 'got, generator', '4000, 0', '200'],
  ['503', 'got, Readable', '4000', 'an error'],
  ['closed', 'undici request, generator', '4000, 0', '200'],
  ['closed', 'axios-retry, Readable', '4000, 0', '200'],
  ['closed', 'make-fetch-happen, Readable', '4000, 0', '200'],
  ['307', 'got, Readable', '4000, 0', '200'],
  ['307', 'make-fetch-happen, Readable', '4000, 0', '200'],
  ['307', 'axios, Readable', '4000, 4000', '200'],
];

const first = {
  503: (req, res) => res.writeHead(503).end(),
  307: (req, res) => res.writeHead(307, { location: '/elsewhere' }).end(),
  closed: (req) => req.socket.destroy(),
};

let changed = 0;
for (const [answer, name, bytes, status] of expected) {
  const read = [];
  // A server of its own for each try, so that nothing of one is counted for another.
  const server = http.createServer(async (req, res) => {
    let size = 0;
    for await (const piece of req) size += piece.length;
    read.push(size);
    if (read.length === 1) first[answer](req, res);
    else res.end();
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${server.address().port}/`;
  const saw = await clients[name](url).then(String, () => 'an error');
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  const same = read.join(', ') === bytes && saw === status;
  changed += same ? 0 : 1;
  const line = [answer.padEnd(6), name.padEnd(27), read.join(', ').padEnd(10)].join(' ');
  console.log(`${line}  the caller saw ${saw}${same ? '' : '   CHANGED'}`);
}
process.exit(changed ? 1 : 0);
NODE
node try.mjs
