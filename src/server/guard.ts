import { isIP } from 'node:net';
import type { RequestHandler } from 'express';

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
  'Cache-Control': 'no-cache',
};

export const safeHeaders: RequestHandler = (_request, response, next) => {
  response.set(HEADERS);
  next();
};

/** There is nothing to write here. */
export const readsOnly: RequestHandler = (request, response, next) => {
  if (request.method === 'GET' || request.method === 'HEAD') return next();
  response
    .status(405)
    .set('Allow', 'GET, HEAD')
    .json({ error: `This server only reads: it answers GET and HEAD, not ${request.method}.` });
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

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** The name in a Host header, without its port; "" where it is none. */
function nameOf(header: string): string {
  const found = /^([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/.exec(header);
  return found?.[1]?.toLowerCase() ?? '';
}
