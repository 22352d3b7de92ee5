import { basename, dirname, join, resolve } from 'node:path';
import { Device, type Profile } from '../core/device.ts';
import { UsageError } from '../core/errors.ts';
import { hostOfMeter } from '../core/meter.ts';
import { parseAddress } from './address.ts';
import { nearest } from './nearest.ts';
import { checked, loadProfiles, readYaml, yamlFiles } from './profiles.ts';

/** What is declared: devices by file name, and profiles by id. */
export interface Inventory {
  /** Folder it was read from, for messages. */
  dir: string;
  /** Sorted by id; `local`, this machine, is always there. */
  devices: Device[];
  profiles: Record<string, Profile>;
}

const LOCAL: Device = Device.parse({ id: 'local', title: 'this machine', connector: 'local' });

/** Reads <dir>/*.yaml and <dir>/profiles/*.yaml. Throws a UsageError with the file, the key and what is wrong. */
export async function loadInventory(dir = 'devices'): Promise<Inventory> {
  const profiles = await loadProfiles(join(dir, 'profiles'));
  const devices = await Promise.all((await yamlFiles(dir)).map((file) => loadDevice(file, profiles)));
  if (!devices.some((device) => device.id === LOCAL.id)) devices.push(LOCAL);
  devices.sort((a, b) => (a.id < b.id ? -1 : 1));
  return { dir, devices, profiles };
}

async function loadDevice(file: string, profiles: Record<string, Profile>): Promise<Device> {
  const id = basename(file, '.yaml');
  const device = checked(Device, { id, ...(await readYaml(file)) }, file);
  if (device.id !== id) throw new UsageError(`${file}: "id" is "${device.id}", but the file's name says "${id}"; leave "id" out, or rename the file`);
  if (device.id === LOCAL.id && device.connector !== 'local')
    throw new UsageError(`${file}: "local" is this machine: write "connector: local", or rename the file`);
  if (device.connector === 'ssh' && device.host === undefined) throw new UsageError(`${file}: "host" is missing: the name or address of the device`);
  if (device.connector === 'replay' && device.recording === undefined)
    throw new UsageError(`${file}: "recording" is missing: the file made by \`fleet probe --record\``);
  if (device.profile !== undefined && !Object.hasOwn(profiles, device.profile)) {
    const near = nearest(device.profile, Object.keys(profiles));
    throw new UsageError(`${file}: "profile": there is no profile "${device.profile}"${near ? `; did you mean "${near}"?` : ''}`);
  }
  const names = (device.meters ?? []).map(({ name, type }) => name ?? type);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new UsageError(`${file}: two meters are called "${twice}"; give each its own "name"`);
  if ((device.meters ?? []).some((meter) => hostOfMeter(meter) === id))
    throw new UsageError(`${file}: a meter with \`on: ${id}\` would run on the device that it measures, and slow it down; name another machine`);
  const known = device.profile === undefined ? undefined : profiles[device.profile]?.sensors;
  return {
    ...device,
    ...(known && { sensors: { ...known, ...device.sensors } }),
    ...(device.recording !== undefined && { recording: resolve(dirname(file), device.recording) }),
  };
}

/**
 * The devices that "a,b" names, each once and in that order: ids, tags, "all", or addresses like user@host:port for machines that are not
 * declared. Throws a UsageError, with the nearest name, where one is none of these.
 */
export function resolveDevices(inventory: Inventory, names: string): Device[] {
  const chosen = new Map<string, Device>();
  for (const name of names.split(',').map((part) => part.trim())) {
    if (name === '') throw new UsageError(`"${names}" holds an empty device name; write ids separated by commas`);
    for (const device of resolveOne(inventory, name)) chosen.set(device.id, device);
  }
  return [...chosen.values()];
}

function resolveOne({ devices, dir }: Inventory, name: string): Device[] {
  const device = devices.find(({ id }) => id === name);
  if (device) return [device];
  const tagged = devices.filter(({ tags }) => name === 'all' || tags.includes(name));
  if (tagged.length > 0) return tagged;
  if (name.includes('@')) return [adHoc(name)];
  const near = nearest(name, [...devices.map(({ id }) => id), ...devices.flatMap(({ tags }) => tags)]);
  const hint = near
    ? `did you mean "${near}"?`
    : `known: ${devices.map(({ id }) => id).join(', ')}; declare it in ${dir}/${name}.yaml, or write user@host`;
  throw new UsageError(`there is no device "${name}"; ${hint}`);
}

function adHoc(name: string): Device {
  const { user, host, port } = parseAddress(name);
  const id = `${host}${port === undefined || port === 22 ? '' : `-${port}`}`.toLowerCase().replace(/[^a-z0-9._-]+/g, '-');
  return Device.parse({ id: id.replace(/^[^a-z0-9]+/, '').slice(0, 63) || 'host', title: name, connector: 'ssh', host, user, port });
}
