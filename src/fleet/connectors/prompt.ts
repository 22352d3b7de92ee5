import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { FleetError } from '../../core/errors.ts';

let queue: Promise<unknown> = Promise.resolve();

/** Asks on the terminal without echo, one question at a time. Throws a FleetError where there is no terminal, or on Ctrl-C. */
export function askHidden(question: string): Promise<string> {
  if (!canAsk()) return Promise.reject(new FleetError('there is no terminal to ask on'));
  const answer = queue.then(() => ask(question));
  queue = answer.catch(() => {});
  return answer;
}

/** Asks on the terminal for a word that may be seen; the default for an empty answer. Throws like askHidden. */
export function askWord(question: string, otherwise: string): Promise<string> {
  if (!canAsk()) return Promise.reject(new FleetError('there is no terminal to ask on'));
  const answer = queue.then(async () => {
    const reader = createInterface({ input: process.stdin, output: process.stderr });
    try {
      const cut = new Promise<never>((_, reject) => {
        reader.once('SIGINT', () => reader.close());
        reader.once('close', () => reject(new FleetError('no answer was given')));
      });
      const given = new Promise<string>((resolve) => reader.question(`${question} `, resolve));
      return (await Promise.race([given, cut])).trim() || otherwise;
    } finally {
      reader.close();
    }
  });
  queue = answer.catch(() => {});
  return answer;
}

/** A person can be asked: there is a terminal on both sides. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

function ask(question: string): Promise<string> {
  return new Promise((resolve, reject) => {
    process.stderr.write(`${question} `);
    const muted = new Writable({ write: (_chunk, _encoding, done) => done() });
    const reader = createInterface({ input: process.stdin, output: muted, terminal: true });
    reader.once('SIGINT', () => reader.close());
    reader.once('close', () => {
      process.stderr.write('\n');
      reject(new FleetError('no answer was given'));
    });
    reader.question('', (text) => {
      resolve(text);
      reader.close();
    });
  });
}
