// Replaces `@forge/migrations`, following the interface documented in forge-events; the calls of
// each method are in forge-rest (docs/reference/sources.md).

const BASE = '/app/migration/forge/v1';
const PLATFORM = { provider: 'app', remote: 'stargate', type: 'fpp' };

export class MigrationAPIError extends Error {
  constructor(message, status, options) {
    super(message, options);
    this.name = 'MigrationAPIError';
    this.status = status;
  }
}

async function call(method, path, { query = {}, body } = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const search = given.length > 0 ? `?${new URLSearchParams(given)}` : '';
  const init = { method };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { 'Content-Type': 'application/json' };
  }
  let response;
  try {
    response = await globalThis.__forge_fetch__(PLATFORM, BASE + path + search, init);
  } catch (cause) {
    throw new MigrationAPIError(`${method} ${path}: ${cause.cause ?? cause}`, undefined, { cause });
  }
  if (response.status !== 200) {
    throw new MigrationAPIError(`${method} ${path}: ${await reason(response)}`, response.status);
  }
  return response;
}

async function reason(response) {
  const text = await response.text();
  try {
    const { code, detail } = JSON.parse(text);
    return `${response.status} ${code}: ${detail}`;
  } catch {
    return `${response.status} ${text.slice(0, 500)}`;
  }
}

const json = async (...request) => (await call(...request)).json();
const part = encodeURIComponent;

// Query pages; results are {key, value}.
class QueryBuilder {
  #path;
  #query;
  #results;

  constructor(path, query, results) {
    this.#path = path;
    this.#query = query;
    this.#results = results;
  }

  limit(limit) {
    return this.#with({ pageSize: limit });
  }

  cursor(cursor) {
    return this.#with({ lastEntity: cursor });
  }

  async getOne() {
    const { results } = await this.limit(1).getMany();
    return results[0];
  }

  async getMany() {
    const page = await json('GET', this.#path, { query: this.#query });
    const results = this.#results(page).map(([key, value]) => ({ key, value }));
    const { hasNext, lastEntity } = page.meta;
    return hasNext ? { results, nextCursor: lastEntity } : { results };
  }

  #with(more) {
    return new QueryBuilder(this.#path, { ...this.#query, ...more }, this.#results);
  }
}

// The documentation says `{result: Map}`, but apps have also met plain objects in either place. So
// this is an object of the ids, whose `result` is both a Map and such an object.
function mappingResponse(ids) {
  const result = new Map(Object.entries(ids));
  for (const [key, value] of result) {
    if (!(key in result)) Object.defineProperty(result, key, { value, enumerable: true });
  }
  return Object.defineProperty(ids, 'result', { value: result, enumerable: false });
}

const acknowledge = (status) => async (transferId, messageId) => {
  const body = { status, messageIds: [messageId] };
  await call('POST', `/message/${part(transferId)}/status`, { body });
};

export const migration = {
  async getMappingById(transferId, namespace, keys) {
    const path = `/mapping/${part(transferId)}/find`;
    return mappingResponse(await json('POST', path, { query: { namespace }, body: [...keys] }));
  },

  async getAppDataList(transferId) {
    const files = await json('GET', `/data/${part(transferId)}/all`);
    return { result: new Set(files.map((file) => ({ s3Key: file.key, ...file }))) };
  },

  getAppDataPayload: (key) => call('GET', `/data/${part(key)}/payload`),

  messageProcessed: acknowledge('SUCCESS'),

  messageFailed: acknowledge('FAILED'),

  getMappings(transferId, namespace) {
    const results = (page) => Object.entries(page.items);
    return new QueryBuilder(`/mapping/${part(transferId)}/page`, { namespace }, results);
  },

  getContainers(transferId, containerType) {
    const results = ({ containers }) => containers.map((each) => [each.key ?? each.sourceId, each]);
    return new QueryBuilder(`/container/${part(transferId)}/page`, { containerType }, results);
  },

  async addLog(transferId, message) {
    await call('POST', `/log/${part(transferId)}`, { body: { message } });
  },
};

export default { ...migration, migration, MigrationAPIError };
