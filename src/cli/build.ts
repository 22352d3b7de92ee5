import { Command, Option } from 'commander';
import { type Build, onDevice, TARGETS, type Target } from '../core/build.ts';
import { reason, UsageError } from '../core/errors.ts';
import { quantity } from '../core/format.ts';
import { plain } from '../core/plain.ts';
import { list } from './arguments.ts';
import { type Context, contextOf } from './context.ts';

interface BuildOptions {
  toolchain: string[];
  target?: string[];
  flags?: string;
  device?: string;
  acceptNewHostKey?: boolean;
}

/** One build that was asked for. */
interface Wanted {
  toolchain: string;
  /** A target, or a device that builds for itself. */
  place: string;
  make(): Promise<Build>;
}

/** `fleet build`: binaries for every combination of toolchain and target. */
export function buildCommand(): Command {
  return new Command('build')
    .description('compile trit for targets with toolchains')
    .addOption(new Option('-c, --toolchain <names>', 'such as clang-19,gcc-12').argParser(list).default(['cc'], "the host's own: cc"))
    .addOption(new Option('--target <names>', `of ${TARGETS.join(', ')} (default: this machine)`).argParser(list))
    .option('--flags <flags>', 'more compiler flags, such as "-mcpu=cortex-a76", or named ones such as pgo')
    .option('-d, --device <names>', 'on these devices, with their own compilers, and for them; the binaries stay there')
    .option('--accept-new-host-key', 'trust and remember SSH hosts that are seen for the first time')
    .addHelpText(
      'after',
      '\nExamples:\n  $ fleet build\n  $ fleet build -c clang-19,gcc-12 --target x86_64-linux,aarch64-linux\n  $ fleet build --flags "O2 lto"\n  $ fleet build --device mac@studio.local\n\nCompilers and named flags: fleet toolchains.',
    )
    .action(async (options: BuildOptions, command: Command) => {
      const context = contextOf(command);
      const { flagsOf } = await import('../fleet/flag_sets.ts');
      const { findToolchain } = await import('../fleet/toolchains.ts');
      const { grid } = await import('./grid.ts');
      for (const name of options.toolchain) findToolchain(name);
      flagsOf(options.flags ?? '', TARGETS[0]);
      if (options.device !== undefined && options.target) throw new UsageError('a device builds for itself: leave out --target, or --device');
      const builds: Build[] = [];
      const errors: { toolchain: string; target: string; message: string }[] = [];
      for (const { toolchain, place, make } of await (options.device === undefined ? here : there)(context, options)) {
        context.say(`building with ${toolchain} for ${place}`);
        try {
          builds.push(await make());
        } catch (error) {
          if (error instanceof UsageError) throw error;
          errors.push({ toolchain, target: place, message: reason(error) });
          context.say(`fleet: ${toolchain}, ${place}: ${plain(reason(error))}`);
        }
      }
      const rows = builds.map(({ toolchain, target, flags, bytes, sha256, path }) => [
        ...[toolchain, target, flags, quantity(bytes, 'B'), sha256.slice(0, 12), path],
      ]);
      context.give(() => (rows.length > 0 ? grid(['toolchain', 'target', 'flags', 'size', 'sha256', 'file'], rows) : ''), { builds, errors });
      if (errors.length > 0) process.exitCode = 1;
    });
}

async function here({ root }: Context, { toolchain, target, flags }: BuildOptions): Promise<Wanted[]> {
  const { build } = await import('../fleet/build.ts');
  const { hostTarget } = await import('../fleet/target.ts');
  const targets = (target ?? [hostTarget()]).map((name) => {
    if (!TARGETS.includes(name as Target)) throw new UsageError(`there is no target "${name}"; known: ${TARGETS.join(', ')}`);
    return name as Target;
  });
  return targets.flatMap((target) =>
    toolchain.map((name) => ({ toolchain: name, place: target, make: () => build({ toolchain: name, target, flags, root }) })),
  );
}

async function there({ root, devices }: Context, { toolchain, device = '', flags, acceptNewHostKey }: BuildOptions): Promise<Wanted[]> {
  const { connect } = await import('../fleet/connect.ts');
  const { loadInventory, resolveDevices } = await import('../fleet/inventory.ts');
  const { buildOnDevice } = await import('../fleet/on_device.ts');
  const { probe } = await import('../fleet/probe.ts');
  const chosen = resolveDevices(await loadInventory(devices), device);
  return chosen.flatMap((one) =>
    toolchain.map((compiler) => ({
      toolchain: onDevice(compiler),
      place: one.id,
      async make() {
        const connection = await connect(one, { acceptNewHostKey });
        connection.lost.catch(() => {});
        try {
          return await buildOnDevice(connection, await probe(connection), { compiler, flags, root });
        } finally {
          await connection.close();
        }
      },
    })),
  );
}
