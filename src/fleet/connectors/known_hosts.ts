import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { appendFile, chmod, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FleetError, reason } from '../../core/errors.ts';

/** One usable line of a known_hosts file. */
export interface KnownHost {
  marker: '' | '@revoked' | '@cert-authority';
  /** The first field: comma-separated patterns, or one |1|salt|hash. */
  names: string;
  type: string;
  key: Buffer;
  file: string;
  line: number;
}

export type Verdict = { kind: 'known' } | { kind: 'unknown'; certAuthority: boolean } | { kind: 'changed' | 'revoked'; entry: KnownHost };

/** Signature algorithms a server proves each key type with; SHA-1 is left out. */
const ALGORITHMS: Record<string, readonly string[]> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};

const GLOBAL_FILES = ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'];

/** Reads the user's and the system's files; an absent one counts as empty, an unreadable one is an error. */
export async function loadKnownHosts(files: readonly string[]): Promise<KnownHost[]> {
  const texts = [...files, ...GLOBAL_FILES].map(async (file) => {
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return '';
      throw new FleetError(`${file} cannot be read, so no host key can be checked: ${reason(error)}`, { cause: error });
    });
    return parseKnownHosts(text, file);
  });
  return (await Promise.all(texts)).flat();
}

/** Lines it cannot read are passed over, as sshd(8) says. */
export function parseKnownHosts(text: string, file: string): KnownHost[] {
  return text.split('\n').flatMap((raw, index) => {
    const fields = raw.trim().split(/\s+/);
    const marker = fields[0]?.startsWith('@') ? fields.shift() : '';
    const [names, type, encoded] = fields;
    if (!names || names.startsWith('#') || !type || !encoded || !/^[A-Za-z0-9+/]+=*$/.test(encoded)) return [];
    if (marker !== '' && marker !== '@revoked' && marker !== '@cert-authority') return [];
    const key = Buffer.from(encoded, 'base64');
    return keyType(key) === type ? [{ marker, names, type, key, file, line: index + 1 }] : [];
  });
}

/** What the files say about a key that a server named `name` shows ("host", or "[host]:port" off port 22). */
export function checkHostKey(entries: readonly KnownHost[], name: string, key: Buffer): Verdict {
  const mine = entries.filter((entry) => namesMatch(entry.names, name));
  const revoked = mine.find((entry) => entry.marker === '@revoked' && entry.key.equals(key));
  if (revoked) return { kind: 'revoked', entry: revoked };
  const plain = mine.filter((entry) => entry.marker === '');
  if (plain.some((entry) => entry.key.equals(key))) return { kind: 'known' };
  const other = plain.find((entry) => entry.type === keyType(key)) ?? plain[0];
  if (other) return { kind: 'changed', entry: other };
  return { kind: 'unknown', certAuthority: mine.some((entry) => entry.marker === '@cert-authority') };
}

/**
 * Host key algorithms to ask a server for: those of the keys known for it, so that a known key is never passed over for one of another
 * type; all where it is not known yet.
 */
export function hostKeyAlgorithms(entries: readonly KnownHost[], name: string): string[] {
  const types = new Set(entries.filter((entry) => entry.marker === '' && namesMatch(entry.names, name)).map((entry) => entry.type));
  const known = Object.entries(ALGORITHMS).flatMap(([type, algorithms]) => (types.has(type) ? algorithms : []));
  return known.length ? known : Object.values(ALGORITHMS).flat();
}

/** Appends a key to a known_hosts file, which is made, and made private, where needed. */
export async function appendHostKey(file: string, name: string, key: Buffer): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const before = await readFile(file, 'utf8').catch(() => '');
    const line = `${name} ${keyType(key)} ${key.toString('base64')}\n`;
    await appendFile(file, before === '' || before.endsWith('\n') ? line : `\n${line}`, { mode: 0o600 });
    await chmod(file, 0o600);
  } catch (error) {
    throw new FleetError(`the new host key cannot be stored in ${file}: ${reason(error)}`, { cause: error });
  }
}

/** "SHA256:..." as ssh-keygen -l shows it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** Type in a public key blob, "" where the blob is no key. */
export function keyType(key: Buffer): string {
  const length = key.length >= 4 ? key.readUInt32BE(0) : 0;
  return length > 0 && length <= 64 && key.length >= 4 + length ? key.toString('latin1', 4, 4 + length) : '';
}

function namesMatch(names: string, name: string): boolean {
  if (names.startsWith('|')) return hashMatches(names, name);
  const patterns = names.toLowerCase().split(',');
  if (patterns.some((pattern) => pattern.startsWith('!') && wildcard(pattern.slice(1), name))) return false;
  return patterns.some((pattern) => !pattern.startsWith('!') && wildcard(pattern, name));
}

function hashMatches(names: string, name: string): boolean {
  const [, version, salt, hash] = names.split('|');
  if (version !== '1' || !salt || !hash) return false;
  const expected = Buffer.from(hash, 'base64');
  const actual = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

/** Matches * and ?, in time proportional to both lengths: patterns come from files. */
function wildcard(pattern: string, text: string): boolean {
  let p = 0;
  let star = -1;
  let resume = 0;
  for (let t = 0; t < text.length; ) {
    if (pattern[p] === '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++resume;
    } else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}
