import type { Device } from '../core/device.ts';
import { FleetError, reason } from '../core/errors.ts';
import type { Context } from './context.ts';
import { failureOf } from './failure.ts';

/** Failures that belong to a device and not to one run, each sentence once. */
export class Failures {
  readonly list: { device: Device['id']; message: string }[] = [];
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Returns the sentence. */
  add(device: string, error: unknown): string {
    const sentence = error instanceof FleetError ? error.message : failureOf(error).sentence;
    const message = sentence.replace(`device ${device}: `, '');
    if (!(error instanceof FleetError)) this.#debug(error);
    if (!this.list.some((known) => known.device === device && known.message === message)) this.list.push({ device, message });
    return message;
  }

  #debug(error: unknown): void {
    if (process.env.FLEET_DEBUG === '1') this.#context.say(error instanceof Error && error.stack ? error.stack : reason(error));
  }
}
