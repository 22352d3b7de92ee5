import { Golden } from '../core/job.ts';
import golden from '../data/golden.json' with { type: 'json' };

/**
 * The golden-token run of every job. The tokens are those of the scalar specification; the prompt is one after which the best token is
 * ahead of the second best by more than rounding can ever turn, at each step. test/agents/golden.test.ts derives them anew.
 */
export const GOLDEN: Golden = Golden.parse(golden);
