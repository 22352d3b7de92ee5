import { readFileSync } from 'node:fs';
import { reason, UsageError } from '../core/errors.ts';
import { Suite } from '../core/suite.ts';
import memory from '../data/suites/memory.json' with { type: 'json' };
import pair from '../data/suites/pair.json' with { type: 'json' };
import smoke from '../data/suites/smoke.json' with { type: 'json' };
import standard from '../data/suites/standard.json' with { type: 'json' };
import sustained from '../data/suites/sustained.json' with { type: 'json' };

/** The suites that come with fleet, by name: one more is one file and one row. */
const SUITES: Record<string, unknown> = { standard, smoke, pair, sustained, memory };

export const SUITE_NAMES: readonly string[] = Object.keys(SUITES);

/** A suite by its name, or from a JSON file where the name holds a slash or ends in .json. Throws a UsageError with what is wrong where. */
export function loadSuite(nameOrFile: string): Suite {
  const isFile = nameOrFile.includes('/') || nameOrFile.endsWith('.json');
  if (!isFile && !SUITE_NAMES.includes(nameOrFile))
    throw new UsageError(`there is no suite ${nameOrFile}: give ${SUITE_NAMES.join(', ')}, or the path of a .json file`);
  const parsed = Suite.safeParse(isFile ? readJson(nameOrFile) : SUITES[nameOrFile]);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new UsageError(`suite ${nameOrFile}: ${issue?.path.join('.') || 'the file'}: ${issue?.message}`);
  }
  const ids = parsed.data.prompts.map((prompt) => prompt.id);
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  if (twice !== undefined) throw new UsageError(`suite ${nameOrFile}: two prompts are called ${twice}; give each its own id`);
  for (const { id, text, messages, random_tokens } of parsed.data.prompts) {
    const given = [text, messages, random_tokens].filter((way) => way !== undefined).length;
    if (given !== 1) throw new UsageError(`suite ${nameOrFile}: prompt ${id} must have one of text, messages and random_tokens`);
  }
  return parsed.data;
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UsageError(`suite ${path} cannot be read: ${reason(error)}`);
  }
}
