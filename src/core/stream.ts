import type { Host, HostProcess } from './host.ts';
import { type Reading, type Source, silent } from './source.ts';

/** Longest wait for the next line, in ms. */
const PATIENCE = 10_000;

/** A program that prints readings by itself, line by line; `take` gives one where a line completes it. */
export interface StreamOptions extends Pick<Source, 'name' | 'scope' | 'detail' | 'refresh'> {
  argv: readonly string[];
  take(line: string): Reading | null;
}

/** A source over such a program: started by a reading, ended by `close`, and started again by the next reading. */
export function stream(host: Host, { argv, take, ...rest }: StreamOptions): Source {
  let process: Promise<HostProcess> | null = null;
  let lines: AsyncIterator<string> | null = null;
  return {
    ...rest,
    period: 0,
    async read() {
      try {
        process ??= host.spawn(argv, { env: { LC_ALL: 'C' } });
        lines ??= (await process).lines[Symbol.asyncIterator]();
        for (;;) {
          const line = await next(lines);
          if (line === null) return silent(`${argv[0]} gives no more readings`);
          const reading = take(line);
          if (reading) return reading;
        }
      } catch (error) {
        return silent(`${argv[0]} gives no readings: ${(error as Error).message}`);
      }
    },
    async close() {
      const running = await process?.catch(() => null);
      process = null;
      lines = null;
      running?.end();
      running?.kill('SIGTERM');
      await running?.exited.catch(() => {});
    },
  };
}

async function next(lines: AsyncIterator<string>): Promise<string | null> {
  const line = lines.next();
  line.catch(() => {});
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, PATIENCE, null);
  });
  const step = await Promise.race([line, late]).finally(() => clearTimeout(timer));
  return step === null || step.done ? null : step.value;
}

/** First line of a program that goes on and on; null where there is no such program or it says nothing. */
export async function firstLine(host: Host, argv: readonly string[]): Promise<string | null> {
  try {
    const process = await host.spawn(argv);
    const line = await next(process.lines[Symbol.asyncIterator]());
    process.end();
    process.kill('SIGTERM');
    return line;
  } catch {
    return null;
  }
}
