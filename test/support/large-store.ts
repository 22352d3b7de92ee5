/**
 * A made-up database as large as a fleet gets: 100,000 runs and 10 million samples by default, all of it from a seed.
 * node --import tsx test/support/large-store.ts FILE [RUNS] [SAMPLES A RUN]
 */
import { pathToFileURL } from 'node:url';
import Database from 'better-sqlite3';
import type { METRICS } from '../../src/core/metric.ts';
import { openStore } from '../../src/store/store.ts';
import { packTrace } from '../../src/store/trace.ts';
import { seeded } from './random.ts';
import { FACTS } from './runs.ts';

const TOOLCHAINS = ['clang-14', 'clang-19', 'gcc-12', 'gcc-13'];
const MODELS = ['bitnet-2b-4t', 'bitnet-2b-4t:tq1_0:q6_k', 'falcon3-1b', 'tinyllama-1.1b'];
const SUITES = ['standard', 'smoke', 'pair'];
const SAMPLED = [
  'decode_rate',
  'prefill_rate',
  'time_to_first_token',
  'time_per_output_token',
  'bandwidth',
  'bytes_per_token',
  'energy_per_token',
] as const;
const ONCE = ['load_time', 'peak_rss', 'model_bytes'] as const;
const DAY = 86_400_000;
const TOKENS = 32;
const COMPARISONS = 240;
/** The first warms up. */
const PAIRS = 11;

/** What was written. */
export interface Large {
  runs: number;
  samples: number;
  series: number;
}

