import { groupsBy } from '../core/groups.ts';

/** One unit of work on one device. */
export interface Task<T> {
  device: string;
  run(): Promise<T>;
}

/** How a task went; `skipped` was not begun because the signal came first. */
export type Settled<T> = { status: 'done'; value: T } | { status: 'failed'; error: unknown } | { status: 'skipped' };

export interface ScheduleOptions<T> {
  /** Called once a task, when it has settled. */
  onSettled?(task: Task<T>, outcome: Settled<T>): void;
  /** Devices at once. */
  devices?: number;
  /** No task is begun after it; those under way end by their own signal. */
  signal?: AbortSignal;
}

/**
 * Runs tasks: devices side by side, on one device one at a time and in the order given. A failure stays where it is: the next task of the
 * same device still runs. Resolves with the outcomes in the order of the tasks; rejects only where onSettled throws.
 */
export async function schedule<T>(tasks: readonly Task<T>[], options: ScheduleOptions<T> = {}): Promise<Settled<T>[]> {
  const outcomes = new Array<Settled<T>>(tasks.length);
  const waiting = groupsBy([...tasks.entries()], ([, { device }]) => device);
  const lane = async (): Promise<void> => {
    for (let queue = waiting.shift(); queue; queue = waiting.shift()) {
      for (const [index, task] of queue) {
        const outcome = options.signal?.aborted ? ({ status: 'skipped' } as const) : await settle(task);
        outcomes[index] = outcome;
        options.onSettled?.(task, outcome);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.devices ?? 50, waiting.length) }, lane));
  return outcomes;
}

async function settle<T>(task: Task<T>): Promise<Settled<T>> {
  try {
    return { status: 'done', value: await task.run() };
  } catch (error) {
    return { status: 'failed', error };
  }
}
