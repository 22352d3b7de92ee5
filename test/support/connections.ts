import { Device } from '../../src/core/device.ts';
import { connect } from '../../src/fleet/connect.ts';
import type { Connection } from '../../src/fleet/connection.ts';
import { sshdMissing, startSshd } from './sshd.ts';

/** A way to reach a device: what holds for connectors is asked of each of them. */
export interface Way {
  name: string;
  /** Why it cannot be tested here, or false. */
  skip: string | false;
  open(workdir: string): Promise<{ connection: Connection; stop(): Promise<void> }>;
}

export const WAYS: readonly Way[] = [
  {
    name: 'local',
    skip: false,
    async open(workdir) {
      const connection = await connect(Device.parse({ id: 'here', connector: 'local', workdir }));
      return { connection, stop: () => connection.close() };
    },
  },
  {
    name: 'ssh',
    skip: sshdMissing,
    async open(workdir) {
      const sshd = await startSshd();
      const connection = await connect(sshd.device('there', { workdir }));
      return {
        connection,
        stop: async () => {
          await connection.close();
          await sshd.stop();
        },
      };
    },
  },
];
