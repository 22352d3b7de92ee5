import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { build } from 'esbuild';

const SOURCE = /\.(ts|tsx|mts|js|mjs)$/;

/** One import: a file of the tree, and what it imports: a file of the tree, or the name of a package. Paths are relative to the root. */
export interface Arrow {
  from: string;
  to: string;
  inside: boolean;
}

/**
 * Every import, type imports too, of the sources below these folders, as esbuild's parser finds them. It leaves out `import type`, so the
 * word `type` is taken away before it parses; no statement of another kind begins like that.
 */
export async function arrowsOf(root: string, folders: readonly string[]): Promise<Arrow[]> {
  const files = folders.flatMap((folder) => sourcesIn(join(root, folder)));
  const arrows: Arrow[] = [];
  if (files.length === 0) return arrows;
  const local = (path: string) => relative(root, path).split(sep).join('/');
  await build({
    entryPoints: files,
    bundle: true,
    write: false,
    outdir: join(root, 'unwritten'),
    platform: 'node',
    format: 'esm',
    logLevel: 'silent',
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true, target: 'es2023' } },
    plugins: [
      {
        name: 'arrows',
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /.*/ }, ({ path, importer, kind }) => {
            if (kind === 'entry-point') return { path };
            const inside = path.startsWith('.');
            arrows.push({ from: local(importer), to: inside ? local(normalize(join(dirname(importer), path))) : path, inside });
            return { path, external: true };
          });
          onLoad({ filter: SOURCE }, ({ path }) => ({
            contents: readFileSync(path, 'utf8')
              .replace(/^import type (?!from\b|,|=)/gm, 'import ')
              .replace(/^export type (?=[{*])/gm, 'export '),
            loader: path.endsWith('.tsx') ? 'tsx' : 'ts',
          }));
        },
      },
    ],
  });
  const text = ({ from, to }: Arrow) => `${from} ${to}`;
  return arrows.sort((a, b) => (text(a) < text(b) ? -1 : 1)); // esbuild parses side by side
}

function sourcesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  return names.filter((name) => SOURCE.test(name)).map((name) => join(folder, name));
}

/** A part of the house: what it may import besides itself, and whether it may use Node's own modules. */
export interface Part {
  readonly may: readonly string[];
  readonly node: boolean;
}

/** What is wrong with these arrows, a sentence each; empty where every one is declared and none leads in a circle. */
export function faultsOf(root: string, arrows: readonly Arrow[], parts: Readonly<Record<string, Part>>): string[] {
  const faults: string[] = [];
  for (const { from, to, inside } of arrows) {
    const home = partOf(from, parts);
    const part = home === null ? undefined : parts[home];
    if (!part) {
      faults.push(`${from} is in no declared part`);
    } else if (!inside) {
      if (!part.node && to.startsWith('node:')) faults.push(`${from} imports ${to}: ${home} does no I/O`);
    } else if (!existsSync(join(root, to))) {
      faults.push(`${from} imports ${to}, which does not exist`);
    } else {
      const target = partOf(to, parts);
      if (target === null) faults.push(`${from} imports ${to}, which is in no declared part`);
      else if (target !== home && !part.may.includes(target)) faults.push(`${from} imports ${to}: no arrow leads from ${home} to ${target}`);
    }
  }
  return [...faults, ...circles(arrows)];
}

function partOf(file: string, parts: Readonly<Record<string, Part>>): string | null {
  return Object.keys(parts).find((part) => file.startsWith(`${part}/`)) ?? null;
}

/** Each circle of files once, named by the path that closes it. */
function circles(arrows: readonly Arrow[]): string[] {
  const next = new Map<string, string[]>();
  for (const { from, to, inside } of arrows) if (inside) next.set(from, [...(next.get(from) ?? []), to]);
  const found: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) {
      found.push(`circle: ${[...path.slice(at), file].join(' -> ')}`);
      return;
    }
    if (done.has(file)) return;
    for (const to of next.get(file) ?? []) walk(to, [...path, file]);
    done.add(file);
  };
  for (const file of next.keys()) walk(file, []);
  return found;
}
