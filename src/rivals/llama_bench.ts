import { z } from 'zod';

/** One result of a program that prints as llama-bench does: JSON, JSON lines or a Markdown table. */
export interface BenchRow {
  /** "pp512" or "tg64". */
  test: string;
  rate: number;
  threads: number | null;
  model_bytes: number | null;
  bytes_per_token: number | null;
  /** Commit and number, as far as it tells. */
  build: string | null;
  compiler: string | null;
}

const JSON_ROW = z.object({
  n_prompt: z.number().int().nonnegative(),
  n_gen: z.number().int().nonnegative(),
  avg_ts: z.number().positive(),
  n_threads: z.number().int().positive().nullish(),
  model_size: z.number().positive().nullish(),
  bytes_per_token: z.number().positive().nullish(),
  build_commit: z.string().nullish(),
  build_number: z.number().nullish(),
  compiler: z.string().nullish(),
  compiler_flags: z.string().nullish(),
});

/** All results in what it printed, whatever else stands around them; none where there are none. */
export function parseBench(text: string): BenchRow[] {
  const documents = jsonDocuments(text).flatMap((document) => {
    const parsed = JSON_ROW.safeParse(document);
    return parsed.success ? [fromJson(parsed.data)] : [];
  });
  return documents.length > 0 ? documents : fromTable(text);
}

/** Objects of the first JSON array whose brackets stand on lines of their own, else of every line that is an object. */
function jsonDocuments(text: string): unknown[] {
  const lines = text.split('\n').map((line) => line.trimEnd());
  const begin = lines.findIndex((line) => line === '[' || line.startsWith('[{'));
  const end = lines.findLastIndex((line) => line === ']' || line.endsWith('}]'));
  if (begin >= 0 && end >= begin) {
    const array = parsed(lines.slice(begin, end + 1).join('\n'));
    if (Array.isArray(array)) return array;
  }
  return lines.filter((line) => line.startsWith('{')).map(parsed);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function fromJson(row: z.infer<typeof JSON_ROW>): BenchRow {
  const build = [row.build_commit, row.build_number ? `(${row.build_number})` : null].filter(Boolean).join(' ');
  return {
    test: testOf(row.n_prompt, row.n_gen),
    rate: row.avg_ts,
    threads: row.n_threads ?? null,
    model_bytes: row.model_size ?? null,
    bytes_per_token: row.bytes_per_token ?? null,
    build: build || null,
    compiler: [row.compiler, row.compiler_flags].filter(Boolean).join(' ') || null,
  };
}

function testOf(prompt: number, gen: number): string {
  if (prompt > 0 && gen > 0) return `pp${prompt}+tg${gen}`;
  return prompt > 0 ? `pp${prompt}` : `tg${gen}`;
}

const SIZES: Record<string, number> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** A Markdown table with the columns "test" and "t/s"; the build stands below it. */
function fromTable(text: string): BenchRow[] {
  const rows = text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  const head = rows.find((cells) => cells.includes('test') && cells.includes('t/s'));
  if (!head) return [];
  const build = /^build: (\S+(?: \(\d+\))?)/m.exec(text)?.[1] ?? null;
  return rows.flatMap((cells) => {
    const cell = (name: string): string => cells[head.indexOf(name)] ?? '';
    const rate = Number(/^(\d+(?:\.\d+)?)(?: ± \S+)?$/.exec(cell('t/s'))?.[1]);
    if (!(rate > 0) || !/^(pp|tg)\d+/.test(cell('test'))) return [];
    const [, size, unit] = /^([\d.]+) ([KMG]iB)$/.exec(cell('size')) ?? [];
    const threads = Number(cell('threads'));
    return [
      {
        test: cell('test').replace(/ .*/, ''),
        rate,
        threads: threads > 0 ? threads : null,
        model_bytes: size && unit ? Number(size) * (SIZES[unit] as number) : null,
        bytes_per_token: null,
        build,
        compiler: null,
      },
    ];
  });
}
