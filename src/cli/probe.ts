import { writeFile } from 'node:fs/promises';
import { Argument, Command } from 'commander';
import { FleetError, reason, UsageError } from '../core/errors.ts';
import { clustersOf, cpuRanges, type Facts } from '../core/facts.ts';
import { quantity } from '../core/format.ts';
import { plain, plainJson } from '../core/plain.ts';
import { contextOf } from './context.ts';
import { concerns } from './preflight.ts';

/** `fleet probe`: asks one device what it is, and remembers it. */
export function probeCommand(): Command {
  return new Command('probe')
    .description('ask a device what it is: CPU, memory, system, sensors')
    .addArgument(new Argument('[device]', 'id or user@host').default('local'))
    .option('--record <file>', 'write all that the device answered, for a device with "connector: replay"')
    .option('--accept-new-host-key', 'trust and remember an SSH host that is seen for the first time')
    .addHelpText(
      'after',
      '\nExamples:\n  $ fleet probe\n  $ fleet probe pi@192.168.1.50 --accept-new-host-key\n  $ fleet probe pi5 --record pi5.json',
    )
    .action(async (name: string, options: { record?: string; acceptNewHostKey?: boolean }, command: Command) => {
      const context = contextOf(command);
      const { loadInventory, resolveDevices } = await import('../fleet/inventory.ts');
      const { connect } = await import('../fleet/connect.ts');
      const { recorded } = await import('../fleet/connectors/replay.ts');
      const { probe } = await import('../fleet/probe.ts');
      const { targetOrNull } = await import('../fleet/target.ts');
      const { openStore } = await import('../store/store.ts');
      const [device, ...more] = resolveDevices(await loadInventory(context.devices), name);
      if (!device || more.length > 0) throw new UsageError(`"${name}" names ${more.length + 1} devices: probe them one by one`);
      const connection = await connect(device, { acceptNewHostKey: options.acceptNewHostKey });
      connection.lost.catch(() => {});
      try {
        const { connection: noting, recording } = recorded(connection);
        const write = async (file: string) => {
          await writeFile(file, `${plainJson(recording, 2)}\n`).catch((error: unknown) => {
            throw new FleetError(`${file} cannot be written: ${reason(error)}`);
          });
          context.say(`fleet: what ${device.id} answered is in ${file}.`);
        };
        const facts = await probe(noting).catch(async (error: unknown) => {
          if (options.record !== undefined) await write(options.record); // an answer that tells too little is the one to look at
          throw error;
        });
        if (options.record !== undefined) await write(options.record);
        const store = openStore(context.db);
        const epoch = store.saveFacts(device, facts);
        store.close();
        const target = targetOrNull(facts);
        context.give(() => describe(device.id, facts, target), { device: device.id, target, epoch, facts });
      } finally {
        await connection.close();
      }
    });
}

function describe(id: string, facts: Facts, target: string | null): string {
  const clusters = clustersOf(facts.cores);
  const kinds = clusters.map(({ cpus, capacity, max_hz }) => {
    const clock = max_hz === null ? '' : ` at ${quantity(max_hz, 'Hz')}`;
    return clusters.length === 1
      ? `${cpus.length}${clock}`
      : `${cpus.length}${clock} (CPU ${cpuRanges(cpus)}${capacity === null ? '' : `, capacity ${capacity}`})`;
  });
  const { temperature = null, charger = null } = facts;
  const rows: [string, string | null][] = [
    ['device', id],
    ['board', facts.board],
    ['cpu', facts.cpu],
    ['cores', kinds.join(' + ')],
    ['features', facts.features.filter((feature) => NOTABLE.test(feature)).join(' ') || null],
    ['memory', `${quantity(facts.memory, 'B')}, ${quantity(facts.memory_available, 'B')} free; swap ${quantity(facts.swap, 'B')}`],
    ['disk', `${quantity(facts.disk_free, 'B')} free in ${facts.workdir}`],
    ['system', [facts.distribution, `${facts.os} ${facts.kernel}`, facts.machine, facts.libc].filter(Boolean).join(', ')],
    ['firmware', facts.firmware ?? null],
    ['governor', facts.governor],
    ['heat', temperature === null ? null : `${temperature.toFixed(0)} °C`],
    ['charger', charger],
    ['load', facts.load === null ? null : String(facts.load)],
    ['node', facts.node ?? 'none >= 18: the agent runs beside the controller'],
    ['compilers', facts.compilers.join(', ') || null],
    ['sensors', facts.sensors.join(', ') || null],
    ['clock', facts.clock_offset === null ? null : `${facts.clock_offset.toFixed(3)} s off`],
    ['pages', quantity(facts.page_size, 'B')],
    ['target', target ?? 'none that is compiled for here: it builds for itself, with --build on-device'],
    ...concerns(facts, undefined).map((sentence): [string, string] => ['mind', sentence]),
  ];
  const shown = rows.filter((row): row is [string, string] => row[1] !== null);
  return `${shown.map(([title, text]) => `${title.padEnd(11)}${plain(text)}`).join('\n')}\n`;
}

/** CPU features that decide which kernels run. */
const NOTABLE = /^(neon|asimd|asimddp|asimdhp|i8mm|sve2?|sme|bf16|ssse3|sse4_2|avx|avx2|fma|f16c|avx512\w*|avx_vnni|amx\w*|v|rvv|zvfh)$/i;
