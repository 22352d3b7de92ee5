import { type Published, publishedOf } from '../../src/core/published.ts';
import file from '../../src/data/published.json' with { type: 'json' };

/** What others published, as the dashboard gets it. */
export const PUBLISHED_ROWS: Published = publishedOf(file);
