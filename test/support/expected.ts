// npm run expected -- -s standard,smoke -m model.gguf: what trained models say to the prompts of suites whatever the ISA and whatever becomes of
// keys and values, for `expected` of those suites. Random weights are no use: their best tokens are too near each other for any rounding.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Engine } from '../../agents/engine.ts';
import { nodeHost } from '../../agents/hosts/node.ts';
import { type Context, requestFor } from '../../agents/launch.ts';
import { fitSystem } from '../../agents/system.ts';
import { contextFor } from '../../src/cli/preflight.ts';
import type { Job, ModelSource } from '../../src/core/job.ts';
import type { Prompt, Suite } from '../../src/core/suite.ts';
import { sha256Of } from '../../src/fleet/checksum.ts';
import { findModel } from '../../src/fleet/model.ts';
import { loadSuite } from '../../src/fleet/suite.ts';
import { ROOT } from './cli.ts';
import { temporaryFolder } from './folder.ts';
import { isasHere, printed, trit } from './trit.ts';

/** Tokens that are asked for, of the first turn of a conversation; the shortest and longest text that is kept: one letter proves little. */
const [TOKENS, LEAST, MOST] = [16, 3, 64];

/** What a model begins to say to each prompt of a suite with one ISA and one kind of keys and values. Throws where the engine does not take them. */
export async function answers(binary: string, suite: Suite, model: ModelSource, isa: string, longest: number | null): Promise<Map<string, string>> {
  const signal = new AbortController().signal;
  const job = { binary, model, suite } as Job;
  const at = { host: nodeHost, job, signal, journal: { write: () => {} } } as unknown as Context;
  await fitSystem(at);
  const context = contextFor(suite, longest);
  const options = { binary, model: model.path, threads: 2, cpus: null, isa, context, kv: suite.kv, timeout: 3600, signal };
  const engine = await Engine.start(nodeHost, options);
  const said = new Map<string, string>();
  try {
    for (const prompt of suite.prompts.map(begun)) said.set(prompt.id, (await engine.generate({ ...requestFor(at.job, prompt), keep: true })).text);
    await engine.stop();
  } finally {
    await engine.abort();
  }
  return said;
}

/** Its first turn, and no more tokens than are looked at. */
function begun({ turns, ...prompt }: Prompt): Prompt {
  const max_tokens = Math.min(TOKENS, prompt.max_tokens);
  return turns ? { ...prompt, max_tokens, id: `${prompt.id}.1`, messages: [{ role: 'user', content: turns[0] ?? '' }] } : { ...prompt, max_tokens };
}

/** Half of what the beginnings of all variations share, by prompt, which leaves room for other roundings; those that share too little are left out. */
export function common(variations: readonly ReadonlyMap<string, string>[]): Record<string, string> {
  const [first = new Map<string, string>(), ...others] = variations;
  const shared = [...first].map(([id, text]) => {
    const letters = [...text.replace(/\ufffd.*/s, '')].slice(0, MOST); // no halves of letters
    const differs = letters.findIndex((_, i) => others.some((other) => !other.get(id)?.startsWith(letters.slice(0, i + 1).join(''))));
    return [id, letters.slice(0, Math.ceil((differs < 0 ? letters.length : differs) / 2)).join('')] as const;
  });
  return Object.fromEntries(shared.filter(([, text]) => text.length >= LEAST));
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { model: { type: 'string', short: 'm' }, suite: { type: 'string', short: 's' }, isa: { type: 'string' } },
  });
  const binary = await trit();
  const isas = values.isa?.split(',') ?? isasHere(binary);
  for (const name of (values.suite ?? 'smoke').split(',')) {
    const suite = loadSuite(name);
    for (const given of (values.model ?? suite.models?.join(',') ?? suite.model).split(',')) {
      const { source, longest } = await sourceOf(binary, given);
      const variations: Map<string, string>[] = [];
      for (const isa of isas)
        for (const kv of new Set(['f16', 'q8_0', suite.kv ?? 'f16'] as const)) {
          const told = await answers(binary, { ...suite, kv }, source, isa, longest).catch((error: Error) => error);
          process.stderr.write(`${name}, ${given}, ${isa}, ${kv}: ${told instanceof Error ? told.message : JSON.stringify([...told])}\n`);
          if (!(told instanceof Error)) variations.push(told);
        }
      process.stdout.write(`${JSON.stringify({ suite: name, [source.sha256 ?? source.name]: common(variations) }, null, 2)}\n`);
    }
  }
}

/** A file, or a twin that is made; the longest context as `fleet bench` knows it. */
async function sourceOf(binary: string, name: string): Promise<{ source: ModelSource; longest: number | null }> {
  const { synth, context: longest, name: known } = findModel(ROOT, name);
  if (synth === null) return { source: { name: known, path: resolve(name), sha256: await sha256Of(name), synth }, longest };
  const path = `${temporaryFolder('expected')}/twin.gguf`;
  printed(binary, ['synth', '--preset', synth.preset, '--type', synth.type, '--head', synth.head, '--seed', String(synth.seed), '-o', path]);
  return { source: { name: known, path, sha256: null, synth }, longest };
}

if (import.meta.filename === resolve(process.argv[1] ?? '')) await main();
