import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { Command, CommanderError, Option } from 'commander';
import { type Agreement, type Case, type Contest, caseOf, type Entrant, memoryOf, standings } from '../core/contest.ts';
import { reason } from '../core/errors.ts';
import { IN_CACHE } from '../core/memory_reading.ts';
import { plainJson } from '../core/plain.ts';
import { build } from '../fleet/build.ts';
import { sha256Of } from '../fleet/checksum.ts';
import { hostTarget } from '../fleet/target.ts';
import { wantsColour } from '../report/colour.ts';
import { contestText } from '../report/contest.ts';
import { compilerOf } from '../rivals/compiler.ts';
import { contest } from '../rivals/contest.ts';
import type { Engine } from '../rivals/engine.ts';
import { measureMemory } from '../rivals/memory.ts';
import { fetchNodeLlama, findNodeLlama } from '../rivals/node_llama.ts';
import { agreement } from '../rivals/outputs.ts';
import { list, whole } from './arguments.ts';
import { type EngineOptions, enginesOf, named } from './engines.ts';
import { reportFailure } from './failure.ts';
import { Interrupt } from './interrupt.ts';
import { projectRoot } from './root.ts';

interface Options extends EngineOptions {
  model: string[];
  cases?: Case[];
  rounds: number;
  seed: number;
  journal?: string;
  seconds?: number;
  llama: boolean;
  json?: boolean;
}

const gather = <T>(read: (text: string) => T) => {
  const all: T[] = []; // without the default, which is what commander hands on at first
  return (text: string): T[] => {
    all.push(read(text));
    return all;
  };
};

/** Decode with one thread and with all, prefill and start with all. */
function usualCases(): Case[] {
  const threads = availableParallelism();
  return [...new Set(['tg64@1', `tg64@${threads}`, `pp128@${threads}`, `pp512@${threads}`, `start@${threads}`])].map(caseOf);
}

/** `npm run bench:engine`: our engine beside others, round by round. Not a command of fleet, for it knows no devices and stores nothing. */
function createCommand(): Command {
  return new Command('bench:engine')
    .description('Measures trit and other engines in turns, and proves first that they compute the same where they tell what they compute.')
    .addOption(
      new Option('-m, --model <name>', 'a twin (name or name:type:head), or a .gguf file; may be repeated')
        .argParser(gather(String))
        .default(['bitnet-2b-4t', 'tinyllama-1.1b']),
    )
    .addOption(
      new Option(
        '--cases <list>',
        `pp512@2: prefill, 2 threads; tg64@1: decode; start@2 (default: ${usualCases()
          .map(({ id }) => id)
          .join(',')})`,
      ).argParser((text) => list(text).map(caseOf)),
    )
    .addOption(
      new Option('--rival <name=program>', 'a program with the options of llama-bench; may be repeated').argParser(gather(named)).default([]),
    )
    .addOption(
      new Option('--rival-model <name[@model]=file>', 'what it reads instead of the same weights as ours; may be repeated')
        .argParser(gather(named))
        .default([]),
    )
    .addOption(
      new Option('--rival-args <name=arguments>', 'more arguments for it, such as "-ub 128"; may be repeated').argParser(gather(named)).default([]),
    )
    .option('--no-llama', 'without llama.cpp as node-llama-cpp ships it (fetched on first use)')
    .addOption(new Option('--isa <names>', 'ours once for each of these instruction sets (default: the best)').argParser(list))
    .option('--trit <program>', 'this build of ours (default: built here with cc)')
    .option('--trit-args <arguments>', 'more arguments for trit bench, such as "--layout t5"')
    .addOption(new Option('-r, --rounds <count>', 'rounds').argParser(whole(1, 1000)).default(5))
    .addOption(new Option('--seed <number>', 'of the order in each round').argParser(whole(0, 2 ** 31 - 1)).default(1))
    .addOption(new Option('--seconds <count>', 'begin no round later than that').argParser(whole(1, 1e6)))
    .addOption(new Option('--limit <seconds>', 'a launch that takes longer has failed').argParser(whole(1, 1e5)).default(600))
    .option('--journal <file>', 'keep every round in this file, and go on where it ends')
    .option('--json', 'one JSON document on stdout')
    .addHelpText(
      'after',
      `
Examples:
  $ npm run bench:engine                                                      llama.cpp beside ours
  $ npm run bench:engine -- -m bitnet-2b-4t --rival bitnet.cpp=../BitNet/build/bin/llama-bench
  $ npm run bench:engine -- --rival ik=../ik_llama.cpp/build/bin/llama-bench --rival-model ik@bitnet-2b-4t=2b-iq2_bn.gguf`,
    )
    .action(benchEngine);
}

