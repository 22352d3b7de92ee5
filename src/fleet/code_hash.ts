import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Object files that only tell how the others were made. */
const NAMING = ['version.o'];

/** What the program does: its code and data, and by whose names it calls others. Not: unwinding, notes, debugging, the compiler's name. */
const TELLING = /^(\.rela?)?\.(text|rodata|data|bss|tdata|tbss|init_array)|^\.(symtab|strtab)$/;
const SHT_NOBITS = 8;

/**
 * Hash of code and constants in all object files under a folder: two builds with the same one run the same instructions, whatever their
 * flags say. Null where there are none or one is no ELF file (link-time optimisation, macOS): then nothing can be said.
 */
export async function codeHash(folder: string): Promise<string | null> {
  const hash = createHash('sha256');
  const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.o') && !NAMING.includes(name)).sort();
  if (files.length === 0) return null;
  for (const name of files) {
    const sections = tellingSections(await readFile(join(folder, name)));
    if (sections === null) return null;
    hash.update(`${name}\n`);
    for (const section of sections) hash.update(`${section.length}\n`).update(section);
  }
  return hash.digest('hex');
}

/**
 * The telling sections of an ELF object, each as a title and its content; null where this is none. By hand: the ELF packages of the registry
 * are unmaintained, and this is the section header table and nothing else (System V ABI, chapter 4).
 */
function tellingSections(bytes: Buffer): Buffer[] | null {
  if (bytes.length < 64 || bytes.readUInt32BE(0) !== 0x7f454c46 || bytes[5] !== 1) return null;
  const wide = bytes[4] === 2;
  const word = (at: number) => (wide ? Number(bytes.readBigUInt64LE(at)) : bytes.readUInt32LE(at));
  const table = word(wide ? 40 : 32);
  const [entry, count, names] = [bytes.readUInt16LE(wide ? 58 : 46), bytes.readUInt16LE(wide ? 60 : 48), bytes.readUInt16LE(wide ? 62 : 50)];
  if (entry < (wide ? 64 : 40) || table + count * entry > bytes.length || names >= count) return null;
  const section = (index: number) => {
    const at = table + index * entry;
    const [offset, size] = wide ? [word(at + 24), word(at + 32)] : [word(at + 16), word(at + 20)];
    return { name: bytes.readUInt32LE(at), type: bytes.readUInt32LE(at + 4), offset, size };
  };
  const strings = section(names).offset;
  const found: Buffer[] = [];
  for (let i = 0; i < count; i++) {
    const { name, type, offset, size } = section(i);
    const title = bytes.toString('latin1', strings + name, bytes.indexOf(0, strings + name));
    if (title.startsWith('.gnu.lto')) return null; // the instructions are not made yet
    if (!TELLING.test(title)) continue;
    const content = type === SHT_NOBITS ? Buffer.alloc(0) : bytes.subarray(offset, offset + size);
    found.push(Buffer.from(`${title} ${size}\n`), content);
  }
  return found;
}
