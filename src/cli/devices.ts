import { Command } from 'commander';
import { plain } from '../core/plain.ts';
import { list } from './arguments.ts';
import { contextOf } from './context.ts';
import { addDeviceCommand } from './device_add.ts';

/** `fleet devices`: what is declared, and with --check what answers; `add` declares one more. */
export function devicesCommand(): Command {
  return new Command('devices')
    .description('list the devices, or add one')
    .addHelpText('after', '\nExamples:\n  $ fleet devices\n  $ fleet devices ls --check\n  $ fleet devices add rpi5 pi@192.168.1.50')
    .addCommand(listCommand(), { isDefault: true })
    .addCommand(addDeviceCommand());
}

function listCommand(): Command {
  return new Command('ls')
    .description('list the devices, their profiles, and with --check whether they can be reached')
    .option('-d, --device <names>', 'only these (ids, tags, user@host)', 'all')
    .option('--check', 'connect to each')
    .option('--accept-new-host-key', 'trust and remember SSH hosts that are seen for the first time')
    .addHelpText('after', '\nExamples:\n  $ fleet devices ls\n  $ fleet devices ls --check\n  $ fleet devices ls --device pi5,pi4 --check --json')
    .action(async (options: { device: string; check?: boolean; acceptNewHostKey?: boolean }, command: Command) => {
      const context = contextOf(command);
      const { loadInventory, resolveDevices } = await import('../fleet/inventory.ts');
      const { connect } = await import('../fleet/connect.ts');
      const { grid } = await import('./grid.ts');
      const { reason } = await import('../core/errors.ts');
      const inventory = await loadInventory(context.devices);
      const devices = resolveDevices(inventory, list(options.device).join(','));
      const found = await Promise.all(
        devices.map(async (device) => {
          const profile = device.profile === undefined ? null : (inventory.profiles[device.profile] ?? null);
          if (!options.check) return { device, profile, reachable: null, message: null };
          try {
            const connection = await connect(device, { acceptNewHostKey: options.acceptNewHostKey });
            await connection.close();
            return { device, profile, reachable: true, message: null };
          } catch (error) {
            return { device, profile, reachable: false, message: reason(error) };
          }
        }),
      );
      context.give(
        () =>
          grid(
            ['device', 'title', 'connector', 'address', 'profile', ...(options.check ? ['reachable'] : [])],
            found.map(({ device, profile, reachable, message }) => [
              device.id,
              device.title ?? profile?.title ?? '',
              device.connector,
              device.host ? `${device.user ? `${device.user}@` : ''}${device.host}${device.port ? `:${device.port}` : ''}` : '',
              device.profile ?? '',
              ...(options.check ? [reachable ? 'yes' : `no: ${message}`] : []),
            ]),
          ) +
          (devices.length === 1 && devices[0]?.id === 'local'
            ? `\nAdd more with fleet devices add NAME user@host, or write ${plain(inventory.dir)}/NAME.yaml: see its folder examples.\n`
            : ''),
        { devices: found.map(({ device, ...rest }) => ({ ...device, ...rest })) },
      );
      if (found.some(({ reachable }) => reachable === false)) process.exitCode = 1;
    });
}
