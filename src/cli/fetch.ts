import { reason, UsageError } from '../core/errors.ts';
import { plain } from '../core/plain.ts';
import type { Store } from '../core/store.ts';
import { connect } from '../fleet/connect.ts';
import type { Connection } from '../fleet/connection.ts';
import { type Inventory, loadInventory, resolveDevices } from '../fleet/inventory.ts';
import { openStore } from '../store/store.ts';
import type { Context } from './context.ts';
import { finishEarlier } from './earlier.ts';
import { Interrupt } from './interrupt.ts';

/** Fetches every unfinished run of the database from its device, devices side by side. Exit status 1 where one could not be. */
export async function fetchEarlier(context: Context): Promise<number> {
  const store = openStore(context.db);
  const interrupt = new Interrupt('leaving; the runs go on');
  try {
    const inventory = await loadInventory(context.devices);
    const devices = [...new Set(store.unfinished().map(({ device }) => device))];
    const fetched = Promise.all(devices.map((id) => fetchFrom(id, inventory, store, context, interrupt.signal)));
    return (await interrupt.race(fetched)).every(Boolean) ? 0 : 1;
  } catch (error) {
    if (interrupt.signal.aborted) process.exit(130);
    throw error;
  } finally {
    interrupt.release();
    store.close();
  }
}

/** False where a run stays unfinished. */
async function fetchFrom(id: string, inventory: Inventory, store: Store, { say }: Context, signal: AbortSignal): Promise<boolean> {
  const opened: Connection[] = [];
  try {
    const device = inventory.devices.find((declared) => declared.id === id) ?? resolveDevices(inventory, id)[0];
    if (!device) throw new UsageError(`there is no device "${id}"`);
    const reconnect = async (): Promise<Connection> => {
      const connection = await connect(device);
      connection.lost.catch(() => {});
      opened.push(connection);
      return connection;
    };
    const told = (sentence: string): void => say(plain(sentence));
    const ended = await finishEarlier(await reconnect(), { store, device: id, signal, reconnect, say: told, onRecord: () => {} });
    return ended.every(({ status }) => status !== 'queued' && status !== 'running');
  } catch (error) {
    say(`fleet: the runs of ${plain(id)} stay where they are: ${plain(reason(error))}`);
    return false;
  } finally {
    await Promise.allSettled(opened.map((connection) => connection.close()));
  }
}
