import type { z } from 'zod';

/** What a JSON text says, where a schema allows it; null where it is no JSON or another thing. */
export function parsed<Schema extends z.ZodType>(schema: Schema, text: string): z.infer<Schema> | null {
  try {
    return schema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
