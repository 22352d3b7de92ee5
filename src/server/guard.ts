import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import type { Request, RequestHandler } from 'express';

/**
 * What a browser may do with our answers: load the page's own script and style, talk to us, and nothing else. With trusted types no script
 * can turn a string into markup, whatever a device sent.
 */
const HEADERS = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cache-Control': 'no-cache',
};

/** Of the cookie that a browser keeps the token in. */
const COOKIE = 'fleet';

export const safeHeaders: RequestHandler = (_request, response, next) => {
  response.set(HEADERS);
  next();
};

/** There is nothing to write here but the queue of benches. */
export const readsOnly: RequestHandler = (request, response, next) => {
  const { method, path } = request;
  if (method === 'GET' || method === 'HEAD') return next();
  if (method === 'POST' && /^\/api\/benches(\/[\w.-]+\/stop)?$/.test(path)) return next();
  response
    .status(405)
    .set('Allow', 'GET, HEAD')
    .json({ error: `This server only reads: it answers GET and HEAD, not ${method}. Benches are asked for by POST /api/benches.` });
};

/**
 * A page of a stranger may make its own name point to this machine (DNS rebinding) and read us with the visitor's browser; the browser
 * then still sends the stranger's name. So a server on a loopback address answers only to names of this machine.
 */
export function knownHost(host: string): RequestHandler {
  const names = new Set(['localhost', '127.0.0.1', '[::1]', nameOf(host)]);
  return (request, response, next) => {
    if (!isLoopback(host) || names.has(nameOf(request.headers.host ?? ''))) return next();
    response
      .status(403)
      .json({ error: 'This server answers only to names of this machine: open it as localhost or 127.0.0.1, or start it with --host.' });
  };
}

/** A browser says from which page a request comes: only ours may ask. What writes must say it, unless it carries the token itself. */
export const ownOrigin: RequestHandler = (request, response, next) => {
  const { origin, host } = request.headers;
  const reads = request.method === 'GET' || request.method === 'HEAD';
  const site = request.headers['sec-fetch-site'];
  if (origin === undefined ? reads || bearer(request) !== null : origin === `http://${host}` || origin === `https://${host}`)
    if (site === undefined || site === 'same-origin' || (reads && site === 'none') || (reads && request.path === '/')) return next();
  response.status(403).json({ error: 'This request comes from another page: open the dashboard itself and ask from there.' });
};

/**
 * Whoever reaches a server that is not on a loopback address needs its token: in the address of the first visit (a cookie then keeps its hash),
 * or as "Authorization: Bearer". null lets everybody in.
 */
export function tokenHolders(token: string | null): RequestHandler {
  return (request, response, next) => {
    if (token === null) return next();
    const given = request.path === '/' && typeof request.query.token === 'string' ? request.query.token : null;
    if (given !== null && same(given, token)) {
      response.cookie(COOKIE, hashOf(token).toString('base64url'), { httpOnly: true, sameSite: 'strict', path: '/', maxAge: 30 * 86_400_000 });
      const rest = new URLSearchParams(request.query as Record<string, string>);
      rest.delete('token');
      return response.redirect(303, rest.size > 0 ? `./?${rest}` : './');
    }
    const [held, kept] = [bearer(request), cookie(request)];
    if (held !== null ? same(held, token) : kept !== null && same(kept, hashOf(token).toString('base64url'))) return next();
    response
      .status(401)
      .set('WWW-Authenticate', 'Bearer realm="fleet"')
      .json({ error: 'This server needs its token: open the address that `fleet serve` printed, or send it as "Authorization: Bearer TOKEN".' });
  };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function bearer(request: Request): string | null {
  return /^Bearer (\S{1,256})$/i.exec(request.headers.authorization ?? '')?.[1] ?? null;
}

function cookie(request: Request): string | null {
  const found = (request.headers.cookie ?? '').split(';').map((part) => part.trim().split('='));
  return found.find(([name]) => name === COOKIE)?.[1] ?? null;
}

/** Takes as long for any wrong token. */
function same(given: string, token: string): boolean {
  return timingSafeEqual(hashOf(given), hashOf(token));
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** The name in a Host header, without its port; "" where it is none. */
function nameOf(header: string): string {
  const found = /^([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/.exec(header);
  return found?.[1]?.toLowerCase() ?? '';
}
