import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import ssh2, { type AnyAuthMethod, type AuthenticationType, type AuthHandlerMiddleware, type ParsedKey } from 'ssh2';
import { FleetError, reason } from '../../core/errors.ts';
import { showAddress } from '../address.ts';
import type { Endpoint } from './ssh_config.ts';

export interface AuthOptions {
  endpoint: Endpoint;
  /** Environment variable that holds the password. */
  passwordEnv?: string | undefined;
  ask: (question: string) => Promise<string>;
  log: (line: string) => void;
}

const DEFAULT_KEYS = ['id_ed25519', 'id_ecdsa', 'id_rsa'];
const ATTEMPTS = 3; // at a password or passphrase that a person types

/** Typed once, used again when a lost link is made anew; never written anywhere. */
const secrets = new Map<string, string>();

/**
 * The ways into a server, one after another: keys that were named, the agent's, the default ones, encrypted ones (their passphrase is
 * asked for only now), then a password from the environment or typed.
 */
export class Authentication {
  readonly #options: AuthOptions;
  readonly #ways: AsyncGenerator<AnyAuthMethod>;
  readonly #tried: string[] = [];
  #left: AuthenticationType[] | null = null;
  #failure: unknown = null;
  /** A person is being asked: no time-out may count. */
  asking = false;

  constructor(options: AuthOptions) {
    this.#options = options;
    this.#ways = this.#each();
  }

  readonly handler: AuthHandlerMiddleware = (left, _partial, next) => {
    this.#left = left;
    this.#ways.next().then(
      ({ value, done }) => next(done ? (false as unknown as AuthenticationType) : value),
      (error: unknown) => {
        this.#failure = error;
        next(false as unknown as AuthenticationType);
      },
    );
  };

  /** Why the server let us in by none of them. */
  get sentence(): string {
    const tried = this.#tried.length ? `tried: ${this.#tried.join(', ')}` : 'there was no key to try';
    const failure = this.#failure === null ? '' : `; ${reason(this.#failure)}`;
    const offers = this.#left?.length ? `; it accepts ${this.#left.join(', ')}` : '';
    return `the server did not let ${this.#options.endpoint.user} in (${tried}${offers}${failure}); name the key with \`identity:\`, the password's variable with \`password_env:\`, or add the public key to ~/.ssh/authorized_keys there`;
  }

  async *#each(): AsyncGenerator<AnyAuthMethod> {
    const { endpoint, passwordEnv } = this.#options;
    const username = endpoint.user;
    const named = endpoint.identities;
    yield { type: 'none', username };
    const locked: { path: string; data: Buffer }[] = [];
    if (this.#accepts('publickey')) {
      for (const path of named) yield* this.#key(path, true, locked);
      const agent = process.env.SSH_AUTH_SOCK;
      if (agent && !endpoint.identitiesOnly) {
        this.#tried.push('ssh-agent');
        yield { type: 'agent', username, agent };
      }
      if (named.length === 0) for (const name of DEFAULT_KEYS) yield* this.#key(join(homedir(), '.ssh', name), false, locked);
      for (const { path, data } of locked) yield* this.#lockedKey(path, data);
    }
    if (this.#accepts('password') || this.#accepts('keyboard-interactive')) yield* this.#password(passwordEnv);
  }

  #accepts(method: AuthenticationType): boolean {
    return this.#left?.includes(method) ?? true;
  }

  async *#key(path: string, named: boolean, locked: { path: string; data: Buffer }[]): AsyncGenerator<AnyAuthMethod> {
    let data: Buffer;
    try {
      data = await readFile(path);
    } catch (error) {
      if (named) throw new FleetError(`the key ${path} cannot be read: ${reason(error)}`, { cause: error });
      return;
    }
    const key = parse(data);
    if (key instanceof Error) {
      if (/passphrase/i.test(key.message)) locked.push({ path, data });
      else this.#tried.push(`${path} (not a private key fleet can read: ${reason(key)})`);
      return;
    }
    this.#tried.push(path);
    yield { type: 'publickey', username: this.#options.endpoint.user, key };
  }

  async *#lockedKey(path: string, data: Buffer): AsyncGenerator<AnyAuthMethod> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const passphrase = await this.#secret(path, `passphrase of ${path}:`);
      const key = parse(data, passphrase);
      if (key instanceof Error) {
        secrets.delete(path);
        continue;
      }
      this.#tried.push(path);
      yield { type: 'publickey', username: this.#options.endpoint.user, key };
      return;
    }
    this.#tried.push(`${path} (wrong passphrase)`);
  }

  async *#password(variable: string | undefined): AsyncGenerator<AnyAuthMethod> {
    const name = showAddress(this.#options.endpoint);
    if (variable !== undefined) {
      const password = process.env[variable];
      if (!password) throw new FleetError(`the environment variable ${variable}, which should hold the password of ${name}, is not set`);
      this.#tried.push(`the password in ${variable}`);
      yield this.#passwordMethod(password);
      return;
    }
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const password = await this.#secret(name, `password of ${name}:`);
      this.#tried.push('a typed password');
      yield this.#passwordMethod(password);
      secrets.delete(name); // we are asked for more: it was wrong
    }
  }

  #passwordMethod(password: string): AnyAuthMethod {
    const username = this.#options.endpoint.user;
    if (this.#accepts('password')) return { type: 'password', username, password };
    const prompt = (...args: [string, string, string, { echo?: boolean }[], (answers: string[]) => void]) => args[4](args[3].map(() => password));
    return { type: 'keyboard-interactive', username, prompt };
  }

  async #secret(key: string, question: string): Promise<string> {
    const known = secrets.get(key);
    if (known !== undefined) return known;
    this.asking = true;
    try {
      const secret = await this.#options.ask(question);
      secrets.set(key, secret);
      return secret;
    } catch (error) {
      throw new FleetError(`the ${question.slice(0, -1)} cannot be asked for: ${reason(error)}`, { cause: error });
    } finally {
      this.asking = false;
    }
  }
}

function parse(data: Buffer, passphrase?: string): ParsedKey | Error {
  const key = ssh2.utils.parseKey(data, passphrase) as ParsedKey | ParsedKey[] | Error;
  const one = Array.isArray(key) ? key[0] : key;
  if (!one) return new Error('the file holds no key');
  return one instanceof Error || one.isPrivateKey() ? one : new Error('it is a public key');
}
