import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { stringify } from 'yaml';
import { Device } from '../core/device.ts';
import { FleetError, reason, UsageError } from '../core/errors.ts';
import { clustersOf, cpuRanges, type Facts } from '../core/facts.ts';
import { plain } from '../core/plain.ts';
import { cpuList, list } from './arguments.ts';
import { type Context, contextOf } from './context.ts';

interface AddOptions {
  profile?: string;
  title?: string;
  identity?: string;
  jump?: string;
  passwordEnv?: string;
  workdir?: string;
  cpus?: string;
  tag?: string[];
  yes?: boolean;
  acceptNewHostKey?: boolean;
  replace?: boolean;
}

/** `fleet devices add`: reaches a device, asks it what it is, and writes its file. */
export function addDeviceCommand(): Command {
  return new Command('add')
    .description('reach a device, ask it what it is, propose a profile, and write its file')
    .argument('<name>', 'what it will be called: the id of the device')
    .argument('<address>', 'user@host, user@host:port, or an alias of ~/.ssh/config')
    .option('--profile <name>', 'the profile (default: the one that fits what the device says)')
    .option('--title <text>', 'what reports call it (default: the name of its board)')
    .option('--identity <file>', 'private key')
    .option('--jump <hosts>', 'SSH servers to pass through: user@host:port, separated by commas')
    .option('--password-env <variable>', 'environment variable that holds the password, for devices without keys')
    .option('--workdir <path>', 'folder on the device for binaries, models and journals (default: ~/.cache/fleet)')
    .addOption(
      new Option('--cpus <list>', 'CPUs to pin threads to, such as 4-7 (default: the fast cluster, where there are several)').argParser(cpuList),
    )
    .addOption(new Option('--tag <names>', 'tags, for --device').argParser(list))
    .option('-y, --yes', 'ask nothing: take what is proposed')
    .option('--accept-new-host-key', 'trust and remember the host key without asking')
    .option('--replace', 'write the file anew where there is one')
    .addHelpText(
      'after',
      `
Examples:
  $ fleet devices add rpi5 pi@192.168.1.50
  $ fleet devices add phone u0_a1@192.168.1.60:8022 --password-env PHONE_PASSWORD
  $ fleet devices add lab pi@10.0.0.7 --jump me@gateway.example --yes --accept-new-host-key --json`,
    )
    .action(async (name: string, address: string, options: AddOptions, command: Command) => {
      const context = contextOf(command);
      const { added, facts, told } = await add(context, name, address, options);
      context.give(() => told, { ...added, facts });
    });
}

interface Added {
  device: Device;
  file: string;
  profile: string | null;
  /** What it builds for; null where it must build for itself. */
  target: string | null;
}

