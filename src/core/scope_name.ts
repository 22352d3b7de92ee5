import { z } from 'zod';
import { SCOPE_NAMES } from './scope.ts';

/** A scope in data from outside. Apart from the table, so that the page needs no checker of schemas. */
export const ScopeName = z.enum(SCOPE_NAMES);
