import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { FleetError } from '../../core/errors.ts';

let queue: Promise<unknown> = Promise.resolve();

/** Asks on the terminal without echo, one question at a time. Throws a FleetError where there is no terminal, or on Ctrl-C. */
export function askHidden(question: string): Promise<string> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return Promise.reject(new FleetError('there is no terminal to ask on'));
  const answer = queue.then(() => ask(question));
  queue = answer.catch(() => {});
  return answer;
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
