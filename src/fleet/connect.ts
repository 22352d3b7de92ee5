import type { Device } from '../core/device.ts';
import type { Connection } from './connection.ts';
import { connectLocal } from './connectors/local.ts';

export interface ConnectOptions {
  /** Store the key of a host seen for the first time; a changed key is refused all the same. */
  acceptNewHostKey?: boolean;
  /** Asks a person for a password or passphrase without echo; default: the terminal, where there is one. */
  askPassword?: (question: string) => Promise<string>;
  /** Gets one line a step, for --verbose. */
  log?: (line: string) => void;
}

/** One row a connector: how a device is reached. */
const CONNECTORS: Record<Device['connector'], (device: Device, options: ConnectOptions) => Promise<Connection>> = {
  local: connectLocal,
  ssh: connectLocal,
  replay: connectLocal,
};

/** Reaches a device. Throws a FleetError that says why it cannot be reached and what to do. */
export function connect(device: Device, options: ConnectOptions = {}): Promise<Connection> {
  return CONNECTORS[device.connector](device, options);
}
