import type { ExecOptions, ExecResult, Host, HostProcess } from '../core/host.ts';
import type { Connection } from './connection.ts';

/** A machine that is reached when it is first needed, and again where the link to it was lost: what fails meanwhile fails with a sentence. */
export class FarHost implements Host {
  readonly #reach: () => Promise<Connection>;
  #connection: Promise<Connection> | null = null;

  constructor(reach: () => Promise<Connection>) {
    this.#reach = reach;
  }

  async readFile(path: string): Promise<string> {
    return (await this.#link()).readFile(path);
  }

  async list(path: string): Promise<string[]> {
    return (await this.#link()).list(path);
  }

  async exec(argv: readonly string[], options?: ExecOptions): Promise<ExecResult> {
    return (await this.#link()).exec(argv, options);
  }

  async spawn(argv: readonly string[], options?: { env?: Record<string, string> }): Promise<HostProcess> {
    return (await this.#link()).spawn(argv, options);
  }

  async close(): Promise<void> {
    const connection = await this.#connection?.catch(() => null);
    this.#connection = null;
    await connection?.close();
  }

  #link(): Promise<Connection> {
    if (this.#connection) return this.#connection;
    const made = this.#reach();
    this.#connection = made;
    const forget = () => {
      if (this.#connection === made) this.#connection = null;
    };
    made.then((connection) => connection.lost.catch(forget), forget);
    return made;
  }
}
