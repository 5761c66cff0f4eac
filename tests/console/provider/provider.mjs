// A real OpenID Connect provider for tests: oidc-provider, with a page of its own to sign in on.
// Its settings are JSON in the variable PROVIDER. Each start makes new keys.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const own = JSON.parse(process.env.PROVIDER);
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const jwk = { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' };
const SCOPES = 'openid email profile groups';

const provider = new Provider(own.issuer, {
  clients: [
    {
      client_id: own.clientId,
      client_secret: own.clientSecret,
      redirect_uris: [own.redirectUri],
      backchannel_logout_uri: own.logoutUri,
      backchannel_logout_session_required: true,
    },
  ],
  claims: { openid: ['sub'], email: ['email'], profile: ['name'], groups: ['groups'] },
  scopes: SCOPES.split(' '),
  conformIdTokenClaims: own.shortTokens,
  cookies: { keys: [randomUUID()] },
  features: { devInteractions: { enabled: false }, backchannelLogout: { enabled: true } },
  // The console of a test is on this machine, which the provider would not call, and may be slow.
  fetch: (url, options) => fetch(url, { ...options, dispatcher: undefined, signal: undefined }),
  findAccount: (_, id) =>
    own.people[id] && { accountId: id, claims: () => ({ sub: id, ...own.people[id] }) },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  jwks: { keys: [jwk] },
  loadExistingGrant: async (context) => {
    const grant = new provider.Grant({
      clientId: own.clientId,
      accountId: context.oidc.session.accountId,
    });
    grant.addOIDCScope(SCOPES);
    await grant.save();
    return grant;
  },
});

const page = (body) => `<!doctype html><html lang="en"><title>Provider</title><main>${body}</main>`;
const form = '<form method="post"><label>Name <input name="name"></label><button>Go on</button></form>';

async function interact(request, response) {
  if (request.method === 'GET') {
    response.setHeader('content-type', 'text/html').end(page(form));
    return;
  }
  let sent = '';
  for await (const chunk of request) sent += chunk;
  const accountId = new URLSearchParams(sent).get('name');
  const known = accountId in own.people;
  const result = known ? { login: { accountId } } : { error: 'access_denied' };
  await provider.interactionFinished(request, response, result);
}

const callback = provider.callback();
const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, own.issuer);
  if (pathname.startsWith('/interaction/')) {
    interact(request, response).catch((error) => response.writeHead(500).end(String(error)));
  } else if (pathname === '/mail') {
    const link = page(`<a href="${searchParams.get('to')}">Look at this</a>`);
    response.setHeader('content-type', 'text/html').end(link);
  } else {
    callback(request, response);
  }
});
server.listen(Number(new URL(own.issuer).port), '127.0.0.1', () => console.log('ready'));
