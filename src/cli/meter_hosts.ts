import { nodeHost } from '../../agents/hosts/node.ts';
import type { Device } from '../core/device.ts';
import { FleetError, reason } from '../core/errors.ts';
import type { Host } from '../core/host.ts';
import { hostOfMeter, type Meter } from '../core/meter.ts';
import { connect } from '../fleet/connect.ts';
import type { ConnectOptions } from '../fleet/connection.ts';
import { FarHost } from '../fleet/far_host.ts';
import { loadInventory, resolveDevices } from '../fleet/inventory.ts';

/** The machines on which programs of meters run: this one, and those that `on:` names. */
export class MeterHosts {
  readonly #hosts: ReadonlyMap<string, FarHost>;
  readonly #device: string;

  private constructor(device: string, hosts: ReadonlyMap<string, FarHost>) {
    this.#device = device;
    this.#hosts = hosts;
  }

  /** Of a device's meters; nothing is reached yet. Throws a UsageError where `on:` names no machine, or several, or the device itself. */
  static async of({ id, meters = [] }: Device, devices: string, options: ConnectOptions = {}): Promise<MeterHosts> {
    const names = new Set(meters.flatMap((meter) => hostOfMeter(meter) ?? []));
    const hosts = new Map<string, FarHost>();
    if (names.size === 0) return new MeterHosts(id, hosts);
    const inventory = await loadInventory(devices);
    for (const name of names) {
      const [host, ...more] = resolveDevices(inventory, name);
      if (!host || more.length > 0)
        throw new FleetError(`device ${id}: \`on: ${name}\` names ${more.length + 1} devices: a meter is on one`, { exitCode: 2 });
      hosts.set(name, new FarHost(() => connect(host, options)));
    }
    return new MeterHosts(id, hosts);
  }

  /** Where the programs of a meter run. */
  hostOf(meter: Meter): Host {
    const name = hostOfMeter(meter);
    return (name === null ? nodeHost : this.#hosts.get(name)) as Host;
  }

  /** Reaches them all, once. Throws a FleetError where one cannot be reached. */
  async reach(): Promise<void> {
    for (const [name, host] of this.#hosts)
      await host.exec(['true']).catch((error) => {
        throw new FleetError(`device ${this.#device}: its meter is read on ${name}, which cannot be used: ${reason(error)}`);
      });
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#hosts.values()].map((host) => host.close()));
  }
}
