/** The pages, in the order of their links. */
export const PAGES = ['overview', 'compare', 'trends', 'pareto', 'roofline', 'published', 'devices', 'suites'] as const;
export type PageName = (typeof PAGES)[number];
/** Those that the filters narrow. */
export const FILTERED: readonly PageName[] = ['overview', 'compare', 'trends', 'pareto', 'roofline'];
