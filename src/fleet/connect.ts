import type { Device } from '../core/device.ts';
import type { Connection, ConnectOptions } from './connection.ts';
import { connectLocal } from './connectors/local.ts';
import { connectReplay } from './connectors/replay.ts';
import { connectSsh } from './connectors/ssh.ts';

/** One row a connector: how a device is reached. */
const CONNECTORS: Record<Device['connector'], (device: Device, options: ConnectOptions) => Promise<Connection>> = {
  local: connectLocal,
  ssh: connectSsh,
  replay: connectReplay,
};

/** Reaches a device. Throws a FleetError that says why it cannot be reached and what to do. */
export function connect(device: Device, options: ConnectOptions = {}): Promise<Connection> {
  return CONNECTORS[device.connector](device, options);
}
