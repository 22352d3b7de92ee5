import type { BundleLine } from '../core/bundle.ts';
import { FleetError, UsageError } from '../core/errors.ts';
import { bundleLines, isBundle } from './bundle.ts';
import { HyperfineFile, hyperfineRuns } from './hyperfine.ts';
import { foreignLines, type Incoming } from './incoming.ts';
import { llamaBenchRuns } from './llama_bench.ts';
import { sqlRows } from './sql_rows.ts';

/** A kind of file that `fleet import` reads: one row here, and its reader beside this file. */
export interface ImportFormat {
  readonly name: string;
  readonly what: string;
  /** Is this such a file? Looks at how it begins; `parsed` is its JSON, undefined where it is none. */
  fits(bytes: Buffer, parsed: unknown): boolean;
  /** Throws a FleetError, also while it is gone through, where something in it is not as it should be. */
  lines(file: Incoming, parsed: unknown): Iterable<BundleLine>;
}

export const IMPORT_FORMATS: readonly ImportFormat[] = [
  { name: 'bundle', what: 'an evidence bundle of `fleet export`', fits: isBundle, lines: (file) => bundleLines(file) },
  {
    name: 'llama-bench-json',
    what: 'llama-bench -o json',
    fits: (_, parsed) => Array.isArray(parsed) && isResult(parsed[0]),
    lines: (file, parsed) => foreignLines(file, 'llama-bench', llamaBenchRuns(file, Array.isArray(parsed) ? parsed : [])),
  },
  {
    name: 'llama-bench-jsonl',
    what: 'llama-bench -o jsonl',
    fits: (bytes) => isResult(jsonOf(textOf(bytes).split('\n', 1)[0] ?? '')),
    lines: (file) => foreignLines(file, 'llama-bench', llamaBenchRuns(file, jsonLines(file))),
  },
  {
    name: 'llama-bench-sql',
    what: 'llama-bench -o sql',
    fits: (bytes) => /^\s*(CREATE TABLE (IF NOT EXISTS )?test\b|INSERT INTO test\b)/i.test(textOf(bytes.subarray(0, 1000))),
    lines: (file) => foreignLines(file, 'llama-bench', llamaBenchRuns(file, sqlRows(file.name, textOf(file.bytes)))),
  },
  {
    name: 'hyperfine',
    what: 'hyperfine --export-json',
    fits: (_, parsed) => HyperfineFile.safeParse(parsed).success,
    lines: (file, parsed) => foreignLines(file, 'hyperfine', hyperfineRuns(file, HyperfineFile.parse(parsed))),
  },
];

/** Bytes of another program's file; bundles have their own bound. */
const MOST = 64 * 2 ** 20;

/** The format of a file and its lines, to be gone through once. A UsageError where no format fits, or not the one that was named. */
export function linesOf(file: Incoming, format?: string): { format: string; lines: Iterable<BundleLine> } {
  if (format !== undefined && !IMPORT_FORMATS.some(({ name }) => name === format))
    throw new UsageError(`There is no import format "${format}": choose ${IMPORT_FORMATS.map(({ name }) => name).join(', ')}.`);
  const small = file.bytes.length <= MOST;
  if (!small && !isBundle(file.bytes)) throw new FleetError(`${file.name} is larger than ${MOST / 2 ** 20} MiB and no bundle: nothing was stored.`);
  const parsed = small && !isBundle(file.bytes) ? jsonOf(textOf(file.bytes)) : undefined;
  const found = IMPORT_FORMATS.find((row) => (format === undefined || row.name === format) && row.fits(file.bytes, parsed));
  if (found) return { format: found.name, lines: found.lines(file, parsed) };
  const known = IMPORT_FORMATS.filter(({ name }) => format === undefined || name === format).map(({ what }) => what);
  throw new FleetError(`${file.name} is nothing that fleet can import: it reads ${known.join(', ')}.`);
}

function isResult(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'n_prompt' in value && 'n_gen' in value;
}

function textOf(bytes: Buffer): string {
  return bytes.toString('utf8').replace(/^\ufeff/, '');
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function jsonLines({ name, bytes }: Incoming): unknown[] {
  return textOf(bytes)
    .split('\n')
    .flatMap((line, i) => {
      if (line.trim() === '') return [];
      const value = jsonOf(line);
      if (value === undefined) throw new FleetError(`${name}: line ${i + 1} is no JSON. Nothing was stored; it may be cut off.`);
      return [value];
    });
}
