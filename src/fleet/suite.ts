import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { reason, UsageError } from '../core/errors.ts';
import { Suite } from '../core/suite.ts';
import gardener from '../data/prompts/gardener.json' with { type: 'json' };
import evaluation from '../data/suites/eval.json' with { type: 'json' };
import fp16VsTernary from '../data/suites/fp16-vs-ternary.json' with { type: 'json' };
import longContext from '../data/suites/long-context.json' with { type: 'json' };
import melt from '../data/suites/melt.json' with { type: 'json' };
import memory from '../data/suites/memory.json' with { type: 'json' };
import pair from '../data/suites/pair.json' with { type: 'json' };
import pisellino from '../data/suites/pisellino.json' with { type: 'json' };
import pisellino8k from '../data/suites/pisellino-8k.json' with { type: 'json' };
import pisellinoQ4 from '../data/suites/pisellino-q4.json' with { type: 'json' };
import smoke from '../data/suites/smoke.json' with { type: 'json' };
import standard from '../data/suites/standard.json' with { type: 'json' };
import sustained from '../data/suites/sustained.json' with { type: 'json' };

/** The suites that come with fleet, by name: one more is one file and one row. */
const system = gardener.map((part) => JSON.stringify(part));
const SUITES: Record<string, unknown> = {
  ...{ standard, smoke, pair, sustained, memory, 'fp16-vs-ternary': fp16VsTernary, melt, 'long-context': longContext, eval: evaluation },
  ...{ pisellino: { ...pisellino, system }, 'pisellino-8k': { ...pisellino8k, system }, 'pisellino-q4': { ...pisellino, ...pisellinoQ4, system } },
};

export const SUITE_NAMES: readonly string[] = Object.keys(SUITES);

/** A suite by its name, or from a JSON file where the name holds a slash or ends in .json. Throws a UsageError with what is wrong where. */
export function loadSuite(nameOrFile: string): Suite {
  const isFile = nameOrFile.includes('/') || nameOrFile.endsWith('.json');
  if (!isFile && !SUITE_NAMES.includes(nameOrFile))
    throw new UsageError(`there is no suite ${nameOrFile}: give ${SUITE_NAMES.join(', ')}, or the path of a .json file`);
  const parsed = Suite.safeParse(isFile ? conversations(readJson(nameOrFile)) : SUITES[nameOrFile]);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new UsageError(`suite ${nameOrFile}: ${issue?.path.join('.') || 'the file'}: ${issue?.message}`);
  }
  const ids = parsed.data.prompts.map((prompt) => prompt.id);
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  if (twice !== undefined) throw new UsageError(`suite ${nameOrFile}: two prompts are called ${twice}; give each its own id`);
  for (const { id, text, messages, turns, random_tokens } of parsed.data.prompts) {
    const given = [text, messages, turns, random_tokens].filter((way) => way !== undefined).length;
    if (given !== 1) throw new UsageError(`suite ${nameOrFile}: prompt ${id} must have one of text, messages, turns and random_tokens`);
    if (parsed.data.system !== undefined && messages === undefined && turns === undefined)
      throw new UsageError(`suite ${nameOrFile}: prompt ${id} must have messages or turns, for a system message stands before it`);
  }
  if (parsed.data.prompts.length === 0 && !parsed.data.evaluation) throw new UsageError(`suite ${nameOrFile}: prompts: it has none`);
  if (parsed.data.prompt_cache && parsed.data.system === undefined)
    throw new UsageError(`suite ${nameOrFile}: prompt_cache keeps the system message, and there is no "system"`);
  return parsed.data;
}

/** A file of conversations as MELT has them, a list of lists of what users say, is a suite too: the turns of each list are one conversation. */
function conversations(json: unknown): unknown {
  const lists = z
    .array(z.array(z.string().min(1)).min(1))
    .min(1)
    .safeParse(json);
  if (!lists.success) return json;
  const prompts = lists.data.map((turns, i) => ({ id: `conversation-${i + 1}`, turns, max_tokens: melt.prompts[0]?.max_tokens }));
  return { ...melt, name: 'melt-file', title: 'Conversations of a file', prompts };
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UsageError(`suite ${path} cannot be read: ${reason(error)}`);
  }
}
