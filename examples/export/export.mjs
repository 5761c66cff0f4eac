// Exports files with Node.js alone, from 18 on: node export.mjs SERVER_APP_KEY FILE...
// FERRYMAN_URL and FERRYMAN_SERVER_TOKEN say where to. After a crash, run it again: it resumes.
import { createHash } from 'node:crypto';
import { openSync, readSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename } from 'node:path';

const API = `${process.env.FERRYMAN_URL}/server/v1`;
const TOKEN = `Bearer ${process.env.FERRYMAN_SERVER_TOKEN}`;
const HEADERS = { Authorization: TOKEN, 'Content-Type': 'application/json' };
const hex = (algorithm, data) => createHash(algorithm).update(data).digest('hex');

// Sends a request, and again for two minutes while the answer is lost or says "later".
async function request(method, url, headers, body, tries = 0) {
  const answer = await fetch(url, { method, headers, body }).catch((error) => error);
  if (answer.status === 200) return answer;
  const text = answer.status ? `${answer.status} ${await answer.text()}` : (answer.cause ?? answer);
  const later = [undefined, 408, 429, 500, 502, 503, 504].includes(answer.status);
  if (tries === 7 || !later) throw new Error(`${method} ${new URL(url).pathname}: ${text}`);
  const seconds = Math.max(Number(answer.headers?.get('Retry-After') ?? 0), 2 ** tries);
  await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  return request(method, url, headers, body, tries + 1);
}

const call = async (method, path, body) =>
  (await request(method, API + path, HEADERS, JSON.stringify(body))).json();

// Sends a part, unless the store holds it since before a crash; returns it with its etag.
async function sendPart(upload, held, number, data) {
  const part = { number, size: data.length, sha256: hex('sha256', data), md5: hex('md5', data) };
  const same = held.find((each) => each.number === number);
  const proof = same?.sha256 ?? same?.etag.replaceAll('"', '');
  if ([part.sha256, part.md5].includes(proof)) return { ...part, etag: same.etag };
  const asked = await call('POST', `/uploads/${upload.uploadId}/parts`, { parts: [part] });
  const { method, url, headers } = asked.parts[0];
  delete headers['Content-Length']; // fetch adds it itself
  const etag = (await request(method, url, headers, data)).headers.get('ETag').replaceAll('"', '');
  if (upload.compareEtags && etag !== part.md5) throw new Error(`Part ${number} was altered.`);
  return { ...part, etag };
}

const agent = { serverAppKeys: [process.argv[2]], agentId: hostname(), waitSeconds: 25 };
let claimed;
while (!claimed) claimed = (await call('POST', '/listeners/claim', agent)).transfer;
HEADERS['Ferryman-Claim'] = String(claimed.claims);
for (const path of process.argv.slice(3)) {
  const file = { label: basename(path), resumeKey: basename(path) };
  const upload = await call('POST', `/transfers/${claimed.transferId}/app-data`, file);
  const { parts: held } = await call('GET', `/uploads/${upload.uploadId}`);
  const [bytes, buffer, parts] = [openSync(path), Buffer.alloc(upload.partSize), []];
  for (let size = buffer.length, read = 1; size === buffer.length; read = 1) {
    for (size = 0; read > 0; size += read) read = readSync(bytes, buffer.subarray(size));
    if (size === 0 && parts.length > 0) break;
    parts.push(await sendPart(upload, held, parts.length + 1, buffer.subarray(0, size)));
  }
  await call('POST', `/uploads/${upload.uploadId}/complete`, { parts });
  console.log(`${file.label}: parts ${parts.length}, held before ${held.length}`);
}
await request('POST', `${API}/transfers/${claimed.transferId}/complete-export`, HEADERS, '{}');
