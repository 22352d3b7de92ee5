import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { JournalRecord } from '../../src/core/journal.ts';
import type { RunSummary } from '../../src/core/run.ts';
import { openStore } from '../../src/store/store.ts';
import { cli, ROOT, type Started, scratch, start, type Told } from '../support/cli.ts';
import { endFaults, FAULTS, type Fault } from '../support/faults.ts';
import { Fleet, type FleetDevice, noNamespaces } from '../support/fleet.ts';
import { until } from '../support/job.ts';
import { clientHome } from '../support/sshd.ts';
import { stored } from '../support/stored.ts';

/**
 * What a fleet bears. Every fault of test/support/faults.ts strikes one device of a fleet of real OpenSSH servers while one call benches all of
 * them, some healthy; the faults of the controller strike calls of their own. The journals are kept aside on the devices by a second name, so that
 * what was recorded there can be counted against what is stored. FLEET_TABLE=FILE writes the table of what happened.
 */

const REPETITIONS = 5;
const PROMPTS = ['a', 'b', 'c', 'd', 'e'];
/** Seconds between prompts: a run that lasts costs nobody anything, and the fault finds it running also on a busy machine. */
const PAUSE = 4;
const HEALTHY = ['calm-1', 'calm-2'];

interface Row {
  name: string;
  ended: string;
  lost: string;
  said: string;
}

const rows: Row[] = [];
const folder = scratch();
const devices = join(folder, 'devices');
const suite = join(folder, 'long.json');