async function add(context: Context, name: string, address: string, options: AddOptions): Promise<{ added: Added; facts: Facts; told: string }> {
  const { connect } = await import('../fleet/connect.ts');
  const { canAsk } = await import('../fleet/connectors/prompt.ts');
  const { loadInventory } = await import('../fleet/inventory.ts');
  const { probe } = await import('../fleet/probe.ts');
  const { checked } = await import('../fleet/profiles.ts');
  const { targetOrNull } = await import('../fleet/target.ts');
  const { openStore } = await import('../store/store.ts');
  const { concerns } = await import('./preflight.ts');
  const inventory = await loadInventory(context.devices);
  const file = join(context.devices, `${name}.yaml`);
  const declared = await declaration(address, options);
  const device = checked(Device, { id: name, ...declared }, file);
  const taken = name === 'all' || name === 'local' || inventory.devices.some(({ tags }) => tags.includes(name));
  if (taken)
    throw new UsageError(`"${name}" is no name for a device: it stands for ${name === 'local' ? 'this machine' : 'several'}; choose another`);
  if (existsSync(file) && !options.replace) throw new UsageError(`${file} is there already: choose another name, or write it anew with --replace`);
  if (options.profile !== undefined && !Object.hasOwn(inventory.profiles, options.profile))
    throw new UsageError(`there is no profile "${options.profile}"; known: ${Object.keys(inventory.profiles).join(', ')}`);

  const asks = !options.yes && !context.json && canAsk();
  const connection = await connect(device, {
    acceptNewHostKey: options.acceptNewHostKey,
    ...(asks && { confirmHostKey: (sentence: string) => agrees(`${plain(sentence)}. Is it the device's (ssh-keygen -lf there tells)? [y/N]`) }),
    log: (line) => context.say(plain(line)),
  });
  connection.lost.catch(() => {});
  let facts: Facts;
  try {
    context.say(`asking ${name} what it is`);
    facts = await probe(connection);
  } finally {
    await connection.close();
  }
  const profile = options.profile ?? (await chooseProfile(facts, inventory.profiles, asks));
  const fast = clustersOf(facts.cores);
  const known = {
    ...(profile !== null && { profile }),
    ...(options.title === undefined && facts.board !== null && { title: facts.board }),
    ...(options.cpus === undefined && fast.length > 1 && { cpus: cpuRanges(fast[0]?.cpus ?? []) }),
  };
  await writeDevice(file, { ...known, ...declared });
  const store = openStore(context.db);
  store.saveFacts({ id: name, title: device.title ?? facts.board ?? undefined }, facts);
  store.close();
  const added = { device: checked(Device, { id: name, ...known, ...declared }, file), file, profile, target: targetOrNull(facts) };
  const notes = [...concerns(facts, undefined), ...advice(facts, added.target)].map((note) => `  ${plain(note)}\n`).join('');
  const told = `${plain(name)} is in ${plain(file)}${profile ? `, with the profile ${profile}` : ''}.\n${notes}Measure it: fleet bench --device ${plain(name)}\n`;
  return { added, facts, told };
}

/** What the user said of the device, as keys of its file. */
async function declaration(address: string, { title, identity, jump, passwordEnv, workdir, cpus, tag }: AddOptions): Promise<Partial<Device>> {
  const { parseAddress } = await import('../fleet/address.ts');
  const { user, host, port } = parseAddress(address);
  for (const step of jump?.split(',') ?? []) parseAddress(step);
  const said = { title, host, port, user, identity, jump, password_env: passwordEnv, workdir, cpus, tags: tag };
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined));
}

async function chooseProfile(
  facts: Facts,
  profiles: Parameters<typeof import('../fleet/proposal.ts').proposeProfile>[1],
  asks: boolean,
): Promise<string | null> {
  const { askWord } = await import('../fleet/connectors/prompt.ts');
  const { proposeProfile } = await import('../fleet/proposal.ts');
  const proposed = proposeProfile(facts, profiles);
  if (!asks) return proposed;
  const what = plain([facts.board, facts.cpu, `${facts.cores.length} cores`].filter(Boolean).join(', '));
  for (;;) {
    const answer = await askWord(`It is a ${what}. Its profile? [${proposed ?? 'none'}]`, proposed ?? 'none');
    if (answer === 'none') return null;
    if (Object.hasOwn(profiles, answer)) return answer;
    process.stderr.write(`There is no profile ${plain(answer)}; known: ${Object.keys(profiles).join(', ')}, or none.\n`);
  }
}

async function agrees(question: string): Promise<boolean> {
  const { askWord } = await import('../fleet/connectors/prompt.ts');
  return /^y(es)?$/i.test(await askWord(question, 'n'));
}

/** Whole or not at all. */
async function writeDevice(file: string, keys: object): Promise<void> {
  const part = `${file}.part-${process.pid}`;
  try {
    await mkdir(join(file, '..'), { recursive: true });
    await writeFile(part, stringify(keys, { lineWidth: 0 }));
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw new FleetError(`${file} cannot be written: ${reason(error)}`, { cause: error });
  }
}

/** What helps to measure such a device. */
function advice({ node, libc, distribution }: Facts, target: string | null): string[] {
  const isPhone = libc === 'bionic' || /android/i.test(distribution ?? '');
  return [
    ...(target === null ? ['it is none of the systems that fleet compiles for: measure with --build on-device'] : []),
    ...(node === null
      ? [
          `it has no Node 18 or newer, so the agent runs beside this machine: a run ends with this connection${isPhone ? ' (pkg install nodejs)' : ''}`,
        ]
      : []),
    ...(isPhone ? ['on a phone, hold termux-wake-lock and keep the screen on, or the system may stop a run or move it to the small cores'] : []),
  ];
}
