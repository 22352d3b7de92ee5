import { copyFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Bundles the page into a folder, as src/cli/bundle.mjs does it; gives the folder. */
export async function bundlePage(outdir: string): Promise<string> {
  const entryPoints = ['web/page.ts', 'web/page.css'];
  await build({ absWorkingDir: ROOT, entryPoints, outdir, bundle: true, platform: 'browser', format: 'esm', target: 'es2022', minify: true });
  for (const name of ['index.html', 'icon.svg']) copyFileSync(join(ROOT, 'web', name), join(outdir, name));
  return outdir;
}
