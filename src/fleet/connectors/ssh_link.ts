import { connect as connectTcp, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import ssh2, { type Client } from 'ssh2';
import { FleetError, reason } from '../../core/errors.ts';
import { showAddress } from '../address.ts';
import { appendHostKey, checkHostKey, fingerprint, hostKeyAlgorithms, keyType, loadKnownHosts } from './known_hosts.ts';
import { Authentication } from './ssh_auth.ts';
import type { Endpoint } from './ssh_config.ts';

export interface LinkOptions {
  acceptNewHostKey: boolean;
  confirmHostKey?: (sentence: string) => Promise<boolean>;
  passwordEnv?: string | undefined;
  ask: (question: string) => Promise<string>;
  log: (line: string) => void;
}

const HANDSHAKE_MS = 15_000; // for TCP, then for the key exchange, then for each way in

/** An SSH client that is let in, and through which servers. */
export interface OpenLink {
  client: Client;
  /** Rejects once when the link is lost, not when it is closed by `end`. */
  lost: Promise<never>;
  end(): Promise<void>;
}

/** Opens the way to a server, through its jumps. Throws a FleetError with the server's name in it. */
export async function openLink(endpoint: Endpoint, options: LinkOptions): Promise<OpenLink> {
  const links: OpenLink[] = [];
  try {
    for (const step of [...endpoint.jumps, endpoint]) {
      const before = links.at(-1);
      const socket = before ? await tunnel(before.client, step) : await dial(step);
      // The password belongs to the device, not to the servers on the way.
      links.push(await enter(step, socket, step === endpoint ? options : { ...options, passwordEnv: undefined }));
    }
  } catch (error) {
    await Promise.all(links.map((link) => link.end()));
    throw error;
  }
  const last = links.at(-1) as OpenLink;
  const lost = Promise.race(links.map((link) => link.lost));
  lost.catch(() => {});
  return {
    client: last.client,
    lost,
    end: async () => {
      for (const link of links.reverse()) await link.end();
    },
  };
}

function dial(endpoint: Endpoint): Promise<Socket> {
  const name = showAddress(endpoint);
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host: endpoint.host, port: endpoint.port, noDelay: true });
    const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${HANDSHAKE_MS / 1000} s`)), HANDSHAKE_MS);
    const fail = (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      reject(new FleetError(`${name} cannot be reached: ${TCP_ERRORS[error.code ?? ''] ?? reason(error)}`, { cause: error }));
    };
    socket.once('error', fail);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', fail);
      resolve(socket);
    });
  });
}

const TCP_ERRORS: Record<string, string> = {
  ECONNREFUSED: `nothing listens on that port; start sshd there, or give the right \`port:\``,
  ENOTFOUND: 'no such host name; is it spelt right, and is the device in the same network?',
  EAI_AGAIN: 'its name cannot be resolved now; is this machine online?',
  EHOSTUNREACH: 'no route to it; is it switched on and in the same network?',
  ENETUNREACH: 'no route to its network; is this machine online?',
  ETIMEDOUT: 'no answer; is it switched on?',
};

function tunnel(through: Client, to: Endpoint): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    through.forwardOut('127.0.0.1', 0, to.host, to.port, (error, channel) => {
      if (error) reject(new FleetError(`${showAddress(to)} cannot be reached through the jump host: ${reason(error)}`, { cause: error }));
      else resolve(channel);
    });
  });
}