async function benchEngine(options: Options): Promise<void> {
  const root = projectRoot();
  const say = (sentence: string): void => void process.stderr.write(`${sentence}\n`);
  const cases = options.cases ?? usualCases();
  const trit = options.trit ? resolve(options.trit) : (await build({ toolchain: 'cc', target: hostTarget(), root })).path;
  const folder = resolve(root, '.fleet/oracle');
  if (options.llama && !findNodeLlama(folder)) {
    say('fetching llama.cpp as node-llama-cpp ships it (once)');
    await fetchNodeLlama(root);
  }
  const until = options.seconds === undefined ? Number.POSITIVE_INFINITY : performance.now() + 1000 * options.seconds;
  const interrupt = new Interrupt('ending; what was measured is told');
  try {
    const { signal } = interrupt;
    const contests: Contest[] = [];
    for (const model of options.model) {
      const engines = await enginesOf(options, { root, trit, model, nodeLlama: options.llama ? findNodeLlama(folder) : null, say });
      contests.push(await compete(options, { model, engines, cases, trit, until, signal, say }));
      if (signal.aborted) break;
    }
    const memory = memoryOf(contests.flatMap(({ rounds }) => rounds));
    const good = contests.every(({ standings, entrants }) => standings.every(({ failure }) => !failure) && entrants.every(agrees));
    process.exitCode = signal.aborted ? 130 : good ? 0 : 1;
    if (options.json) process.stdout.write(`${plainJson({ memory, contests }, 2)}\n`);
    else process.stdout.write(contestText(contests, memory, { colour: wantsColour(process.stdout, process.env) }));
  } finally {
    interrupt.release();
  }
}

const agrees = ({ outputs }: Entrant): boolean => outputs.verdict === 'equal' || outputs.verdict === 'not checked';
const NOT_CHECKED: Agreement = { verdict: 'not checked', rms: null, max: null, bounds: null, greedy: null };

interface Field {
  model: string;
  engines: Engine[];
  cases: Case[];
  trit: string;
  until: number;
  signal: AbortSignal;
  say(sentence: string): void;
}

/** Outputs first, then the rounds, then who stands where. */
async function compete(options: Options, { model, engines, cases, trit, until, signal, say }: Field): Promise<Contest> {
  const outputs = new Map<string, Agreement>();
  for (const engine of engines.filter(({ rival }) => rival)) {
    if (signal.aborted) break;
    say(`${model}: comparing outputs with ${engine.name}`);
    try {
      outputs.set(engine.name, await agreement(trit, engine, signal));
    } catch (error) {
      if (signal.aborted) break;
      outputs.set(engine.name, { ...NOT_CHECKED, verdict: 'failed' });
      say(`${model}: the outputs of ${engine.name} could not be compared: ${reason(error)}`);
    }
  }
  const files = new Map<string, string>();
  for (const file of [...engines.map((engine) => engine.file), ...engines.flatMap((engine) => engine.identity().code_files)])
    if (!files.has(file)) files.set(file, await sha256Of(file));
  const hashes = engines.map((engine) => [
    engine.name,
    engine.setting,
    files.get(engine.file),
    engine.identity().code_files.map((file) => files.get(file)),
  ]);
  const key = createHash('sha256')
    .update(JSON.stringify([options.seed, hashes]))
    .digest('hex')
    .slice(0, 16);
  const journal = options.journal ?? null;
  const large = engines.some(({ file }) => statSync(file).size > IN_CACHE);
  const memory = large ? (threads: number, signal?: AbortSignal) => measureMemory(trit, threads, signal) : null;
  const rounds = await contest({ model, engines, cases, rounds: options.rounds, seed: options.seed, memory, key, journal, signal, until, say });
  const entrants = await Promise.all(
    engines.map(async (engine): Promise<Entrant> => {
      const { code_files, ...identity } = engine.identity();
      const compiler = identity.compiler ?? (await compilerOf(code_files));
      const code = await Promise.all(code_files.map(async (file) => ({ file, sha256: files.get(file) ?? (await sha256Of(file)) })));
      const told = rounds.map(({ measures }) => measures[engine.name]?.model_bytes).find(Boolean);
      return {
        ...{ name: engine.name, rival: engine.rival, file: engine.file, file_sha256: files.get(engine.file) ?? '', ...identity, compiler, code },
        ...{ outputs: outputs.get(engine.name) ?? NOT_CHECKED, model_bytes: told ?? null },
      };
    }),
  );
  const table = cases.flatMap((test) =>
    standings(
      test,
      engines,
      rounds.filter((round) => round.case === test.id),
    ),
  );
  return { model, entrants, standings: table, rounds };
}

const command = createCommand().exitOverride();
command.parseAsync(process.argv.slice(2), { from: 'user' }).catch((error: unknown) => {
  if (error instanceof CommanderError && error.exitCode === 0) return;
  process.exitCode = reportFailure(error, process.argv.includes('--json'));
});
