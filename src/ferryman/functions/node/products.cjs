// Answers calls of a product from fixtures, without a network: so they work in a sandbox too.

'use strict';

const BASE = 'http://product.invalid';
const EMPTY = new Set([204, 205, 304]); // a Response refuses a body with them
const NAME_CHARACTERS = 60;

// Returns the answer to a call, or throws an error with what to add.
function answer(name, product, { folder, rows }, path, init) {
  const method = String(init.method ?? 'GET').toUpperCase();
  const url = new URL(path, BASE);
  const row = rows.find((each) => each.method === method && matches(each.path, url));
  if (row === undefined) throw new Error(missing(name, product, folder, method, url));
  const body = EMPTY.has(row.status) ? null : Buffer.from(row.body, 'base64');
  return new Response(method === 'HEAD' ? null : body, { status: row.status, headers: row.headers });
}

function matches(pattern, url) {
  const [path, query] = pattern.split('?', 2);
  if (!covers(encoded(path), url.pathname)) return false;
  if (query === undefined) return true;
  return [...new URLSearchParams(query)].every(([key, value]) =>
    url.searchParams.getAll(key).some((each) => covers(value, each)));
}

const encoded = (path) => new URL(path, BASE).pathname;

function covers(pattern, text) {
  const parts = pattern.split(/(\*\*|\*)/).map((part) =>
    part === '**' ? '.*' : part === '*' ? '[^/]*' : part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'));
  return new RegExp(`^${parts.join('')}$`, 's').test(text);
}

function missing(name, product, folder, method, url) {
  const slug = url.pathname.replace(/[^\w]+/g, '-').replace(/^-|-$/g, '').slice(-NAME_CHARACTERS);
  const file = `${folder.replace(/\/+$/, '')}/${slug || product}.json`;
  const fixture = JSON.stringify({
    ...(method === 'GET' ? {} : { method }),
    path: url.pathname + url.search,
    body: {},
  });
  return `${name}(${method} ${url.pathname}${url.search}): no fixture answers this call. ` +
    `Add it as ${file}: ${fixture}`;
}

module.exports = { answer };