describe('faults', { skip: noNamespaces }, () => {
  let fleet: Fleet;
  let told: Told;
  let next: Told;
  const faults = FAULTS.filter(({ missing }) => !missing);
  const db = join(folder, 'fleet.db');

  const device = (id: string) => fleet.devices.find((one) => one.id === id) as FleetDevice;
  const options = (file = db) => ({ cwd: folder, within: fleet.within, env: { FLEET_DEVICES: devices, FLEET_DB: file, HOME: clientHome() } });
  const bench = (ids: readonly string[], file?: string, ...more: string[]) =>
    start(['bench', '-d', ids.join(), '-s', suite, '-t', '1', '--json', ...more], options(file));

  before(async () => {
    execFileSync(join(ROOT, 'fleet'), ['setup'], { stdio: 'ignore' });
    mkdirSync(devices);
    appendFileSync(join(clientHome(), '.ssh/config'), 'Host *\n  ServerAliveInterval 1\n  ServerAliveCountMax 3\n');
    const prompts = PROMPTS.map((id) => ({ id, random_tokens: 16, max_tokens: 100 }));
    writeFileSync(
      suite,
      JSON.stringify({ name: 'long', version: 1, title: 'for a test', model: 'tiny', prompts, warmup: 1, repetitions: REPETITIONS, cooldown: PAUSE }),
    );
    fleet = await Fleet.start();
    await fleet.add([...HEALTHY, 'killed-1', 'killed-2', 'wanted', 'both', 'away', 'full-1', 'full-2']);
    for (const fault of faults) await fleet.add([fault.id], fault.options);
    for (const one of fleet.devices) one.declare(devices, faults.find(({ id }) => id === one.id)?.declared?.(one, fleet));
    for (const fault of faults) await fault.prepare?.(device(fault.id), fleet);
    const call = bench([...HEALTHY, ...faults.map(({ id }) => id)]);
    await Promise.all(faults.map((fault) => strike(fault, call)));
    told = await call.ended;
    next = await cli(['runs', '--fetch', '--json'], options());
  });

  after(async () => {
    endFaults();
    await fleet?.stop();
    if (process.env.FLEET_TABLE && rows.length > 0) writeFileSync(process.env.FLEET_TABLE, table(rows));
  });

  /** Waits for the moment, keeps the journal aside, strikes. */
  async function strike(fault: Fault, call: Started): Promise<void> {
    if (!fault.when || !fault.strike) return;
    await call.said(new RegExp(`^${fault.id}${fault.when.source}`, 'm'));
    const one = device(fault.id);
    if (fault.midRun) {
      one.signal('/trit serve', 'SIGSTOP'); // the run does not end while others are struck
      keep(one);
      one.signal('/trit serve', 'SIGCONT');
    }
    await fault.strike(one);
  }

  test('the fleet as a whole: one document, one row a run, nothing unfinished after the next call', () => {
    const { runs, errors } = JSON.parse(told.stdout) as { runs: RunSummary[]; errors: { device: string; message: string }[] };
    assert.equal(told.code, 1, told.stderr);
    assert.ok(errors.length > 0);
    assert.deepEqual([...new Set(runs.map((run) => run.device))].sort(), [...HEALTHY, ...faults.map(({ id }) => id)].sort());
    assert.doesNotMatch(told.stderr, /\n\s+at |should not happen/);
    assert.equal(next.code, 0, next.stderr);
    const store = openStore(db, { readonly: true });
    assert.deepEqual(store.runs({ status: ['queued', 'running'] }), []);
    store.close();
  });

  for (const id of HEALTHY) {
    test(`${id}: a device without a fault is measured as if nothing had happened`, () => {
      const [run, ...more] = runsOf(db, id);
      assert.deepEqual([run?.status, run?.message, more.length], ['ok', null, 0]);
      assertComplete(run as RunSummary);
    });
  }

  for (const fault of FAULTS) {
    test(fault.name, { skip: fault.missing || false }, async () => {
      const one = device(fault.id);
      const runs = runsOf(db, fault.id);
      const last = runs.at(-1) as RunSummary;
      assert.ok([fault.ends].flat().includes(last.status as 'ok'), `${last.status}: ${last.message}\n${told.stderr}`);
      if (last.status === 'ok') assertComplete(last);
      if (fault.flag) assert.ok((last.flags as string[]).includes(fault.flag), last.flags.join());
      const said = [told.stderr, last.message ?? '', ...evidenceOf(db, last.id)].join('\n');
      assert.match(said, fault.says);
      const lost = fault.midRun ? countLost(db, keptOf(one)) : { lost: 0, recorded: stored(db, last.id).samples };
      assert.equal(lost.lost, 0);
      for (const { id } of runs) {
        const { doubled, whole } = stored(db, id);
        assert.equal(doubled, 0, 'a sample is stored twice');
        assert.ok(whole, 'a record is missing');
      }
      if (fault.id !== 'off') await until(`nothing runs on ${fault.id}`, () => one.programs().length === 0);
      rows.push({ name: fault.name, ended: ended(runs), lost: lostText(lost), said: sentence(said, fault.says) });
    });
  }

  describe('of the controller, each in a call of its own', { concurrency: true }, () => {
    test('controller killed (kill -9): the devices go on, the next call fetches their runs', async () => {
      const file = join(folder, 'killed.db');
      const ids = ['killed-1', 'killed-2'];
      const call = bench(ids, file);
      await Promise.all(ids.map((id) => call.said(new RegExp(`^${id}: cc ×1: measuring a 1/`, 'm'))));
      for (const id of ids) keep(device(id));
      call.child.kill('SIGKILL');
      await call.ended;
      const fetched = await cli(['runs', '--fetch', '--json'], options(file));
      assert.equal(fetched.code, 0, fetched.stderr);
      const runs = ids.flatMap((id) => runsOf(file, id));
      assert.deepEqual(
        runs.map(({ status }) => status),
        ['ok', 'ok'],
      );
      for (const run of runs) assertComplete(run, file);
      await settled('controller killed (kill -9) in the middle of two runs', ids, file, fetched.stderr, /run \S+, begun earlier on killed-1: ok/);
    });

    test('cable pulled and not put back: the call is ended, a later one fetches the run', async () => {
      const file = join(folder, 'away.db');
      const call = bench(['away', 'calm-2'], file);
      await call.said(/^away: cc ×1: measuring a 1\//m);
      keep(device('away'));
      device('away').setLink(false);
      await call.said(/^calm-2: cc ×1: ok/m);
      await call.said(/connecting again/);
      call.child.kill('SIGINT');
      const { code, stderr } = await call.ended;
      assert.equal(code, 130, stderr);
      assert.match(stderr, /stopped before it could be reached again; a run begun there goes on by itself; the next fleet command fetches it/);
      device('away').setLink(true);
      const fetched = await cli(['runs', '--fetch', '--json'], options(file));
      assert.equal(fetched.code, 0, fetched.stderr);
      for (const id of ['away', 'calm-2']) assertComplete(runsOf(file, id)[0] as RunSummary, file);
      await settled(
        'cable pulled and not put back before the call was ended (Ctrl-C)',
        ['away'],
        file,
        stderr,
        /stopped before it could be reached again.*/,
      );
    });

    test('disk of the controller full: the devices keep what could not be stored, the next call fetches it', async () => {
      const holder = await smallDisk(join(folder, 'disk'), 16);
      const place = {
        ...options(join(folder, 'disk/fleet.db')),
        within: [...fleet.within, 'nsenter', '--target', String(holder.pid), '--mount', '--'],
      };
      const seen = `/proc/${holder.pid}/root${folder}/disk`;
      try {
        const ids = ['full-1', 'full-2'];
        const call = start(['bench', '-d', ids.join(), '-s', suite, '-t', '1', '--json'], place);
        await Promise.all(ids.map((id) => call.said(new RegExp(`^${id}: cc ×1: measuring a 1/`, 'm'))));
        for (const id of ids) keep(device(id));
        execFileSync('sh', ['-c', `cat /dev/zero > ${seen}/ballast 2>/dev/null || :`]);
        const { code, stderr } = await call.ended;
        assert.equal(code, 1, stderr);
        execFileSync('rm', [`${seen}/ballast`]);
        const fetched = await cli(['runs', '--fetch', '--json'], place);
        assert.equal(fetched.code, 0, fetched.stderr);
        const file = join(folder, 'full.db');
        for (const end of ['', '-wal', '-shm'])
          execFileSync('sh', ['-c', `[ ! -e "$1" ] || cp "$1" "$2"`, 'sh', `${seen}/fleet.db${end}`, `${file}${end}`]);
        for (const id of ids) assertComplete(runsOf(file, id)[0] as RunSummary, file);
        await settled(
          'disk of the controller full in the middle of two runs',
          ids,
          file,
          stderr,
          /the disk is full.*: free some space and start again; what was committed is safe/,
        );
      } finally {
        holder.kill('SIGKILL');
      }
    });

    test('two controllers want one device: the second is told who has it, and measures its other device', async () => {
      const [first, second] = [join(folder, 'first.db'), join(folder, 'second.db')];
      const one = bench(['wanted'], first);
      const hold = () => device('wanted').signal('/trit serve', 'SIGSTOP'); // until the other has come and gone
      await until('the engine', () => hold() > 0, 600);
      const holding = setInterval(hold, 100);
      keep(device('wanted'));
      const other = await bench(['wanted', 'calm-1'], second).ended;
      clearInterval(holding);
      device('wanted').signal('/trit serve', 'SIGCONT');
      assert.equal(other.code, 1, other.stderr);
      const [refused] = runsOf(second, 'wanted');
      assert.equal(refused?.status, 'failed');
      assert.match(refused?.message ?? '', /the device is busy with run \S+ \(process \d+\); wait for it, or stop it/);
      assertComplete(runsOf(second, 'calm-1')[0] as RunSummary, second);
      const { code, stderr } = await one.ended;
      assert.equal(code, 0, stderr);
      assertComplete(runsOf(first, 'wanted')[0] as RunSummary, first);
      await settled('two controllers want one device', ['wanted'], first, refused?.message ?? '', /the device is busy with run .*/);
    });

    test('two controllers begin at once on a device that has nothing yet, and wait: both bring the same files, both measure', async () => {
      device('both').slowDown(400_000);
      const files = [join(folder, 'both-1.db'), join(folder, 'both-2.db')];
      const calls = await Promise.all(files.map((file) => bench(['both'], file, '--wait').ended));
      for (const { code, stderr } of calls) assert.equal(code, 0, stderr);
      const runs = files.map((file) => ({ file, run: runsOf(file, 'both')[0] as RunSummary }));
      for (const { run, file } of runs) assertComplete(run, file);
      const counts = runs.map(({ run, file }) => stored(file, run.id));
      assert.ok(counts.every(({ whole, doubled }) => whole && doubled === 0));
      assert.deepEqual(device('both').run('sh', '-c', 'find "$1" -name "*.part*"', 'sh', device('both').workdir), '', 'no half file is left');
      await until('nothing runs on both', () => device('both').programs().length === 0);
      const recorded = counts.reduce((sum, { samples }) => sum + samples, 0);
      const said = calls.map(({ stderr }) => stderr).join('');
      const says = /both: waiting: the device is busy with run|both: cc ×1: ok/;
      assert.match(said, says);
      const name = 'two controllers begin at once on a device that has nothing yet, with --wait';
      rows.push({ name, ended: ended(runs.map(({ run }) => run)), lost: lostText({ lost: 0, recorded }), said: sentence(said, says) });
    });
  });

  /** Counts what is lost, looks for what still runs, and writes the row of the table. */
  async function settled(name: string, ids: readonly string[], file: string, said: string, says: RegExp): Promise<void> {
    assert.match(said, says);
    const counts = ids.map((id) => countLost(file, keptOf(device(id))));
    const all = { lost: counts.reduce((sum, { lost }) => sum + lost, 0), recorded: counts.reduce((sum, { recorded }) => sum + recorded, 0) };
    assert.equal(all.lost, 0);
    assert.ok(all.recorded > 0);
    for (const run of ids.flatMap((id) => runsOf(file, id))) assert.equal(stored(file, run.id).doubled, 0);
    for (const id of ids) await until(`nothing runs on ${id}`, () => device(id).programs().length === 0);
    rows.push({ name, ended: ended(ids.flatMap((id) => runsOf(file, id))), lost: lostText(all), said: sentence(said, says) });
  }
});

/** The runs of a device, the first one first. */
function runsOf(file: string, id: string): RunSummary[] {
  const store = openStore(file, { readonly: true });
  const runs = store.runs({ device: id }).reverse();
  store.close();
  return runs;
}

function evidenceOf(file: string, run: string): string[] {
  const store = openStore(file, { readonly: true });
  const found = store.run(run)?.evidence.map(({ evidence }) => evidence) ?? [];
  store.close();
  return found;
}

/** Every repetition of every prompt is there, once, and every record up to the end. */
function assertComplete(run: RunSummary, file = join(folder, 'fleet.db')): void {
  const store = openStore(file, { readonly: true });
  const samples = store.run(run.id)?.samples ?? [];
  store.close();
  for (const prompt of PROMPTS) {
    const measured = samples.filter((one) => one.metric === 'time_to_first_token' && one.prompt === prompt && !one.warmup);
    assert.deepEqual(
      measured.map(({ repetition }) => repetition),
      Array.from({ length: REPETITIONS }, (_, i) => i),
      `${run.device} ${prompt}`,
    );
  }
  assert.ok(stored(file, run.id).whole);
}

/** Where a journal that lies beside the controller is kept: on the same disk. */
const besideOf = (device: FleetDevice) => join(ROOT, '.fleet/test', `kept-${device.id}-${process.pid}`);

/** Gives the journal of the device's run a second name, which outlives the first. */
function keep(device: FleetDevice): void {
  const script = 'cd "$1"; for journal in jobs/*/journal.ndjson; do [ ! -e "$journal" ] || ln "$journal" kept; done; ls';
  if (/^kept$/m.test(device.run('sh', '-c', script, 'sh', device.workdir))) return;
  const id = runsOf(join(folder, 'fleet.db'), device.id).at(-1)?.id ?? '';
  mkdirSync(join(ROOT, '.fleet/test'), { recursive: true });
  linkSync(join(ROOT, '.fleet/jobs', id, 'journal.ndjson'), besideOf(device));
}

/** The text of the journal that was kept aside. */
function keptOf(device: FleetDevice): string {
  if (!existsSync(besideOf(device))) return device.run('cat', `${device.workdir}/kept`);
  const text = readFileSync(besideOf(device), 'utf8');
  rmSync(besideOf(device));
  return text;
}

interface Lost {
  recorded: number;
  lost: number;
}

/** Samples, series and outputs of a journal, and how many of them are not stored. */
function countLost(file: string, journal: string): Lost {
  const records = journal.split('\n').flatMap((line) => {
    try {
      return JournalRecord.parse(JSON.parse(line));
    } catch {
      return []; // the torn end of a journal whose agent was killed
    }
  });
  const run = records.find((record) => record.kind === 'start');
  if (run?.kind !== 'start') return { recorded: 0, lost: 0 };
  const { seqs } = stored(file, run.job);
  const measured = records.filter(({ kind }) => ['sample', 'series', 'output'].includes(kind));
  return { recorded: measured.length, lost: measured.filter(({ seq }) => !seqs.has(seq)).length };
}

const lostText = ({ lost, recorded }: Lost) =>
  recorded === 0 ? 'nothing: nothing was measured yet' : `${lost === 0 ? 'nothing' : lost} of ${recorded} records`;

const ended = (runs: readonly RunSummary[]) => [...new Set(runs.map(({ status }) => status))].join(', then ');

/** The line that was said, without what differs from time to time and from machine to machine. */
function sentence(text: string, says: RegExp): string {
  const line = text.split('\n').find((one) => says.test(one)) ?? '';
  return line
    .replaceAll(folder, '…')
    .replace(/\/\S*\/fleet-fleet-\w+/g, '…')
    .replace(/\d{8}-\d{6}-\w{6}/g, 'RUN')
    .replace(/SHA256:\S+/g, 'SHA256:…')
    .replace(/\/\S*\/\.ssh/g, '~/.ssh')
    .replace(/process \d+/g, 'process N')
    .replace(/start sh: .*/, 'start sh: (the garbage)');
}

function table(rows: readonly Row[]): string {
  const escaped = (text: string) => text.replace(/[\\|`<>*_]/g, '\\$&');
  const lines = rows.map((row) => `| ${[row.name, row.ended, row.lost, row.said].map(escaped).join(' | ')} |`);
  return `# What a fleet bears

Made by \`npm run faults\` (\`test/e2e/faults.test.ts\`): real OpenSSH servers, each in network, mount, process and host-name namespaces of its own. The faults of
devices strike all at once, in one \`fleet bench\` over ${FAULTS.length + HEALTHY.length} devices, of which ${HEALTHY.length} have no fault and are measured to their end; those of the
controller strike calls of their own. Lost: samples, series and outputs of the device's own journal that are not in the database after the next call.
Nothing is stored twice, and nothing of fleet's runs on a device afterwards.

| fault | run ended | lost | what the user saw |
| :-- | :-- | :-- | :-- |
${lines.join('\n')}
`;
}

/** A disk of so many MiB, seen by the holder only. */
async function smallDisk(path: string, mib: number): Promise<ChildProcess> {
  mkdirSync(path);
  const script = 'mount -t tmpfs -o "size=$1m" disk "$2" && echo ready && cat';
  const holder = spawn('unshare', ['--mount', 'sh', '-c', script, 'sh', String(mib), path], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(holder.stdout as NodeJS.ReadableStream, 'data');
  return holder;
}
