import type { Baseline } from './baseline.ts';
import type { Build } from './build.ts';
import type { BundleLine, Origin } from './bundle.ts';
import type { NewComparison, Side, StoredComparison } from './comparison.ts';
import type { Device } from './device.ts';
import type { Facts } from './facts.ts';
import type { FlagName } from './flags.ts';
import type { HistoryRun } from './history.ts';
import type { Marker } from './joules.ts';
import type { JournalEntry, JournalRecord } from './journal.ts';
import type { MetricName } from './metric.ts';
import type { NewRun, RunStatus, RunSummary } from './run.ts';
import type { Scope } from './scope.ts';
import type { SettingFilter, StoredQuality, StoredSetting } from './setting.ts';

/** One raw value, exactly as it was measured, in the base unit of its metric. */
export interface StoredSample {
  seq: number;
  metric: MetricName;
  value: number;
  prompt: string | null;
  launch: number;
  repetition: number;
  warmup: boolean;
  /** Of figures of power and energy. */
  source: string | null;
  scope: Scope | null;
}

/** One trace: values[i] at times[i] seconds. token_times has no values. */
export interface StoredSeries extends Omit<StoredSample, 'metric' | 'value'> {
  series: string;
  unit: string;
  times: number[];
  values: number[];
}

/** What one request generated. The text comes from a device: escape it wherever it is shown. */
export interface StoredOutput {
  seq: number;
  prompt: string;
  launch: number;
  repetition: number;
  hash: string;
  text: string;
  tokens: number;
}

/** A journal record that is neither sample, series nor output. `data` holds its own fields. */
export interface StoredEvent {
  seq: number;
  wall: number; // the device's clock, ms since 1970
  mono: number; // its monotonic clock, seconds
  kind: 'start' | 'phase' | 'engine' | 'sensor' | 'window' | 'clock' | 'flag' | 'log' | 'end';
  data: Record<string, unknown>;
}

/** Why a flag was raised. */
export interface Evidence {
  flag: FlagName;
  evidence: string;
}

/** A run with everything that is known of it: GET /api/runs/:id. */
export interface RunDetail extends RunSummary {
  suiteVersion: number;
  /** SHA-256 of what the suite asked; null where the agent told none. */
  suiteHash: string | null;
  cpus: string | null;
  emulated: boolean;
  journal: string | null;
  lastSeq: number;
  /** Of the sources of its build, see Build; null where unknown. */
  commit: string | null;
  /** Environment epoch: the hash of the facts that change speed; null without facts. */
  epoch: string | null;
  facts: Facts | null;
  /** The device's monotonic clock at the first record, seconds: where the seconds of the run begin. */
  begun: number | null;
  /** The engine's last `ready` record. */
  engine: Record<string, unknown> | null;
  evidence: Evidence[];
  outputs: StoredOutput[];
  /** The marked windows, in seconds since the run started: what places token times and traces on one time line. */
  windows: Marker[];
  /** The last 200, oldest first. */
  events: StoredEvent[];
  samples: StoredSample[];
  series: StoredSeries[];
  /** Only the first of its samples, traces or outputs are here: there are more than were asked for. */
  cut?: true;
}

/** How much of a run is read at most; without, all of it. */
export interface DetailBounds {
  samples: number;
  /** Places in time of all its traces together. */
  points: number;
  /** Characters of all its outputs together. */
  text: number;
}

/** Which runs; every field narrows. Several values of one field: any of them. */
export interface RunFilter {
  id?: string | readonly string[];
  device?: string | readonly string[];
  toolchain?: string | readonly string[];
  model?: string | readonly string[];
  suite?: string | readonly string[];
  threads?: number;
  status?: RunStatus | readonly RunStatus[];
  /** Started at or after, ms since 1970. */
  since?: number;
  /** Started before, ms since 1970. */
  before?: number;
  /** true: status ok and no flag that makes it invalid; false: the others; absent: all. */
  valid?: boolean;
  /** Where they were measured; without it and without ids only those of this fleet. */
  measured?: 'here' | 'elsewhere' | 'anywhere';
  /** The newest so many. */
  limit?: number;
  /** false leaves `prompts` of the summaries empty: what is over is then read from its figures, without its samples. */
  prompts?: boolean;
  /** Without prompts: of what is over only these metrics. */
  metrics?: readonly MetricName[];
}

/** Which comparisons; every field narrows. */
export interface ComparisonFilter {
  id?: string;
  device?: string;
  model?: string;
  suite?: string;
  threads?: number;
  epoch?: string | null;
  /** true: only those of a build with itself. */
  noise?: boolean;
  /** The newest so many; 100 without. */
  limit?: number;
  /** Of their runs only these metrics; own: those that the comparisons are of. */
  metrics?: readonly MetricName[] | 'own';
}

/** A run the controller has to finish or to mark, with what it takes to follow its journal. */
export interface UnfinishedRun extends NewRun {
  status: 'queued' | 'running';
  lastSeq: number;
}

/** A device as the store knows it. */
export interface StoredDevice {
  id: string;
  title: string | null;
  facts: Facts | null;
  epoch: string | null;
  /** When the facts were taken, ms since 1970. */
  probed: number | null;
  runs: number;
  lastRun: number | null; // started, ms since 1970
  /** The run that started last. */
  newest: { id: string; status: RunStatus; flags: FlagName[] } | null;
}

