import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Command, Option } from 'commander';
import { quantity } from '../core/format.ts';
import { type Context, contextOf } from './context.ts';

/** `fleet model pull`: published models onto this machine. */
export function pullCommand(): Command {
  return new Command('pull')
    .description('fetch published models to this machine; what was cut off is gone on with, the hash is proven')
    .argument('<names...>', 'of fleet model ls')
    .addOption(new Option('--mirror <address>', 'hub to fetch from (default: HF_ENDPOINT, else Hugging Face)'))
    .option('-f, --force', 'fetch anew what is there')
    .addHelpText(
      'after',
      '\nExamples:\n  $ fleet model pull bitnet-2b-4t\n  $ HF_TOKEN=... fleet model pull llama3-8b\n  $ fleet model pull falcon-e-1b --mirror https://hub.example',
    )
    .action(async (names: string[], options: { mirror?: string; force?: boolean }, command: Command) => {
      const context = contextOf(command);
      const { findRow } = await import('../fleet/catalogue.ts');
      const { hubOf } = await import('../fleet/hub.ts');
      const { Interrupt } = await import('./interrupt.ts');
      const hub = hubOf(options.mirror);
      const rows = names.map((name) => findRow(name));
      const interrupt = new Interrupt('stopping; what came is kept (Ctrl-C again leaves at once)');
      try {
        const pulled = [];
        for (const row of rows) pulled.push(await pull(context, row, hub, options.force === true, interrupt.signal));
        context.give('', { pulled });
      } finally {
        interrupt.release();
      }
    });
}

async function pull(
  context: Context,
  row: ReturnType<typeof import('../fleet/catalogue.ts').findRow>,
  hub: import('../fleet/hub.ts').Hub,
  force: boolean,
  signal: AbortSignal,
) {
  const { besideOf, fileOf, isHere, keepRow } = await import('../fleet/catalogue.ts');
  const { describeFile } = await import('../fleet/hub.ts');
  const { download } = await import('../fleet/download.ts');
  const { fetchSmall } = await import('../fleet/small_file.ts');
  const { replace } = await import('./replace.ts');
  const path = fileOf(row);
  if (isHere(row) && !force) {
    context.say(`${row.name} is here already: ${path}`);
    return { name: row.name, path, bytes: row.bytes, sha256: row.sha256, fetched: false };
  }
  const file = await describeFile(row, hub);
  context.say(`${row.name}: ${quantity(file.bytes, 'B')} from ${file.url}`);
  for (const [i, small] of besideOf(row).entries()) {
    const bytes = await fetchSmall(row, row.beside?.[i] ?? '', hub);
    await mkdir(dirname(small), { recursive: true });
    await replace(small, bytes, 'FLEET_MODELS');
  }
  const meter = progressOf(context, row.name);
  await download(file, hub, path, { onProgress: meter.step, onTrouble: (sentence) => context.say(`fleet: ${sentence}`), signal }).finally(meter.end);
  if (row.sha256 === null || row.bytes === null) keepRow({ ...row, bytes: file.bytes, sha256: file.sha256 });
  const next = path.endsWith('.gguf')
    ? `Measure it: fleet bench -m hub:${row.name}`
    : `Make a GGUF of it: fleet model convert ${row.name} -o ${row.name}.gguf --type i2_s --vocab GGUF`;
  context.say(`${path}: whole, SHA-256 ${file.sha256}\n${next}`);
  return { name: row.name, path, bytes: file.bytes, sha256: file.sha256, fetched: true };
}

/** A line that is written over on a terminal, else one each tenth. */
function progressOf({ say }: Context, name: string): { step(done: number, total: number): void; end(): void } {
  const begun = performance.now();
  let first: number | null = null;
  let told = -1;
  return {
    step(done, total) {
      first ??= done;
      const share = Math.floor((100 * done) / total);
      const mark = process.stderr.isTTY ? Math.floor(performance.now() / 200) : Math.floor(share / 10);
      if (mark === told) return;
      told = mark;
      const rate = (done - first) / Math.max(0.001, (performance.now() - begun) / 1000);
      const line = `${name}: ${share} %, ${quantity(done, 'B')} of ${quantity(total, 'B')}, ${quantity(rate, 'B/s')}`;
      if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${line}`);
      else say(line);
    },
    end: () => void (process.stderr.isTTY && told >= 0 && process.stderr.write('\n')),
  };
}
