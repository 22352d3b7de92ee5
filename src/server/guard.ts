import { isIP } from 'node:net';
import type { RequestHandler } from 'express';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i;

/**
 * Which Host headers are answered. A page of somebody else's may make its own name point to us (DNS rebinding); its requests then bear
 * that name. So names are refused unless they are ours; addresses cannot be re-pointed, and are taken where we listen to more than loopback.
 */
export function isOwnHost(header: string | undefined, listening: string): boolean {
  const name = (header ?? '').replace(/:\d{1,5}$/, '');
  if (LOOPBACK.test(name)) return true;
  if (LOOPBACK.test(listening) || listening === '::1') return false;
  if (name.toLowerCase() === listening.toLowerCase()) return true;
  return isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0;
}

/** Refuses what the dashboard never asks, and tells the browser to run nothing but our own files. */
export function guard(listening: string): RequestHandler {
  return (request, response, next) => {
    response.set({
      'Content-Security-Policy':
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
      'Cross-Origin-Resource-Policy': 'same-origin',
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cache-Control': 'no-cache',
    });
    if (!isOwnHost(request.headers.host, listening)) {
      response.status(421).json({ error: 'This name is not one of this server: open it by its address, or start it with --host NAME.' });
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.status(405).set('Allow', 'GET, HEAD').json({ error: 'This server only shows; it takes GET and HEAD.' });
    } else next();
  };
}
