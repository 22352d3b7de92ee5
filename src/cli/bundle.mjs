// Bundles dist/fleet.mjs (command line), dist/agent.mjs (one file for the devices) and dist/web (the page). Run by ./fleet.
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const dist = join(root, 'dist');
const scratch = join(dist, `.making-${process.pid}`);
const began = new Date();
const WEEK = 7 * 86_400_000;
const common = { absWorkingDir: root, bundle: true, logLevel: 'warning', legalComments: 'none', sourcemap: 'linked' };
// Packages that are CommonJS call require(), which an ES module does not have.
const require = "import { createRequire as fleetRequire } from 'node:module'; const require = fleetRequire(import.meta.url);";

try {
  await mkdir(join(scratch, 'web'), { recursive: true });
  await Promise.all([
    build({
      ...common,
      entryPoints: [{ in: 'src/cli/main.ts', out: 'fleet' }],
      outdir: scratch,
      outExtension: { '.js': '.mjs' },
      // A command loads what it needs and no more: --help loads neither SQLite nor SSH.
      splitting: true,
      chunkNames: 'chunks/[name]-[hash]',
      platform: 'node',
      format: 'esm',
      target: 'node20',
      packages: 'external',
    }),
    build({
      ...common,
      entryPoints: ['agents/main.ts'],
      outfile: join(scratch, 'agent.mjs'),
      platform: 'node',
      format: 'esm',
      target: 'node18',
      banner: { js: require },
      sourcemap: false,
    }),
    build({
      ...common,
      entryPoints: ['web/page.ts', 'web/page.css'],
      outdir: join(scratch, 'web'),
      platform: 'browser',
      format: 'esm',
      target: 'es2022',
      minify: true,
    }),
    cp(join(root, 'web/index.html'), join(scratch, 'web/index.html')),
    cp(join(root, 'web/icon.svg'), join(scratch, 'web/icon.svg')),
  ]);
  for (const folder of ['web', 'chunks']) await mkdir(join(dist, folder), { recursive: true });
  const chunks = await readdir(join(scratch, 'chunks'));
  for (const name of chunks) await rename(join(scratch, 'chunks', name), join(dist, 'chunks', name));
  const files = ['fleet.mjs', 'fleet.mjs.map', 'agent.mjs', 'page.js', 'page.js.map', 'page.css', 'page.css.map', 'index.html', 'icon.svg'];
  for (const name of files) {
    const path = existsSync(join(scratch, name)) ? name : join('web', name);
    await rename(join(scratch, path), join(dist, path));
  }
  // What changed while we were bundling is newer than this stamp, so that the next start bundles again.
  await writeFile(join(scratch, 'built'), '');
  await utimes(join(scratch, 'built'), began, began);
  await rename(join(scratch, 'built'), join(dist, 'built'));
  // A fleet that has been running for a while may still load an older chunk.
  for (const name of await readdir(join(dist, 'chunks'))) {
    const path = join(dist, 'chunks', name);
    if (!chunks.includes(name) && began.getTime() - (await stat(path)).mtimeMs > WEEK) await rm(path, { force: true });
  }
} catch (error) {
  // esbuild has said what is wrong and where.
  if (!error.errors) console.error(error.message);
  process.exitCode = 1;
} finally {
  await rm(scratch, { recursive: true, force: true });
}
