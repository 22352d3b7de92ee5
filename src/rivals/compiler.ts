import { readFile } from 'node:fs/promises';

/** What compiled these files, as compilers note in them; null where nothing is noted. The start files of GCC's are in everybody's programs. */
export async function compilerOf(files: readonly string[]): Promise<string | null> {
  const found = new Set<string>();
  for (const file of files) {
    const text = (await readFile(file)).toString('latin1');
    for (const [note] of text.matchAll(/(?:\w+ )?clang version \d[\w.+-]*|GCC: \([^()\0]{0,60}\) \d[\w.]*/g)) found.add(note);
  }
  const notes = [...found].sort();
  const others = notes.filter((note) => !note.startsWith('GCC'));
  return (others.length > 0 ? others : notes).join('; ') || null;
}
