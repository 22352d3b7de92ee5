import { Published } from '../../src/core/published.ts';
import published from '../../src/data/published.json' with { type: 'json' };

/** What others published, as the dashboard gets it. */
export const PUBLISHED_ROWS: Published = Published.parse(published);
