import { Argument, Command, Option } from 'commander';
import { UsageError } from '../core/errors.ts';
import { whole } from './arguments.ts';
import { contextOf } from './context.ts';

interface PowerOptions {
  seconds: number;
  acceptNewHostKey?: boolean;
}

/** `fleet power`: what of power, heat and clocks can be read of a device, and what it says now. */
export function powerCommand(): Command {
  return new Command('power')
    .description('show the power sources of a device and its meters: scope, rate, and what they say now')
    .addArgument(new Argument('[device]', 'id or user@host').default('local'))
    .addOption(new Option('--seconds <count>', 'how long to read').argParser(whole(1, 3600)).default(3))
    .option('--accept-new-host-key', 'trust and remember an SSH host that is seen for the first time')
    .addHelpText('after', '\nExamples:\n  $ fleet power\n  $ fleet power pi5 --seconds 10\n  $ fleet power laptop --json')
    .action(async (name: string, options: PowerOptions, command: Command) => {
      const context = contextOf(command);
      const { loadInventory, resolveDevices } = await import('../fleet/inventory.ts');
      const { connect } = await import('../fleet/connect.ts');
      const { MeterHosts } = await import('./meter_hosts.ts');
      const { readPower } = await import('./power_reading.ts');
      const { describePower } = await import('./power_text.ts');
      const [device, ...more] = resolveDevices(await loadInventory(context.devices), name);
      if (!device || more.length > 0) throw new UsageError(`"${name}" names ${more.length + 1} devices: look at them one by one`);
      const how = { acceptNewHostKey: options.acceptNewHostKey };
      const hosts = await MeterHosts.of(device, context.devices, how);
      const connection = await connect(device, how);
      connection.lost.catch(() => {});
      try {
        await hosts.reach();
        const found = await readPower(connection, hosts, options.seconds);
        context.give(() => describePower(found), found);
      } finally {
        await Promise.all([connection.close(), hosts.close()]);
      }
    });
}
