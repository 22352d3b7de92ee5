import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { arrowsOf, faultsOf, type Part } from './support/imports.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * The only arrows between parts. The server is handed an open store by the command line and knows just its type, which is in core
 * (core/store.ts): so it needs no arrow to the store. Data are read by those who plan a run; they may be typed by core.
 */
const PARTS: Record<string, Part> = {
  'src/core': { may: [], node: false },
  'src/data': { may: ['src/core'], node: false },
  'src/fleet': { may: ['src/core', 'src/data'], node: true },
  'src/store': { may: ['src/core'], node: true },
  'src/rivals': { may: ['src/core'], node: true },
  'src/exchange': { may: ['src/core'], node: true },
  'src/report': { may: ['src/core'], node: false },
  'src/server': { may: ['src/core'], node: true },
  'src/cli': {
    may: ['agents', 'src/core', 'src/data', 'src/exchange', 'src/fleet', 'src/report', 'src/rivals', 'src/server', 'src/store'],
    node: true,
  },
  agents: { may: ['src/core'], node: true },
  web: { may: ['src/core'], node: false },
};
const FOLDERS = ['src', 'agents', 'web'];

test('imports point one way and lead in no circle', async () => {
  const arrows = await arrowsOf(ROOT, FOLDERS);
  assert.ok(
    arrows.some(({ from, to }) => from === 'src/store/store.ts' && to === 'src/core/store.ts'),
    'type imports are seen',
  );
  assert.deepEqual(faultsOf(ROOT, arrows, PARTS), []);
});

/** The faults of a small tree made of these files. */
async function planted(files: Record<string, string>): Promise<string[]> {
  const root = mkdtempSync(join(tmpdir(), 'fleet-imports-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return faultsOf(root, await arrowsOf(root, FOLDERS), PARTS);
  } finally {
    rmSync(root, { recursive: true });
  }
}

test('an allowed tree has no fault; what only looks like an import is none', async () => {
  const faults = await planted({
    'src/core/run.ts': 'export interface Run { id: string }\nexport type Id = string;\n',
    'src/store/store.ts':
      "import type { Run } from '../core/run.ts';\nexport const text = `import x from '../fleet/run.ts'`;\n// import '../cli/main.ts'\n",
    'src/cli/main.ts':
      "import { type Run } from '../core/run.ts';\nimport { text } from '../store/store.ts';\nexport default text as unknown as Run;\n",
  });
  assert.deepEqual(faults, []);
});

const VIOLATIONS: Record<string, { files: Record<string, string>; fault: RegExp }> = {
  'an arrow back': {
    files: { 'src/core/a.ts': "import { b } from '../store/b.ts';\nexport const a = b;\n", 'src/store/b.ts': 'export const b = 1;\n' },
    fault: /^src\/core\/a\.ts imports src\/store\/b\.ts: no arrow leads from src\/core to src\/store$/,
  },
  'an arrow back in a type import': {
    files: { 'src/store/a.ts': "import type { B } from '../fleet/b.ts';\nexport type A = B;\n", 'src/fleet/b.ts': 'export type B = 1;\n' },
    fault: /no arrow leads from src\/store to src\/fleet/,
  },
  'an arrow back in a type that is passed on': {
    files: { 'src/report/a.ts': "export type { B } from '../store/b.ts';\n", 'src/store/b.ts': 'export type B = 1;\n' },
    fault: /no arrow leads from src\/report to src\/store/,
  },
  'an arrow back in an import at run time': {
    files: { 'agents/a.ts': "export const b = await import('../src/fleet/b.ts');\n", 'src/fleet/b.ts': 'export const b = 1;\n' },
    fault: /no arrow leads from agents to src\/fleet/,
  },
  'a folder nobody declared': {
    files: { 'src/utils/a.ts': "import '../core/b.ts';\n", 'src/core/b.ts': 'export {};\n' },
    fault: /^src\/utils\/a\.ts is in no declared part$/,
  },
  'I/O in core': {
    files: { 'src/core/a.ts': "import { readFileSync } from 'node:fs';\nexport const a = readFileSync;\n" },
    fault: /src\/core does no I\/O/,
  },
  'a circle': {
    files: {
      'src/store/a.ts': "import { b } from './b.ts';\nexport const a = () => b;\n",
      'src/store/b.ts': "import { c } from './c.ts';\nexport const b = () => c;\n",
      'src/store/c.ts': "import { a } from './a.ts';\nexport const c = () => a;\n",
    },
    fault: /^circle: src\/store\/a\.ts -> src\/store\/b\.ts -> src\/store\/c\.ts -> src\/store\/a\.ts$/,
  },
};

for (const [name, { files, fault }] of Object.entries(VIOLATIONS)) {
  test(`finds ${name}`, async () => {
    const faults = await planted(files);
    assert.equal(faults.length, 1, faults.join('\n'));
    assert.match(faults[0] as string, fault);
  });
}
