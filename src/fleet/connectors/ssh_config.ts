import { readdir, readFile } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import { basename, dirname, isAbsolute, join } from 'node:path';
import SSHConfig from 'ssh-config';
import { FleetError, reason, UsageError } from '../../core/errors.ts';
import { type Address, parseAddress } from '../address.ts';

/** One SSH server and how to enter it: what the device says, then ~/.ssh/config, then the defaults. */
export interface Endpoint extends Required<Address> {
  /** Name under which its key is looked up in known_hosts. */
  keyName: string;
  /** Private keys that were named; empty: the default ones. */
  identities: string[];
  /** Offer no other keys than these. */
  identitiesOnly: boolean;
  /** known_hosts files; new keys go to the first. */
  knownHosts: string[];
  /** Seconds between two looks whether the server still answers, and looks in vain after which the link counts as lost. */
  beat: { seconds: number; count: number };
  /** Servers to pass through, nearest first. */
  jumps: Endpoint[];
}

export interface Wish extends Address {
  identity?: string;
  /** ProxyJump of the device; otherwise that of ~/.ssh/config. */
  jump?: string;
}

const DEEPEST = 8;
const BEAT = { seconds: 5, count: 3 };

/**
 * Resolves a host or an alias of ~/.ssh/config. HostName, Port, User, IdentityFile, IdentitiesOnly, HostKeyAlias, UserKnownHostsFile,
 * ServerAliveInterval, ServerAliveCountMax, ProxyJump and Include are honoured; StrictHostKeyChecking is not, since checking is always strict; `Match exec` never matches, since
 * looking up a host must not run programs.
 */
export async function resolveEndpoint(wish: Wish, depth = 0): Promise<Endpoint> {
  if (depth > DEEPEST) throw new UsageError(`${wish.host}: more than ${DEEPEST} ProxyJump steps; does ~/.ssh/config go in a circle?`);
  const options = await lookUp(wish.host, wish.user);
  const user = wish.user ?? options.one('user') ?? userInfo().username;
  const port = wish.port ?? Number(options.one('port') ?? 22);
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw new UsageError(`~/.ssh/config: Port "${options.one('port')}" of ${wish.host} is not a port`);
  const host = (options.one('hostname') ?? wish.host).replaceAll('%h', wish.host).replaceAll('%%', '%');
  const expand = (path: string) =>
    expandPath(path, { '%': '%', d: homedir(), h: host, n: wish.host, p: String(port), r: user, u: userInfo().username });
  const knownHosts = options.all('userknownhostsfile').map(expand);
  const jump = wish.jump ?? options.one('proxyjump');
  if (wish.jump === undefined && jump === undefined && (options.one('proxycommand') ?? 'none') !== 'none')
    throw new UsageError(
      `${wish.host} has a ProxyCommand in ~/.ssh/config, which fleet does not run; use ProxyJump, or \`jump:\` in the device's file`,
    );
  const alias = options.one('hostkeyalias');
  return {
    host,
    port,
    user,
    keyName: (alias ?? (port === 22 ? host : `[${host}]:${port}`)).toLowerCase(),
    identities: wish.identity === undefined ? options.all('identityfile').map(expand) : [expand(wish.identity)],
    identitiesOnly: options.one('identitiesonly')?.toLowerCase() === 'yes',
    knownHosts: knownHosts.length ? knownHosts : [join(homedir(), '.ssh/known_hosts'), join(homedir(), '.ssh/known_hosts2')],
    beat: { seconds: wholeOr(options.one('serveraliveinterval'), BEAT.seconds), count: wholeOr(options.one('serveralivecountmax'), BEAT.count) },
    jumps: jump === undefined || jump.toLowerCase() === 'none' ? [] : await resolveJumps(jump, depth),
  };
}

/** A whole number from 1 on; anything else, also the 0 that turns ssh's own looking off, is the default. */
function wholeOr(text: string | undefined, otherwise: number): number {
  const value = Number(text);
  return Number.isSafeInteger(value) && value > 0 ? value : otherwise;
}

/** Only the first step of a list may have jumps of its own: the others are reached through it. */
async function resolveJumps(list: string, depth: number): Promise<Endpoint[]> {
  const steps: Endpoint[] = [];
  for (const [index, text] of list.split(',').entries()) {
    const step = await resolveEndpoint({ ...parseAddress(text), ...(index > 0 && { jump: 'none' }) }, depth + 1);
    steps.push(...step.jumps, { ...step, jumps: [] });
  }
  return steps;
}

/** "~/x" and the % tokens of ssh_config(5). */
function expandPath(path: string, tokens: Record<string, string>): string {
  const home = path === '~' || path.startsWith('~/') ? homedir() + path.slice(1) : path;
  const full = home.replace(/%(.)/g, (whole, letter: string) => tokens[letter] ?? whole);
  return isAbsolute(full) ? full : join(process.cwd(), full);
}

async function lookUp(host: string, user: string | undefined): Promise<{ one(key: string): string | undefined; all(key: string): string[] }> {
  const file = join(homedir(), '.ssh/config');
  let values: Record<string, string | string[]>;
  try {
    const text = await readWithIncludes(file, 0);
    values = SSHConfig.parse(text).compute({ Host: host, ...(user !== undefined && { User: user }) }, { ignoreCase: true, matchExec: false });
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${reason(error)}`, { cause: error });
  }
  const all = (key: string) => [values[key] ?? []].flat().flatMap((value) => (key === 'userknownhostsfile' ? value.split(/\s+/) : [value]));
  return { one: (key) => all(key)[0], all };
}

/** Text of a config with its Include lines replaced by the files they name; "" where there is none. */
async function readWithIncludes(file: string, depth: number): Promise<string> {
  if (depth > 16) throw new FleetError('Include goes in a circle');
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const lines: string[] = [];
  let section = 'Host *';
  for (const line of text.split('\n')) {
    if (/^\s*(host|match)[\s=]/i.test(line)) section = line;
    const include = /^\s*include\s+(.+)$/i.exec(line);
    if (!include?.[1]) lines.push(line);
    else {
      for (const pattern of include[1].trim().split(/\s+/)) {
        for (const name of await expandPattern(pattern.replaceAll('"', ''))) lines.push(await readWithIncludes(name, depth + 1));
      }
      lines.push(section); // an included file does not change the section after it
    }
  }
  return lines.join('\n');
}

/** Files that match a pattern with * in its last part, relative to ~/.ssh. */
async function expandPattern(pattern: string): Promise<string[]> {
  const path = pattern.startsWith('~/') ? join(homedir(), pattern.slice(2)) : isAbsolute(pattern) ? pattern : join(homedir(), '.ssh', pattern);
  if (!basename(path).includes('*')) return [path];
  const parts = basename(path)
    .split('*')
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const match = new RegExp(`^${parts.join('.*')}$`);
  const names = await readdir(dirname(path)).catch(() => []);
  return names
    .filter((name) => match.test(name))
    .sort()
    .map((name) => join(dirname(path), name));
}
