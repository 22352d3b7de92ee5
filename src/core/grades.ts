/** How far a number that somebody else published can be trusted. */
export const GRADES = {
  A: "the maker's own document, paper or page",
  B: 'a thread with raw tool output and named hardware',
  C: 'told by its author, with nothing to check it by',
  D: 'contradicted, or too vague to be drawn',
} as const;

export type Grade = keyof typeof GRADES;
