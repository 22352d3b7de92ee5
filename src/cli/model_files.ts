import { Command, Option } from 'commander';
import { FleetError, reason, UsageError } from '../core/errors.ts';
import { quantity } from '../core/format.ts';
import { lastLine } from '../core/last_words.ts';
import { plain } from '../core/plain.ts';
import { whole } from './arguments.ts';
import { type Context, contextOf } from './context.ts';

/** `fleet model add`: a file of one's own, or any file of a hub, under a name. */
export function addCommand(): Command {
  return new Command('add')
    .description('give a name to a GGUF file, or to a file of a hub, so that it can be pulled and measured')
    .argument('<name>', 'lower-case letters, digits, dot, dash and underscore')
    .argument('<source>', 'a path, or owner/repository/file.gguf of the hub with --hub')
    .option('--hub', 'the source is on a hub; its size and hash are asked for')
    .option('--revision <name>', 'branch, tag or commit on the hub (default: main)')
    .addOption(new Option('--mirror <address>', 'hub to ask (default: HF_ENDPOINT, else Hugging Face)'))
    .option('--twin <recipe>', 'twin with its shapes, such as falcon3-1b:tq2_0:q6_k')
    .option('--title <text>', 'what it is')
    .addHelpText(
      'after',
      '\nExamples:\n  $ fleet model add mine ./mine.gguf\n  $ fleet model add aramis owner/Aramis-GGUF/aramis.gguf --hub --twin bitnet-2b-4t',
    )
    .action(async (name: string, source: string, options: AddOptions, command: Command) => {
      const context = contextOf(command);
      const { CatalogueRow } = await import('../core/catalogue.ts');
      const { keepRow } = await import('../fleet/catalogue.ts');
      const { findModel } = await import('../fleet/model.ts');
      if (options.twin !== undefined && !findModel(context.root, options.twin).synth)
        throw new UsageError(`${options.twin} is no twin; see fleet model ls`);
      const base = { name, title: options.title ?? source, twin: options.twin ?? null, licence: null };
      const judged = (row: unknown) => {
        const { data, error } = CatalogueRow.safeParse(row);
        if (data) return data;
        throw new UsageError(`the model "${plain(name)}": ${error.issues[0]?.path.join('.')}: ${error.issues[0]?.message}`);
      };
      let row: ReturnType<typeof judged>;
      if (options.hub) row = await hubRow(context, options, base, source, judged);
      else row = await ownRow(context, base, source, judged);
      keepRow(row);
      const next = options.hub ? `fleet model pull ${name}` : `fleet bench -m hub:${name}`;
      context.give(`${name}: ${quantity(row.bytes, 'B')}, SHA-256 ${row.sha256}. Next: ${next}\n`, { added: row });
    });
}

interface AddOptions {
  hub?: boolean;
  revision?: string;
  mirror?: string;
  twin?: string;
  title?: string;
}

type Row = import('../core/catalogue.ts').CatalogueRow;
type Base = Pick<Row, 'name' | 'title' | 'twin' | 'licence'>;

async function hubRow(context: Context, { revision, mirror }: AddOptions, base: Base, source: string, judged: (row: unknown) => Row): Promise<Row> {
  const { describeFile, headOf, hubOf } = await import('../fleet/hub.ts');
  const [, repo, file] = /^([^/]+\/[^/]+)\/(.+)$/.exec(source) ?? [];
  if (!repo) throw new UsageError(`"${plain(source)}" is no file of a hub: write owner/repository/file.gguf`);
  const beside = file?.endsWith('.safetensors') ? ['config.json'] : undefined;
  const row = judged({ ...base, repo, file, ...(revision && { revision }), ...(beside && { beside }), bytes: null, sha256: null });
  const hub = hubOf(mirror);
  const { bytes, sha256, url } = await describeFile(row, hub);
  if (file?.endsWith('.gguf')) {
    const { architecture, types } = await headOf(url, hub);
    context.say(`${source}: architecture ${plain(architecture)}, weights ${types.join(' ')}`);
  }
  return { ...row, bytes, sha256 };
}