/** Where imported rows come from. */
export interface StoredOrigin extends Origin {
  /** What it was imported from last. */
  file: string;
  imported: number; // ms since 1970
  runs: number;
}

/** What an import did. */
export interface Imported {
  /** Ids of the runs that are new here. */
  runs: string[];
  /** Those that were here already, with the same content. */
  known: string[];
  comparisons: string[];
  /** As they are called here. */
  baselines: string[];
  origins: string[];
}

/** Where a run is, for live progress. */
export interface RunProgress {
  id: string;
  device: string;
  status: RunStatus;
  message: string | null;
  lastSeq: number;
  /** The last phase record: what the run is doing. */
  phase: { phase: string; detail: string | null; done: number | null; total: number | null; tokens: number | null } | null;
  /** The newest decode rate, warm-up included; tokens/s. */
  decodeRate: number | null;
  /** The device's clock at the newest record, ms since 1970. */
  heard: number | null;
}

/** What moved since a cursor: the runs that were written to, oldest change first, and the cursor to ask with next. */
export interface Changes {
  cursor: number;
  runs: RunProgress[];
}

/** Reading: what the dashboard and the reports need. Everything throws FleetError with a sentence. */
export interface StoreReader {
  readonly path: string;
  /** Newest first. */
  runs(filter?: RunFilter): RunSummary[];
  run(id: string, bounds?: DetailBounds): RunDetail | null;
  /** Traces of a run in the order of its journal, all or those of one name or prompt. */
  series(run: string, filter?: { series?: string; prompt?: string }): StoredSeries[];
  /** Every event of one kind, in the order of the journal. */
  events(run: string, kind: StoredEvent['kind']): StoredEvent[];
  devices(limit?: number): StoredDevice[];
  /** What was measured again and again, what was measured last first. */
  settings(filter?: SettingFilter): StoredSetting[];
  /** How good each model is, by suite. */
  quality(): StoredQuality[];
  /** Every metric that a setting has. */
  metrics(): MetricName[];
  /** Newest first, with the environment and the code of each. */
  history(filter?: RunFilter): HistoryRun[];
  /** By name. */
  baselines(): Baseline[];
  /** Where imported rows come from, by id. */
  origins(): StoredOrigin[];
  /** Gives the lines of an evidence bundle of these runs, all of one moment, but for those that close runs and file. */
  bundle(runs: readonly string[], each: (line: BundleLine) => void): void;
  /** Writes a copy of the whole database, or of these runs alone, to a file that does not exist yet. */
  copyTo(file: string, runs?: readonly string[]): void;
  /** Newest first, with their launches. */
  comparisons(filter?: ComparisonFilter): StoredComparison[];
  /** Cheap enough to be called several times a second; begin with cursor 0 or with what the last call gave. At most 500 runs: the others with the next call. */
  changedSince(cursor: number): Changes;
  /** What a follower begins with: the cursor as it stands, and the runs that are queued or running, the newest 500 of them. */
  unfinishedNow(): Changes;
  close(): void;
}

/** The store. Every method that writes is one transaction, on disk when it returns. */
export interface Store extends StoreReader {
  /** Adds a run with status queued, its device, build and facts; an emulated one gets its flag at once. */
  createRun(run: NewRun): void;
  /** Stores one record of a run's journal. False: this sequence number is already there, nothing was done. `end` ends the run. */
  append(run: string, record: JournalRecord): boolean;
  /** The same for several records in one transaction: all or none. Returns how many were new. */
  appendMany(run: string, records: readonly JournalRecord[]): number;
  /** Adds records of the controller's own, such as what a meter said; they get negative sequence numbers. */
  annotate(run: string, entries: readonly JournalEntry[]): void;
  /** Highest sequence number up to which every record of the run is stored; 0 before the first. Resume after it. */
  lastSeq(run: string): number;
  /**
   * Ends a run from the controller's side. False where nothing was done: a run that has ended is never turned back to `interrupted`.
   * `flags` are raised with the message as evidence.
   */
  finish(run: string, status: Exclude<RunStatus, 'queued' | 'running'>, message: string | null, flags?: readonly FlagName[]): boolean;
  addFlag(run: string, flag: FlagName, evidence: string): void;
  /** Remembers a device and what it answered; returns the environment epoch. */
  saveFacts(device: Pick<Device, 'id' | 'title'>, facts: Facts): string;
  saveBuild(build: Build): void;
  createComparison(comparison: NewComparison): void;
  /** A run that was made for a comparison. */
  addLaunch(comparison: string, pair: number, side: Side, run: string): void;
  endComparison(comparison: string, status: Exclude<StoredComparison['status'], 'running'>, message: string | null): void;
  /** Gives runs a name; a baseline of that name is replaced, and then true is returned. */
  setBaseline(name: string, runs: readonly string[]): boolean;
  /** False where there is none of that name. Its runs stay. */
  removeBaseline(name: string): boolean;
  /** This run was made to confirm a change point of the metric. */
  addRerun(run: string, metric: MetricName): void;
  /**
   * Stores imported lines, all or none of them, marked with their origins. A run that is here already with the same content is passed over;
   * with another content nothing is stored. `file` is told as the source.
   */
  importLines(lines: Iterable<BundleLine>, file: string): Imported;
  /** Runs that are queued or running, oldest first. */
  unfinished(): UnfinishedRun[];
}
