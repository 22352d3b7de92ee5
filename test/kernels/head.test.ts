import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ASSETS } from '../support/assets.ts';
import { isasHere, printed, run, trit } from '../support/trit.ts';

const noAssets = existsSync(ASSETS) ? false : `no assets at ${ASSETS}`;
const folder = mkdtempSync(path.join(tmpdir(), 'head-'));
after(() => rmSync(folder, { recursive: true }));

let binary = '';
before(async () => {
  binary = await trit();
});

type Event = Record<string, unknown> & { event: string; n_gen: number; hash: string; head_candidates: number | null; head_fallbacks: number | null };

/** Events of one `trit serve` over the requests; texts go on to their full length. */
function serve(file: string, head: string, requests: object[], ...args: string[]): Event[] {
  const lines = requests.map((request, i) => JSON.stringify({ op: 'generate', id: `r${i}`, ignore_eos: true, ...request }));
  const events = printed(binary, ['serve', '-m', file, '--head', head, ...args], lines.join('\n'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Event);
  assert.deepEqual(
    events.filter((e) => e.event === 'error'),
    [],
  );
  return events;
}

const of = (events: Event[], kind: string) => events.filter((e) => e.event === kind);
const seeds = (n: number) => Array.from({ length: n }, (_, i) => ({ random_tokens: 4 + 9 * i, seed: i + 1 }));
const GREEDY = (length: number) => seeds(8).map((prompt) => ({ ...prompt, max_tokens: length }));
const SAMPLED = (length: number) =>
  seeds(4).flatMap((prompt) => [
    { ...prompt, max_tokens: length, temperature: 0.8, top_k: 40 },
    { ...prompt, max_tokens: length, temperature: 1.5, top_k: 40, top_p: 0.9 },
  ]);

/** Both heads choose the same tokens; says what the screen cost. */
function assertSame(file: string, requests: object[], ...args: string[]): { tokens: number; candidates: number; fallbacks: number } {
  const full = serve(file, 'full', requests, ...args);
  const screen = serve(file, 'screen', requests, ...args);
  const ids = (events: Event[]) => of(events, 'token').map((e) => [e.id, e.token]);
  assert.deepEqual(ids(screen), ids(full));
  assert.deepEqual(
    of(screen, 'done').map((e) => e.hash),
    of(full, 'done').map((e) => e.hash),
  );
  assert.ok(of(full, 'done').every((e) => e.head_candidates === null && e.head_fallbacks === null));
  const sum = { tokens: 0, candidates: 0, fallbacks: 0 };
  for (const done of of(screen, 'done')) {
    sum.tokens += done.n_gen;
    sum.candidates += (done.head_candidates as number) * done.n_gen;
    sum.fallbacks += done.head_fallbacks as number;
  }
  return sum;
}

describe('the two-stage head chooses what the full head chooses', () => {
  const models = (dir: string) =>
    readdirSync(path.join(ASSETS, dir))
      .filter((name) => /(?<!tq1_0)\.gguf$/.test(name))
      .map((name) => path.join(ASSETS, dir, name));
  if (noAssets) it('the trained and the golden models', { skip: noAssets }, () => {});
  for (const file of noAssets ? [] : [...models('models'), ...models('golden')])
    it(path.basename(file), (t) => {
      const trained = file.includes('/models/');
      for (const [name, requests] of Object.entries({ greedy: GREEDY(trained ? 400 : 180), 'top-k 40': SAMPLED(trained ? 400 : 180) })) {
        const { tokens, candidates, fallbacks } = assertSame(file, requests, '-t', '1');
        t.diagnostic(
          `${name}: ${tokens} tokens, ${(candidates / tokens).toFixed(1)} candidates and ${(fallbacks / tokens).toFixed(4)} full heads each`,
        );
        assert.ok(fallbacks < tokens / 50, `${name}: the full head was read ${fallbacks} times for ${tokens} tokens`);
      }
    });

  for (const type of ['f32', 'bf16', 'q8_0', 'q6_k', 'q4_0'])
    it(`a head of type ${type}, on every ISA and with one thread and three`, () => {
      const file = path.join(folder, `${type}.gguf`);
      printed(binary, ['synth', '--preset', 'tiny', '--head', type, '-o', file]);
      for (const isa of isasHere(binary))
        for (const threads of ['1', '3']) assertSame(file, [...GREEDY(20), ...SAMPLED(20)], '--isa', isa, '-t', threads);
    });
});

describe('--head', () => {
  const tiny = path.join(folder, 'tiny.gguf');
  before(() => {
    printed(binary, ['synth', '--preset', 'tiny', '-o', tiny]);
  });
  const bench = (...args: string[]) => {
    const done = run(binary, ['bench', '-m', tiny, '-p', '0', '-n', '8', '-r', '1', '-t', '1', '-o', 'json', ...args]);
    assert.equal(done.status, 0, done.stderr);
    return (JSON.parse(done.stdout) as Record<string, number | string | null>[])[0] as Record<string, number | string | null>;
  };

  it('is named with its bytes, and only what is read counts', () => {
    const full = bench('--head', 'full');
    const screen = bench('--head', 'screen');
    const head = 1024 * 256;
    assert.deepEqual([full.head, full.head_bytes, full.head_candidates, full.head_fallbacks], ['full', 2 * head, null, null]);
    const bytes = (head / 32) * 18 + 2 * 4 * 1024;
    assert.deepEqual([screen.head, screen.head_bytes, screen.head_fallbacks], ['screen', bytes, 0]);
    const saved = (full.bytes_per_token as number) - (screen.bytes_per_token as number);
    assert.ok(Math.abs(saved - (2 * head - bytes - 2 * 256 * (screen.head_candidates as number))) < 60, `${saved}`);
    assert.equal(screen.output_hash, full.output_hash);
    assert.equal(bench().head, 'full', 'a small head is not worth a screen');
  });

  it('is full where all logits matter', () => {
    const events = serve(tiny, 'screen', [{ random_tokens: 4, max_tokens: 10, temperature: 1, top_p: 0.9 }]);
    assert.equal(of(events, 'ready')[0]?.head, 'screen');
    assert.deepEqual([of(events, 'done')[0]?.head_candidates, of(events, 'done')[0]?.head_fallbacks], [0, 10]);
    const same = serve(tiny, 'full', [{ random_tokens: 4, max_tokens: 10, temperature: 1, top_p: 0.9 }]);
    assert.equal(of(events, 'done')[0]?.hash, of(same, 'done')[0]?.hash);
  });

  it('refuses an unknown name, and a head that can have no screen', () => {
    const unknown = run(binary, ['run', '-m', tiny, '-p', 'a', '--head', 'half']);
    assert.deepEqual([unknown.status, unknown.stdout], [2, '']);
    assert.match(unknown.stderr, /head "half" is unknown; use full, screen or auto/);
  });
});
