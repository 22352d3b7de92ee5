import type { Case, Measure } from '../core/contest.ts';

/** A program that can be measured: ours, or a rival. Each measurement is a launch of its own. */
export interface Engine {
  readonly name: string;
  readonly rival: boolean;
  /** The model it reads. */
  readonly file: string;
  /** What else makes two measurements of it alike: its arguments. */
  readonly setting: string;
  /** Throws a FleetError that says what the program said where it gives no result. */
  measure(test: Case, signal?: AbortSignal): Promise<Measure>;
  /** Natural-log probabilities of the next token after each of these, or null where it cannot tell. */
  logProbabilities(tokens: readonly number[], signal?: AbortSignal): Promise<Float64Array[] | null>;
  /** Known once it has been measured. */
  identity(): Identity;
}

export interface Identity {
  version: string | null;
  compiler: string | null;
  /** Files of its code, the program first. */
  code_files: string[];
}
