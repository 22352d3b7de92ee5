import { plainJson } from '../core/plain.ts';
import type { RunSummary } from '../core/run.ts';

/** One document, {"runs":[…]}: the shape of `fleet bench --json`. In pieces, for no text holds that of a hundred thousand runs. */
export function* json(runs: Iterable<RunSummary>): Generator<string> {
  let before = '{\n  "runs": [';
  for (const run of runs) {
    yield `${before}\n${plainJson(run, 2).replace(/^/gm, '    ')}`;
    before = ',';
  }
  yield before === ',' ? '\n  ]\n}\n' : `${before}]\n}\n`;
}
