/** What may differ between the two sides of the page Compare. */
export const SIDES_BY = ['device', 'toolchain', 'flags', 'model', 'format', 'head', 'threads', 'suite'] as const;
export type SidesBy = (typeof SIDES_BY)[number];