async function ownRow(context: Context, base: Base, source: string, judged: (row: unknown) => Row): Promise<Row> {
  const { resolve } = await import('node:path');
  const { stat } = await import('node:fs/promises');
  const { sha256Of } = await import('../fleet/checksum.ts');
  const path = resolve(source);
  const found = await stat(path).catch((error: unknown) => {
    throw new UsageError(`${path} cannot be read: ${reason(error)}`);
  });
  await describe(context, path);
  return judged({ ...base, repo: null, file: path, bytes: found.size, sha256: await sha256Of(path) });
}

/** `fleet model verify`: are the files still what they were? */
export function verifyCommand(): Command {
  return new Command('verify')
    .description('prove the hash of pulled models, and that the engine can read them; exit 1 where one is not as it was')
    .argument('[names...]', 'of fleet model ls, or GGUF files (default: all that are here)')
    .addHelpText('after', '\nExamples:\n  $ fleet model verify\n  $ fleet model verify bitnet-2b-4t other.gguf')
    .action(async (names: string[], _options, command: Command) => {
      const context = contextOf(command);
      const { catalogue, fileOf, findRow, isHere } = await import('../fleet/catalogue.ts');
      const { grid } = await import('./grid.ts');
      const isFile = (name: string) => name.includes('/') || name.endsWith('.gguf');
      const wanted =
        names.length > 0
          ? names.map((name) => (isFile(name) ? { name, path: name, sha256: null } : { ...findRow(name), path: fileOf(findRow(name)) }))
          : catalogue()
              .filter((row) => isHere(row))
              .map((row) => ({ ...row, path: fileOf(row) }));
      const verified = [];
      for (const { name, path, sha256 } of wanted) verified.push({ name, path, ...(await verify(context, path, sha256)) });
      const rows = verified.map(({ name, ok, why, sha256 }) => [name, ok ? 'whole' : 'NOT', sha256?.slice(0, 16) ?? '', why]);
      context.give(
        () => (rows.length > 0 ? grid(['model', 'is', 'sha256', ''], rows) : 'No published model is on this machine; see fleet model ls.\n'),
        { verified },
      );
      if (verified.some(({ ok }) => !ok)) process.exitCode = 1;
    });
}

async function verify(context: Context, path: string, expected: string | null): Promise<{ ok: boolean; sha256: string | null; why: string }> {
  const { sha256Of } = await import('../fleet/checksum.ts');
  let sha256: string | null = null;
  try {
    sha256 = await sha256Of(path);
    if (expected !== null && sha256 !== expected)
      return { ok: false, sha256, why: `its SHA-256 should be ${expected.slice(0, 16)}...: remove ${path} and pull it again` };
    if (path.endsWith('.gguf')) await describe(context, path);
    return { ok: true, sha256, why: expected === null ? 'no hash is known of it; the engine can read it' : '' };
  } catch (error) {
    return { ok: false, sha256, why: reason(error) };
  }
}

/** Whether the engine can read a file. Throws its sentence where not. */
async function describe(context: Context, path: string): Promise<void> {
  const { code, stderr } = await trit(context, ['info', '-m', path, '-o', 'json'], false);
  if (code !== 0) throw new FleetError(plain(lastLine(stderr) || `trit info ended with status ${code}`));
}

/** `fleet model synth`: a twin as a file. */
export function synthCommand(): Command {
  return new Command('synth')
    .description('make a twin on this machine, the same bytes everywhere')
    .argument('<model>', 'name or name:type:head')
    .requiredOption('-o, --output <file>', 'GGUF file to write')
    .addOption(new Option('--seed <number>', 'of the random weights').argParser(whole(0, 2 ** 31 - 1)).default(1))
    .addHelpText('after', '\nExamples:\n  $ fleet model synth tiny -o tiny.gguf\n  $ fleet model synth bitnet-2b-4t:tq2_0:f16 -o bitnet.gguf')
    .action(async (name: string, options: { output: string; seed: number }, command: Command) => {
      const context = contextOf(command);
      const { findModel } = await import('../fleet/model.ts');
      const { synth } = findModel(context.root, name);
      if (!synth) throw new FleetError(`${name} is a file already; name a twin of fleet model ls.`);
      const recipe = ['--preset', synth.preset, '--type', synth.type, '--head', synth.head, '--seed', String(options.seed)];
      const { code } = await trit(context, ['synth', ...recipe, '-o', options.output], true);
      if (code !== 0) throw new FleetError(`${options.output} was not made (trit synth ended with status ${code}; its reason is above).`);
      context.give('', { model: name, file: options.output, ...synth, seed: options.seed });
    });
}

