import { UsageError } from '../core/errors.ts';

/** Where an SSH server is, as a person writes it. */
export interface Address {
  user?: string;
  host: string;
  port?: number;
}

/**
 * Reads "[user@]host[:port]", "[user@][ipv6][:port]" or "ssh://...". A bare IPv6 address has no port.
 * Throws a UsageError for anything else.
 */
export function parseAddress(text: string): Address {
  const plain = text.trim().replace(/^ssh:\/\//, '');
  const at = plain.lastIndexOf('@');
  const user = at < 0 ? undefined : plain.slice(0, at);
  const place = plain.slice(at + 1);
  const match =
    /^\[([0-9A-Fa-f:.%\w]+)\](?::(\d+))?$/.exec(place) ??
    /^([0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.%\w]*)$/.exec(place) ??
    /^([^\s:[\]/@-][^\s:[\]/@]*)(?::(\d+))?$/.exec(place);
  const port = match?.[2] === undefined ? undefined : Number(match[2]);
  if (!match?.[1] || user === '' || user?.startsWith('-') || (port !== undefined && (port < 1 || port > 65535)))
    throw new UsageError(`"${text}" is not an SSH address: write user@host, user@host:port or user@[ipv6]:port`);
  return { ...(user !== undefined && { user }), host: match[1], ...(port !== undefined && { port }) };
}

/** The address as shown to people. */
export function showAddress({ user, host, port }: Address): string {
  const place = host.includes(':') ? `[${host}]` : host;
  return `${user === undefined ? '' : `${user}@`}${place}${port === undefined || port === 22 ? '' : `:${port}`}`;
}