/** Writes straight into the tables, as an import does, then lets the store work out its figures. */
export function fillLarge(path: string, { runs = 100_000, each = 100, devices = 50, seed = 1, now = Date.UTC(2026, 10, 20) } = {}): Large {
  openStore(path).close();
  const db = new Database(path);
  db.pragma('synchronous = OFF');
  db.pragma('cache_size = -200000');
  const random = seeded(seed);
  const insert = (table: string, columns: number) => db.prepare(`INSERT INTO ${table} VALUES (${Array(columns).fill('?').join(', ')})`);
  const [addDevice, addFacts, addJournal, addSample, addSeries, addEvent, addFlag] = [
    insert('devices', 4),
    insert('facts', 5),
    insert('journal', 5),
    insert('samples', 10),
    insert('series', 13),
    insert('events', 4),
    insert('flags', 3),
  ];
  const addBuild = db.prepare('INSERT INTO builds (id, sha256, toolchain, compiler, target, flags, bytes, code) VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
  const addRun = db.prepare(
    `INSERT INTO runs (id, device, build, facts, model, suite, suite_version, threads, cpus, emulated, journal, started, ended, status, message, last_seq, revision)
     VALUES (?, ?, ?, ?, ?, ?, 1, ?, NULL, 0, NULL, ?, ?, ?, NULL, ?, ?)`,
  );
  const speeds = Array.from({ length: devices }, () => 0.5 + 60 * random() ** 2);
  db.transaction(() => {
    for (let device = 0; device < devices; device++) {
      const id = idOf(device);
      addDevice.run(id, `Device ${device}`, null, null);
      addFacts.run(device + 1, id, now - 400 * DAY, `epoch${device}`, JSON.stringify({ ...FACTS, cpu: `Processor ${device}` }));
    }
    TOOLCHAINS.forEach((toolchain, i) => {
      for (const release of [0, 1, 2])
        addBuild.run(3 * i + release + 1, `${i}${release}`.repeat(32), toolchain, `${toolchain}.0`, 'x86_64-linux', '', 1e6, `${i}${release}`);
    });
  })();
  let samples = 0;
  const packed = Array.from({ length: 20 }, () =>
    packTrace(
      Array.from({ length: TOKENS }, (_, k) => 0.2 + k * (0.05 + 0.002 * random())),
      [],
    ),
  );
  const one = (run: number) => {
    const device = Math.floor(random() ** 1.5 * devices);
    const toolchain = Math.floor(random() * TOOLCHAINS.length);
    const model = Math.floor(random() ** 2 * MODELS.length);
    const threads = [1, 2, 4][Math.floor(random() * 3)] as number;
    const started = now - 365 * DAY * (1 - run / runs) + 60_000 * random();
    const release = Math.min(2, Math.floor((3 * run) / runs));
    const stamp = new Date(started).toISOString().replace(/\D/g, '');
    const id = `${stamp.slice(0, 8)}-${stamp.slice(8, 14)}-${run.toString(36).padStart(6, '0')}`;
    const rate =
      (speeds[device] as number) * (1 + 0.3 * model) * threads ** 0.6 * (1 + 0.05 * toolchain) * (1 + 0.03 * release) * (1 + 0.04 * (random() - 0.5));
    const status = random() < 0.02 ? 'failed' : 'ok';
    let seq = 0;
    const record = (kind: string) => void addJournal.run(id, ++seq, kind, started + seq, seq / 10);
    addRun.run(
      id,
      idOf(device),
      3 * toolchain + release + 1,
      device + 1,
      MODELS[model],
      SUITES[Math.floor(random() ** 2 * 3)],
      threads,
      started,
      started + 200_000,
      status,
      0,
      run + 1,
    );
    record('engine');
    addEvent.run(id, seq, 'engine', '{"engine":{"isa":"avx2"}}');
    for (let i = 0; i < each; i++) {
      const once = i < ONCE.length;
      const name = (once ? ONCE[i] : SAMPLED[i % SAMPLED.length]) as (typeof METRICS)[number]['name'];
      const value = typical(name, rate, model) * (1 + 0.02 * (random() - 0.5));
      const energy = name === 'energy_per_token';
      record('sample');
      const prompt = once ? null : `prompt-${i % 4}`;
      addSample.run(id, seq, name, value, prompt, 0, Math.floor(i / 28), i < 10 && !once ? 1 : 0, energy ? 'meter' : null, energy ? 'wall_ac' : null);
      samples++;
    }
    record('series');
    addSeries.run(id, seq, 'token_times', 's', 'prompt-0', 0, 0, 0, TOKENS, 0, packed[run % packed.length], null, null);
    if (random() < 0.05) addFlag.run(id, random() < 0.5 ? 'busy' : 'idle-drift', 'made up');
    record('end');
    addEvent.run(id, seq, 'end', JSON.stringify({ status, message: null }));
    db.prepare('UPDATE runs SET last_seq = ? WHERE id = ?').run(seq, id);
  };
  for (let from = 0; from < runs; from += 1000)
    db.transaction(() => {
      for (let run = from; run < Math.min(runs, from + 1000); run++) one(run);
    })();
  compareThem(db, random, now);
  db.close();
  openStore(path).close(); // works out the figures
  return { runs, samples, series: runs };
}

/** Comparisons of runs of one device, model, suite and number of threads; every fourth of a build with itself. */
function compareThem(db: Database.Database, random: () => number, now: number): void {
  const alike = db.prepare<[string, string, number], { id: string; build: number; suite: string }>(
    "SELECT id, build, suite FROM runs WHERE device = ? AND model = ? AND threads = ? AND status = 'ok' ORDER BY started DESC LIMIT 200",
  );
  const add = db.prepare(
    `INSERT INTO comparisons (id, device, baseline, candidate, model, suite, suite_version, threads, metrics, seed, epoch, started, ended, status)
     VALUES (?, ?, ?, ?, ?, 'standard', 1, ?, '["decode_rate","prefill_rate"]', 1, ?, ?, ?, 'ok')`,
  );
  const launch = db.prepare('INSERT INTO launches VALUES (?, ?, ?, ?)');
  db.transaction(() => {
    for (let i = 0; i < COMPARISONS; i++) {
      const device = Math.floor((i / 4) % 10);
      const [model, threads] = [MODELS[Math.floor(i / 40) % 2] as string, [1, 2, 4][Math.floor(i / 80) % 3] as number];
      const runs = alike.all(idOf(device), model, threads).filter(({ suite }) => suite === 'standard');
      const builds = [...new Set(runs.map(({ build }) => build))];
      const [baseline, candidate] = i % 4 === 0 ? [builds[0], builds[0]] : [builds[0], builds[i % 4]];
      if (baseline === undefined || candidate === undefined) continue;
      const id = `comparison-${i}`;
      const started = now - 1e6 * i - 1000 * random();
      add.run(id, idOf(device), baseline, candidate, model, threads, `epoch${device}`, started, started + 1e5);
      for (const [side, build, from] of [['baseline', baseline, 0] as const, ['candidate', candidate, i % 4 === 0 ? PAIRS : 0] as const])
        runs
          .filter((run) => run.build === build)
          .slice(from, from + PAIRS)
          .forEach(({ id: run }, pair) => void launch.run(id, pair, side, run));
    }
  })();
}

function idOf(device: number): string {
  return `device-${String(device).padStart(2, '0')}`;
}

function typical(name: string, rate: number, model: number): number {
  const bytes = 1.2e9 / (1 + model);
  const values: Record<string, number> = {
    ...{ decode_rate: rate, prefill_rate: rate * 6, time_to_first_token: 64 / rate, time_per_output_token: 1 / rate, bandwidth: rate * bytes },
    ...{ bytes_per_token: bytes, energy_per_token: 8 / rate, load_time: bytes / 1e9, peak_rss: bytes * 1.1, model_bytes: bytes },
  };
  return values[name] as number;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [path = 'large.db', runs = '100000', each = '100'] = process.argv.slice(2);
  const began = Date.now();
  const { samples } = fillLarge(path, { runs: Number(runs), each: Number(each) });
  process.stdout.write(`${path}: ${runs} runs, ${samples} samples, ${((Date.now() - began) / 1000).toFixed(0)} s\n`);
}