interface ConvertOptions {
  output: string;
  type?: string;
  head?: string;
  targetBits?: string;
  vocab?: string;
  calibrate?: string;
}

/** `fleet model convert`: other weight types. */
export function convertCommand(): Command {
  return new Command('convert')
    .description('convert a model to other weight types (trit quantize)')
    .argument('<input>', 'a name of fleet model ls, or a file that trit quantize reads: GGUF, safetensors')
    .requiredOption('-o, --output <file>', 'GGUF file to write')
    .option('--type <name>', 'of the weights: i2_s, tq1_0, tq2_0, t1 to t4, q4_0, q8_0, f16 and what else trit quantize --help names')
    .option('--head <name>', 'of the output matrix')
    .option('--target-bits <bits>', 'bits a weight, chosen by the error of each layer (then no type is needed)')
    .option('--vocab <model>', 'for safetensors: a model whose vocabulary it has, by name or file')
    .option('--calibrate <text>', 'for t1 to t4: a text that tells which inputs count')
    .addHelpText(
      'after',
      `
Examples:
  $ fleet model convert bitnet-2b-4t -o small.gguf --type tq1_0 --head q6_k
  $ fleet model convert model.gguf -o mixed.gguf --target-bits 3.2 --calibrate some.txt
  $ fleet model convert bitnet-large -o large.gguf --type i2_s --vocab tinyllama-q4_0`,
    )
    .action(async (input: string, options: ConvertOptions, command: Command) => {
      const context = contextOf(command);
      const { output, type, head, targetBits, vocab, calibrate } = options;
      if (type === undefined && targetBits === undefined) throw new UsageError('name a --type, or --target-bits; see fleet model convert --help');
      const path = await pathOf(input);
      const argv = ['quantize', '-i', path, '-o', output];
      const given = {
        '--type': type,
        '--head': head,
        '--target-bits': targetBits,
        '--vocab': vocab && (await pathOf(vocab)),
        '--calibrate': calibrate,
      };
      for (const [option, value] of Object.entries(given)) if (value !== undefined) argv.push(option, value);
      const { code } = await trit(context, argv, true);
      if (code === 2) throw new UsageError(`trit quantize does not take that (its reason is above).`);
      if (code !== 0) throw new FleetError(`${output} was not made (trit quantize ended with status ${code}; its reason is above).`);
      context.give('', { input: path, output, type: type ?? null, head: head ?? null });
    });
}

/** The file of a name of `fleet model ls` that is on this machine, or the file of that name. */
async function pathOf(input: string): Promise<string> {
  const { existsSync } = await import('node:fs');
  const { fileOf, findRow, isHere } = await import('../fleet/catalogue.ts');
  if (existsSync(input)) return input;
  const row = findRow(input);
  if (!isHere(row)) throw new UsageError(`${row.name} is not on this machine: fleet model pull ${row.name}`);
  return fileOf(row);
}

/** Runs the engine of this machine. What it says on stderr is shown as it comes, or kept. */
async function trit(context: Context, argv: readonly string[], show: boolean): Promise<{ code: number | null; stderr: string }> {
  const { spawn } = await import('node:child_process');
  const { build } = await import('../fleet/build.ts');
  const { hostTarget } = await import('../fleet/target.ts');
  const { path } = await build({ toolchain: 'cc', target: hostTarget(), root: context.root });
  const child = spawn(path, [...argv], { stdio: ['ignore', 'ignore', show ? 'inherit' : 'pipe'] });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-4096);
  });
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  return { code, stderr };
}
