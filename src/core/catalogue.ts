import { z } from 'zod';

/** What a published file's hash looks like. */
export const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 in hex');

/** A published model file, and the twin that has its shapes and types. One row of src/data/models.json, or of the user's own models.json. */
export const CatalogueRow = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'lower-case letters, digits, dot, dash and underscore'),
  title: z.string().max(200),
  /** On a hub: "owner/name". Null for a file of one's own. */
  repo: z
    .string()
    .regex(/^[\w.-]+\/[\w.-]+$/)
    .nullable(),
  /** In the repository: a path; of one's own: where it lies. */
  file: z.string().min(1),
  revision: z.string().min(1).optional(),
  /** Small files of the same folder without which it is of no use, such as config.json. */
  beside: z.array(z.string().regex(/^[\w-][\w.-]*$/)).optional(),
  /** Null: not known before the hub is asked. */
  bytes: z.int().positive().nullable(),
  sha256: Sha256.nullable(),
  /** Recipe of the twin, as `--model` takes it; null: none is known. */
  twin: z.string().nullable(),
  licence: z.string().nullable(),
});
export type CatalogueRow = z.infer<typeof CatalogueRow>;

/** The name of a published model, as against its twin's: "hub:bitnet-2b-4t". */
export const HUB = 'hub:';
