// The globals through which the `@forge/…` packages from npm (`@forge/api` 8) reach their platform:
// `__forge_fetch__` for calls, `__forge_runtime__` for the rest.

'use strict';

const products = require('./products.cjs');

const NAMES = { jira: 'requestJira', confluence: 'requestConfluence', bitbucket: 'requestBitbucket' };
// Calls after `withContext` name no product, only what they are about.
const CONTEXT = /^ari:cloud:(jira|confluence|bitbucket)/;
const FORGE_TYPES = new Set(['development', 'staging', 'production']);
const MIGRATION = '/app/migration/';
// The platform's own services, by the type of their target: their paths overlap.
const SERVICES = { kvs: '/app/forge/kvs', sql: '/app/forge/sql', os: '/app/forge/os' };
const STORAGE = '/forge/entities/graphql';
// The package leaves the placeholders after the call's name to the platform.
const QUEUE = /^\/webhook\/queue\/(publish|stats|cancel)\//;

const APP_EVENTS = '/forge/events/v1/app-events';
const NO_APP_EVENTS =
  'Ferryman delivers no app events: how a trigger names them is not published. Name a file of ' +
  'your own for @forge/events under [alias] in ferryman.toml.';

const QUEUES = '/app/forge/queue/';
const CHAIN = 'x-ferryman-queue-chain'; // as in api/queue.py

const nothing = () => {};
const metrics = {
  counter: () => ({ incr: nothing, decr: nothing }),
  gauge: () => ({ set: nothing, incr: nothing, decr: nothing }),
  timing: () => ({ set: nothing, measure: () => ({ stop: nothing }) }),
};

function provide(calls, { source, products: addresses, fixtures }) {
  const call = () => calls.getStore() ?? {};

  async function forgeFetch(target, path, init = {}) {
    const product = productOf(target);
    if (Object.hasOwn(fixtures, product)) {
      return products.answer(NAMES[product] ?? product, product, fixtures[product], path, init);
    }
    if (target.remote === 'stargate' && path === APP_EVENTS) {
      // The package throws for no status: it returns what is said here, and apps may not look.
      console.warn(NO_APP_EVENTS);
      return Response.json({ errors: [NO_APP_EVENTS] }, { status: 501 });
    }
    const { base, own } = placeOf(target, product, path);
    const headers = new Headers(init.headers);
    // The token of the call that began the fetch, even if another call runs by now.
    const token = call().token ?? process.env.FERRYMAN_TOKEN;
    if (own !== undefined) headers.set('Authorization', `Bearer ${token}`);
    const { queueChain } = call().identity ?? {};
    if (queueChain !== undefined && own?.startsWith(QUEUES)) headers.set(CHAIN, queueChain);
    return fetch(base.replace(/\/+$/, '') + (own ?? path), { ...init, headers });
  }

  // Returns the address to call; `own` is the path there of a call to the platform itself.
  function placeOf(target, product, path) {
    const { type, remote } = target;
    const platform = process.env.FERRYMAN_URL;
    if (path.startsWith(MIGRATION)) return { base: platform, own: path };
    if (Object.hasOwn(addresses, product)) return { base: addresses[product] };
    if (Object.hasOwn(SERVICES, type)) {
      // The object store's package leaves out the first slash.
      return { base: platform, own: `${SERVICES[type]}/${path.replace(/^\//, '')}` };
    }
    if (remote === 'stargate' && path === STORAGE) return { base: platform, own: `/app${path}` };
    const queue = remote === 'stargate' && QUEUE.exec(path);
    if (queue) return { base: platform, own: QUEUES + queue[1] };
    if (type === 'fpp' && Object.hasOwn(NAMES, product)) {
      throw new Error(
        `${NAMES[product]}(${path}): nothing stands in for this product here. Add answers to ` +
          `ferryman.toml as [products.${product}] fixtures = "${product}/", and a file ` +
          `${product}/NAME.json with {"path": "${path}", "body": {}}; or, under [products], an ` +
          `address: ${product} = "http://…".`,
      );
    }
    throw new Error(
      `Ferryman has no stand-in for the Forge service ${remote ?? type} (${path}). Name a file of ` +
        `your own for the module that calls it under [alias] in ferryman.toml.`,
    );
  }

  function productOf({ type, remote, contextAri }) {
    return type === 'fpp' && remote === undefined ? CONTEXT.exec(contextAri)?.[1] : remote;
  }

  // `@forge/api` prefixes the ids to make ARIs, so they must be bare.
  function runtime() {
    const { remaining, context, identity = {} } = call();
    return {
      metrics,
      contextAri: context?.installContext,
      externalAuth: [],
      container: { appCodeDir: source },
      lambdaContext: {
        getRemainingTimeInMillis: () => Math.max(0, Math.round(remaining())),
      },
      appContext: {
        appId: identity.appId,
        appVersion: '1.0.0',
        environmentId: identity.environment,
        environmentType: FORGE_TYPES.has(identity.environment)
          ? identity.environment.toUpperCase()
          : 'DEVELOPMENT',
        installationId: identity.installationId,
        invocationId: String(call().call),
        permissions: { scopes: [], external: {} },
      },
    };
  }

  globalThis.__forge_fetch__ = forgeFetch;
  Object.defineProperty(globalThis, '__forge_runtime__', { configurable: true, get: runtime });
}

module.exports = { provide };
