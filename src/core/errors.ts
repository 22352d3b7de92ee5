/** An error a user can act on: what happened, to which device or file, and what to do next. Never shown with a stack trace. */
export class FleetError extends Error {
  override name = 'FleetError';
  /** 1: a device, run or comparison failed its bar; 2: wrong usage. */
  readonly exitCode: 1 | 2;
  constructor(message: string, options: { exitCode?: 1 | 2; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.exitCode = options.exitCode ?? 1;
  }
}

/** A mistake in what the user typed or wrote (flags, yaml): exit status 2. */
export class UsageError extends FleetError {
  override name = 'UsageError';
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, { ...options, exitCode: 2 });
  }
}

/** The database cannot be used, which no device is to blame for: what devices have recorded is still theirs to give. */
export class StoreError extends FleetError {
  override name = 'StoreError';
}

/** One line of any thrown value, for messages. */
export function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? '';
}
