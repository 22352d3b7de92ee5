import { createHash } from 'node:crypto';
import { type BundleLine, bundleLine, type LineOf, type ORIGIN_FORMATS } from '../core/bundle.ts';
import type { JournalEntry, JournalRecord } from '../core/journal.ts';

/** A file that somebody brings, with what he says of it. */
export interface Incoming {
  /** Without its folder. */
  name: string;
  bytes: Buffer;
  /** When it was last written, ms since 1970. */
  modified: number;
  /** What it does not tell itself. */
  device?: string;
  model?: string;
  title?: string;
}

/** A run in the file of another program. */
export interface ForeignRun {
  device: string;
  toolchain: string;
  compiler: string;
  flags: string;
  model: string;
  suite: string;
  /** 0: not told. */
  threads: number;
  started: number; // ms since 1970
  /** A sentence where it failed. */
  failure: string | null;
  entries: JournalEntry[];
}

const nth = (n: number) => n.toString(16).padStart(16, '0');

/** The runs of another program's file as lines of a bundle. Their ids follow from the file, so that importing it twice adds nothing. */
export function foreignLines(file: Incoming, format: Exclude<(typeof ORIGIN_FORMATS)[number], 'fleet'>, runs: readonly ForeignRun[]): BundleLine[] {
  const sha256 = createHash('sha256').update(file.bytes).digest('hex');
  const origin = `${format}-${sha256.slice(0, 12)}`;
  const devices = [...new Set(runs.map(({ device }) => device))];
  const builds = [...new Map(runs.map((run) => [buildOf(run), run])).entries()];
  const lines: BundleLine[] = [
    { line: 'origin', id: origin, format, title: (file.title ?? file.name).slice(0, 300), sha256 },
    ...devices.map((name, i): BundleLine => ({ line: 'device', key: nth(i), origin, name, title: null })),
    ...builds.map(([, { toolchain, compiler, flags }], i): BundleLine => {
      return { line: 'build', key: nth(i), sha256: '', toolchain, compiler, target: '', flags, bytes: null, code: null };
    }),
    ...runs.flatMap((run, i): BundleLine[] => {
      const id = `${origin}-${i + 1}`;
      const [device, build] = [nth(devices.indexOf(run.device)), nth(builds.findIndex(([key]) => key === buildOf(run)))];
      return [
        runLine(id, device, build, run),
        ...run.entries.map((entry, j): BundleLine => {
          return { line: 'record', record: { seq: j + 1, wall: run.started, mono: 0, ...entry } as JournalRecord };
        }),
        { line: 'done', run: id, lines: run.entries.length + 1, sha256 },
      ];
    }),
  ];
  return lines.map(bundleLine);
}

function buildOf({ toolchain, compiler, flags }: ForeignRun): string {
  return JSON.stringify([toolchain, compiler, flags]);
}

function runLine(id: string, device: string, build: string, run: ForeignRun): LineOf<'run'> {
  const { model, suite, threads, started, failure, entries } = run;
  return {
    ...{ line: 'run', id, device, build, facts: null, model, suite, suite_version: 1, threads, cpus: null, emulated: false, journal: null },
    ...{ started, ended: null, status: failure === null ? 'ok' : 'failed', message: failure, last_seq: entries.length },
  };
}

/** What the other program said of a result, as it said it; without the long lists where it would be too long. */
export function said(result: object): JournalEntry {
  const text = JSON.stringify(result);
  const lists = Object.entries(result).filter(([, value]) => !Array.isArray(value));
  return { kind: 'log', text: text.length <= 60_000 ? text : JSON.stringify(Object.fromEntries(lists)).slice(0, 60_000) };
}