async function enter(endpoint: Endpoint, socket: Duplex, options: LinkOptions): Promise<OpenLink> {
  const name = showAddress(endpoint);
  const known = await loadKnownHosts(endpoint.knownHosts);
  const auth = new Authentication({ endpoint, passwordEnv: options.passwordEnv, ask: options.ask, log: options.log });
  const client = new ssh2.Client();
  let refusal: FleetError | null = null;
  let newKey: Buffer | null = null;

  let asking = false;
  const isTrusted = async (key: Buffer): Promise<boolean> => {
    const verdict = checkHostKey(known, endpoint.keyName, key);
    if (verdict.kind === 'known') return true;
    if (verdict.kind === 'unknown') {
      asking = true;
      const isAccepted = options.acceptNewHostKey || (await options.confirmHostKey?.(`${name} shows the key ${fingerprint(key)} (${keyType(key)})`));
      asking = false;
      if (isAccepted) {
        newKey = key;
        return true;
      }
    }
    refusal = new FleetError(refuse(endpoint, key, verdict));
    return false;
  };
  const hostVerifier = (key: Buffer, verify: (isValid: boolean) => void): void => {
    isTrusted(key).then(verify, (error: unknown) => {
      refusal = new FleetError(`${name}: the host key could not be asked about: ${reason(error)}`, { cause: error });
      verify(false);
    });
  };

  const link = await new Promise<OpenLink>((resolve, reject) => {
    let timer = setTimeout(expire, HANDSHAKE_MS);
    const fail = (error: FleetError) => {
      clearTimeout(timer);
      client.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    function expire() {
      if (auth.asking || asking) timer = setTimeout(expire, HANDSHAKE_MS);
      else
        fail(
          new FleetError(
            `${name} took the connection but did not finish the SSH handshake within ${HANDSHAKE_MS / 1000} s; is it an SSH server, and not overloaded?`,
          ),
        );
    }
    const onError = (error: Error & { level?: string }) => {
      if (refusal) fail(refusal);
      else if (error.level === 'agent') options.log(`${name}: the ssh-agent did not help: ${reason(error)}`);
      else if (error.level === 'client-authentication') fail(new FleetError(`${name}: ${auth.sentence}`, { cause: error }));
      else if (/host key format/i.test(error.message))
        fail(
          new FleetError(
            `${name}: the server does not offer the type of host key that known_hosts has for it; check that it is the same machine, then remove its line there`,
            { cause: error },
          ),
        );
      else
        fail(
          new FleetError(`${name}: the SSH handshake failed: ${reason(error)}; is that an SSH server that takes connections from here?`, {
            cause: error,
          }),
        );
    };
    const onClose = () =>
      fail(refusal ?? new FleetError(`${name} closed the connection during the SSH handshake; it may be overloaded or refuse this address`));
    client.on('error', onError);
    client.once('close', onClose);
    client.once('handshake', () => timer.refresh());
    client.once('ready', () => {
      clearTimeout(timer);
      client.off('error', onError);
      client.off('close', onClose);
      resolve(watch(client, socket, name, endpoint.beat));
    });
    client.connect({
      sock: socket as Socket,
      username: endpoint.user,
      authHandler: auth.handler,
      hostVerifier,
      algorithms: { serverHostKey: hostKeyAlgorithms(known, endpoint.keyName) as never },
      readyTimeout: 0,
      keepaliveInterval: endpoint.beat.seconds * 1000,
      keepaliveCountMax: Number.POSITIVE_INFINITY, // silence is judged by bytes, see watch()
    });
  });
  if (newKey) await store(endpoint, newKey, name, options, link);
  return link;
}

async function store(endpoint: Endpoint, key: Buffer, name: string, options: LinkOptions, link: OpenLink): Promise<void> {
  const file = endpoint.knownHosts[0] as string;
  try {
    await appendHostKey(file, endpoint.keyName, key);
  } catch (error) {
    await link.end();
    throw error;
  }
  options.log(`${name}: new host key ${fingerprint(key)} (${keyType(key)}) stored in ${file}`);
}

/**
 * A link is lost when its socket closes, or stays silent for some beats although a keepalive was sent at each. Any byte counts, not
 * only the answer to the keepalive: behind a long upload over a slow line that answer comes late.
 */
function watch(client: Client, socket: Duplex, name: string, { seconds, count }: Endpoint['beat']): OpenLink {
  let silent = 0;
  let ended = false;
  socket.on('data', () => {
    silent = 0;
  });
  const closed = new Promise<void>((resolve) => client.once('close', resolve));
  const lost = new Promise<never>((_, reject) => {
    const lose = (why: string) => {
      clearInterval(beat);
      if (!ended) reject(new FleetError(`the link to ${name} was lost: ${why}`));
      socket.destroy();
    };
    const beat = setInterval(() => {
      if (++silent > count) lose(`no byte from it for ${count * seconds} s`);
    }, seconds * 1000);
    client.on('error', (error) => lose(reason(error)));
    client.once('close', () => lose('the connection was closed'));
  });
  lost.catch(() => {});
  return {
    client,
    lost,
    end: async () => {
      ended = true;
      client.end();
      const timer = setTimeout(() => socket.destroy(), 1000);
      await closed;
      clearTimeout(timer);
    },
  };
}

function refuse(endpoint: Endpoint, key: Buffer, verdict: Exclude<ReturnType<typeof checkHostKey>, { kind: 'known' }>): string {
  const name = showAddress(endpoint);
  const shown = `${fingerprint(key)} (${keyType(key)})`;
  if (verdict.kind === 'unknown') {
    const authority = verdict.certAuthority ? ' Its @cert-authority line in known_hosts is not used: host certificates are not supported.' : '';
    return `${name}: the host key ${shown} is not known.${authority} Compare it with \`ssh-keygen -lf\` on the device, then run again with --accept-new-host-key`;
  }
  const place = `${verdict.entry.file}, line ${verdict.entry.line}`;
  if (verdict.kind === 'revoked') return `${name}: THE HOST KEY ${shown} IS REVOKED (${place}): the connection was refused`;
  return (
    `${name}: THE HOST KEY HAS CHANGED. Either the device was installed anew, or somebody else answers in its place. It shows ${shown}; ` +
    `known is ${fingerprint(verdict.entry.key)} (${verdict.entry.type}) in ${place}. The connection was refused. If the change is right, remove that line and run again with --accept-new-host-key`
  );
}
