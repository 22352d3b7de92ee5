import { join } from 'node:path';
import { runBeside } from '../../agents/beside.ts';
import { wrongKernels } from '../../agents/proof.ts';
import { type Build, type BuildSpec, nameOnDevice, specLabel } from '../core/build.ts';
import { type Device, isEmulated } from '../core/device.ts';
import { FleetError, reason, StoreError } from '../core/errors.ts';
import type { Facts } from '../core/facts.ts';
import type { Job, ModelSource } from '../core/job.ts';
import type { JournalRecord } from '../core/journal.ts';
import { clip, plain } from '../core/plain.ts';
import { newRunId, type RunStatus } from '../core/run.ts';
import type { Store } from '../core/store.ts';
import type { Suite } from '../core/suite.ts';
import { build } from '../fleet/build.ts';
import { connect } from '../fleet/connect.ts';
import type { Connection } from '../fleet/connection.ts';
import { deploy } from '../fleet/deploy.ts';
import { checkFeatures } from '../fleet/features.ts';
import { GOLDEN } from '../fleet/golden.ts';
import { Link, lossOf } from '../fleet/link.ts';
import { isThere, type Model, sendModel } from '../fleet/model.ts';
import { buildOnDevice } from '../fleet/on_device.ts';
import { probe } from '../fleet/probe.ts';
import { journalOf, startRun } from '../fleet/run.ts';
import { targetOf } from '../fleet/target.ts';
import type { BenchOptions } from './bench_options.ts';
import type { Context } from './context.ts';
import { type Following, finish, finishEarlier, following } from './earlier.ts';
import { MeterHosts } from './meter_hosts.ts';
import { metersOf, RunMeters, settleMeters } from './meters.ts';
import { concerns, contextFor, fastCores, preflight } from './preflight.ts';
import { storeUnbegun } from './unbegun.ts';

/** Longest silence of the engine, in seconds: one step of a large model on a slow device. */
const TIMEOUT = 900;
const DAY = 86_400;
/** Seconds to go on trying to reach a device that was lost before anything was begun there: the others wait for it. */
const PATIENCE = 60;
/** Cases of each kernel that are proved on an emulated processor. */
const CASES = 20;
/** How often a run is begun that cannot go on without us when the link is lost. */
const ATTEMPTS = 3;

/** A build that is wanted on a device. */
export interface Wanted extends BuildSpec {
  /** Folder with the kernels/ to build (default: this copy's). */
  sources?: string;
  /** It is built already. */
  made?: Build;
  /** What to call it, where toolchain and flags do not tell it from the others. */
  name?: string;
}

/** What the devices of one call share. */
export interface Bench {
  context: Context;
  options: Omit<BenchOptions, 'toolchain' | 'flags' | 'build'>;
  store: Store;
  model: Model;
  parent?: Model;
  suite: Suite;
  /** What to build for each device. */
  builds: readonly Wanted[];
  signal: AbortSignal;
  onStep(device: string, text: string): void;
  /** Gets what would spoil a device's figures, before anything is sent to it. */
  onConcern(device: string, sentence: string): void;
  onBegin(run: string, device: string, label: string): void;
  onRecord(run: string, device: string, record: JournalRecord): void;
}

/** A run that can be begun: its build is on the device. */
export interface Planned {
  spec: Wanted;
  build: Build;
  binary: string;
  threads: number;
}

/** One device of a call: connected, probed, supplied with builds and model, then measured run by run. */
export class BenchDevice {
  readonly device: Device;
  readonly #bench: Bench;
  readonly #opened: Connection[] = [];
  #connection: Connection | null = null;
  #facts: Facts | null = null;
  #meterHosts: MeterHosts | null = null;
  #source: ModelSource | null = null;
  #parent: ModelSource | undefined;
  /** Why the device was given up. */
  #away: unknown = null;

  constructor(device: Device, bench: Bench) {
    this.device = device;
    this.#bench = bench;
  }

