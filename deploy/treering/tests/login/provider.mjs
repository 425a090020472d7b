// A real OpenID provider for the tests: `node provider.mjs MODULES CALLBACK`. It prints its address, lets everybody in who
// gives a name, and misbehaves when it is told to: `/test?fault=nonce|aud|iss|exp|key`, for the next token, and
// `/test?rotate=1`, which gives it another signing key.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [modules, callback] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { default: Provider } = await load('oidc-provider');
const jose = await load('jose');

const server = createServer((request, response) => answer(request, response));
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const issuer = `http://127.0.0.1:${server.address().port}`;
let provider, signing, fault;
await begin();
// Nobody reads further: its remarks on development would end it.
console.log = console.info = console.warn = () => {};
process.stdout.write(`${issuer}\n`);

async function begin() {
    const { privateKey } = await jose.generateKeyPair('RS256', { extractable: true });
    const key = { ...(await jose.exportJWK(privateKey)), kid: `key-${Date.now()}-${Math.random()}`, alg: 'RS256', use: 'sig' };
    signing = { privateKey, kid: key.kid };
    provider = new Provider(issuer, {
        clients: [{
            client_id: 'treering',
            client_secret: 'a secret of the client',
            redirect_uris: [callback],
            post_logout_redirect_uris: [new URL('/login', callback).href],
        }],
        cookies: { keys: ['a key of cookies'] },
        jwks: { keys: [key] },
        pkce: { required: () => true, methods: ['S256'] },
        findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, treering: { shop: 'viewer' } }) }),
        claims: { openid: ['sub', 'treering'] },
        conformIdTokenClaims: false,
        async loadExistingGrant(context) {
            const grant = new context.oidc.provider.Grant({
                clientId: context.oidc.client.clientId,
                accountId: context.oidc.session.accountId,
            });
            grant.addOIDCScope('openid profile email');
            await grant.save();
            return grant;
        },
    });
    provider.use(async (context, next) => {
        await next();
        if (context.path === '/token' && context.body?.id_token && fault) {
            context.body.id_token = await misbehave(context.body.id_token);
        }
    });
}

async function misbehave(token) {
    const claims = jose.decodeJwt(token);
    const wrong = {
        nonce: { nonce: 'another' },
        aud: { aud: 'another' },
        iss: { iss: 'https://another.example' },
        exp: { exp: Math.floor(Date.now() / 1000) - 3600 },
        key: {},
    }[fault];
    const another = (await jose.generateKeyPair('RS256')).privateKey;
    const key = fault === 'key' ? another : signing.privateKey;
    fault = undefined;
    return new jose.SignJWT({ ...claims, ...wrong }).setProtectedHeader({ alg: 'RS256', kid: signing.kid }).sign(key);
}

async function answer(request, response) {
    const { pathname, searchParams } = new URL(request.url, issuer);
    if (pathname !== '/test') {
        return provider.callback()(request, response);
    }
    if (searchParams.has('rotate')) {
        await begin();
    }
    fault = searchParams.get('fault') ?? undefined;
    response.end();
}