  /**
   * Everything before the first run, again where the link was lost meanwhile: what was sent is not sent twice. Runs that an earlier call
   * left on the device are finished first. Returns what can be run, and a sentence for each toolchain that cannot. Throws where the device
   * itself cannot be used.
   */
  async prepare(): Promise<{ planned: Planned[]; failures: { spec: BuildSpec; message: string }[] }> {
    const { context, options, onStep } = this.#bench;
    this.#meterHosts ??= await MeterHosts.of(this.device, context.devices, { acceptNewHostKey: options.acceptNewHostKey });
    metersOf(this.device, this.#meterHosts); // what they lack is told before anything is built
    onStep(this.device.id, 'connecting');
    await this.#meterHosts.reach();
    return this.#link(await this.#connect()).retry((connection) => this.#prepare(connection));
  }

  async #prepare(connection: Connection): Promise<{ planned: Planned[]; failures: { spec: BuildSpec; message: string }[] }> {
    const { store, model, onStep, onConcern } = this.#bench;
    const { id } = this.device;
    onStep(id, 'asking what it is');
    const facts = await probe(connection);
    this.#facts = facts;
    store.saveFacts(this.device, facts);
    await finishEarlier(connection, this.#following);
    const planned: Planned[] = [];
    const failures: { spec: BuildSpec; message: string }[] = [];
    const { name, bytes, memory } = model;
    const unfit = await preflight(facts, { model: name, bytes, memory, isThere: () => isThere(connection, facts, model) });
    if (unfit) throw new FleetError(unfit);
    for (const sentence of concerns(facts, this.#bench.suite.gate)) onConcern(id, sentence);
    for (const spec of this.#bench.builds) {
      this.#bench.signal.throwIfAborted();
      try {
        planned.push(...(await this.supply(spec)));
      } catch (error) {
        if (!(error instanceof FleetError) || (await lossOf(connection)) !== null) throw error;
        failures.push({ spec, message: error.message });
      }
    }
    if (planned.length > 0) {
      const doing = model.published ? 'fetching' : 'sending';
      if (model.synth === null) onStep(id, `${doing} ${model.name}`);
      this.#source = await sendModel(connection, facts, model, (done, total) =>
        onStep(id, `${doing} ${model.name}: ${Math.floor((100 * done) / total)} %`),
      );
    }
    const { parent } = this.#bench;
    if (parent && planned.length > 0) {
      if (parent.file !== null) onStep(id, `sending ${parent.name}`);
      this.#parent = await sendModel(connection, facts, parent);
    }
    return { planned, failures };
  }

  /** Builds for the device and brings it there: a plan for each number of threads. Throws a FleetError where the compiler or the device refuses. */
  async supply(spec: Wanted): Promise<Planned[]> {
    const { store, options } = this.#bench;
    const facts = this.#facts as Facts;
    const connection = this.#connection as Connection;
    const { made, binary } = await this.#bring(connection, facts, spec);
    await checkFeatures(connection, facts, binary, options.isa ?? null);
    store.saveBuild(made);
    return (options.threads ?? [fastCores(facts, this.#cpus)]).map((threads) => ({ spec, build: made, binary, threads }));
  }

  /** Does `trit check` find every kernel of a build right on this device? Else a sentence. */
  async wrongOutput({ binary, spec }: Planned): Promise<string | null> {
    this.#bench.onStep(this.device.id, `checking trit (${nameOf(spec)})`);
    const { code, stdout, stderr } = await (this.#connection as Connection).exec([binary, 'check', '-o', 'json'], { timeoutMs: 1000 * TIMEOUT });
    if (code === 0) return null;
    const why = wrongKernels(stdout).slice(0, 3).join('; ') || reason(stderr.trim()) || `status ${code}`;
    return `it does not pass trit check: ${clip(plain(why), 300)}`;
  }

  /** A build on its device: made here and sent, or made there. */
  async #bring(connection: Connection, facts: Facts, spec: Wanted): Promise<{ made: Build; binary: string }> {
    const { context, onStep } = this.#bench;
    const { id } = this.device;
    const name = nameOf(spec);
    const compiler = spec.made ? null : nameOnDevice(spec.toolchain);
    if (compiler !== null) {
      onStep(id, `building there with ${name}`);
      let lines = 0;
      const onLine = (): void => onStep(id, `building there with ${name}: ${++lines} steps`);
      const made = await buildOnDevice(connection, facts, { compiler, flags: spec.flags, root: spec.sources ?? context.root, onLine });
      return { made, binary: made.path };
    }
    const target = targetOf(facts);
    if (spec.made && spec.made.target !== target) throw new FleetError(`${name} was built for ${spec.made.target}, and ${id} needs ${target}`);
    if (!spec.made) onStep(id, `building with ${name} for ${target}`);
    const made = spec.made ?? (await build({ toolchain: spec.toolchain, flags: spec.flags, target, root: context.root, sources: spec.sources }));
    onStep(id, `sending trit (${name})`);
    const [binary = ''] = await deploy(connection, facts, [{ local: made.path, name: 'trit', sha256: made.sha256 }]);
    return { made, binary };
  }

  /** Rows for runs that will not begin, and why. Returns their ids. */
  unbegun(specs: readonly BuildSpec[], message: string, threads = this.#bench.options.threads): string[] {
    const { store, model, suite } = this.#bench;
    const run = { store, device: this.device, facts: this.#facts, model: model.name, suite, threads, cpus: this.#cpus };
    return specs.flatMap((spec) => storeUnbegun({ ...run, spec }, message));
  }

  /**
   * One run, from its row in the store to its end. Returns its id; rejects where the device was lost, and the run goes on there. A run that
   * cannot go on there is begun again; what the first one measured is kept.
   */
  async run(plan: Planned): Promise<string> {
    const { signal, context, onBegin } = this.#bench;
    for (let attempt = 1; ; attempt++) {
      const beside = this.#facts?.node === null;
      try {
        if (this.#away !== null) throw this.#away;
        if (beside) await this.#link(this.#connection as Connection).retry((connection) => connection.exec(['true']));
      } catch (error) {
        this.#away = error;
        for (const id of this.unbegun([plan.spec], reason(error), [plan.threads])) onBegin(id, this.device.id, 'not begun');
        throw error;
      }
      const { id, status } = await this.#run(plan);
      if (!beside || status !== 'interrupted' || attempt === ATTEMPTS || signal.aborted) return id;
      context.say(`${this.device.id}: run ${id} was cut off; it is begun again`);
    }
  }

  async #run({ spec, build, binary, threads }: Planned): Promise<{ id: string; status: RunStatus }> {
    const { store, suite, model, options, context, signal } = this.#bench;
    const facts = this.#facts as Facts;
    const id = newRunId();
    const job: Job = {
      ...{ id, binary, workdir: facts.workdir, model: this.#source as ModelSource, parent: this.#parent, golden: GOLDEN, suite, threads },
      ...{ cpus: this.#cpus, isa: options.isa ?? null, context: contextFor(suite, model.context), timeout: TIMEOUT },
      ...(options.wait === undefined ? {} : { wait: options.wait === true ? DAY : options.wait }),
      ...(this.emulated && { cases: CASES }),
      ...(this.device.sensors && { sensors: this.device.sensors }),
      ...(this.device.meters?.length && { meters: true }),
      ...(this.device.lab !== undefined && { lab: this.device.lab }),
    };
    const home = join(context.root, '.fleet/jobs');
    store.createRun({
      ...{ id, device: this.device.id, toolchain: build.toolchain, build, model: model.name, suite: suite.name, suiteVersion: suite.version },
      ...{ threads, cpus: job.cpus, emulated: this.emulated, facts, journal: journalOf(job, facts, home), started: Date.now() },
    });
    this.#bench.onBegin(id, this.device.id, `${nameOf(spec)} ×${threads}`);
    const connection = this.#connection as Connection;
    let meters: RunMeters | null = null;
    try {
      meters = await RunMeters.begin(store, id, connection, facts.node === null, this.#meterHosts as MeterHosts);
      const follow = following(id, this.#following);
      const outcome = await startRun(connection, facts, job, {
        ...follow,
        onRecord(record) {
          meters?.take(record);
          follow.onRecord(record);
        },
        ...{ agentPath: join(context.root, 'dist/agent.mjs'), beside: runBeside, home, signal },
      });
      await meters?.end(this.#connection as Connection);
      settleMeters(store, id);
      finish(store, id, outcome.status, outcome.message);
      return { id, status: outcome.status };
    } catch (error) {
      await meters?.end(this.#connection as Connection);
      // A lost device goes on measuring, and keeps what we could not store: the row stays unfinished, and a later call fetches it.
      if (error instanceof StoreError) throw error;
      if ((await lossOf(this.#connection as Connection)) !== null) {
        this.#away = error;
        throw error;
      }
      store.finish(id, 'failed', reason(error));
      return { id, status: 'failed' };
    }
  }

  /** Timings on it mean nothing. */
  get emulated(): boolean {
    return isEmulated(this.device, this.#facts);
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#opened.map((connection) => connection.close()), this.#meterHosts?.close()]);
  }

  get #cpus(): string | null {
    return this.#bench.options.cpus ?? this.device.cpus ?? null;
  }

  async #connect(): Promise<Connection> {
    const connection = await connect(this.device, { acceptNewHostKey: this.#bench.options.acceptNewHostKey });
    connection.lost.catch(() => {});
    this.#opened.push(connection);
    this.#connection = connection;
    return connection;
  }

  /** For work that is nothing yet when the link is lost. */
  #link(connection: Connection): Link {
    const { context, signal } = this.#bench;
    return new Link(connection, {
      ...{ reconnect: () => this.#connect(), patience: PATIENCE, otherwise: 'nothing was begun there', signal },
      onStatus: (sentence) => context.say(plain(sentence)),
    });
  }

  get #following(): Following {
    const { store, context, onRecord, signal } = this.#bench;
    return { store, device: this.device.id, signal, reconnect: () => this.#connect(), say: (sentence) => context.say(plain(sentence)), onRecord };
  }
}

function nameOf(spec: Wanted): string {
  return spec.name ?? specLabel(spec);
}
