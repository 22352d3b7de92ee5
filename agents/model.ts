import type { Job } from '../src/core/job.ts';
import type { Context } from './launch.ts';
import { diskFree } from './proc.ts';

type Recipe = NonNullable<Job['model']['synth']>;

/** Where a twin lies on the device: its recipe is its name. */
export function twinPath(workdir: string, recipe: Recipe): string {
  return `${workdir}/models/${recipe.preset}-${recipe.type}-${recipe.head}-s${recipe.seed}.gguf`;
}

/** Sees to it that the model is there: a twin is made where it is absent or was made by another recipe, a file must have been sent. */
export async function provide(at: Context): Promise<void> {
  const { model } = at.job;
  at.journal.write({ kind: 'phase', phase: 'model', detail: model.name });
  if (model.synth) await makeTwin(at, model.synth, model.path);
  else if (!(await exists(at, model.path))) throw new Error(`the model ${model.path} is not on the device; deploy it first`);
  at.journal.sync();
}

/** Makes a twin at `path` unless this very one is there. It is written beside its place and moved in when it is whole. */
export async function makeTwin(at: Context, recipe: Recipe, path: string): Promise<void> {
  const { host, job, journal, signal } = at;
  const note = `${path}.recipe`;
  const wanted = `${JSON.stringify(recipe)}\n`;
  if ((await exists(at, path)) && (await host.readFile(note).catch(() => '')) === wanted) return;
  const folder = path.slice(0, path.lastIndexOf('/')) || '/';
  await mustRun(at, ['mkdir', '-p', folder], `the folder ${folder} could not be made`);
  const part = `${path}.part`;
  await mustRun(at, ['rm', '-f', part, note], `${part} could not be removed`);
  const free = await diskFree(host, folder);
  const argv = [
    job.binary,
    'synth',
    '--preset',
    recipe.preset,
    '--type',
    recipe.type,
    '--head',
    recipe.head,
    '--seed',
    String(recipe.seed),
    '-o',
    part,
  ];
  const maker = await host.spawn(argv);
  maker.end();
  const stop = () => maker.kill('SIGKILL');
  signal.addEventListener('abort', stop, { once: true });
  try {
    let reported = 0;
    for await (const line of maker.lines) {
      const progress = parseProgress(line);
      if (!progress || at.elapsed() - reported < 1) continue;
      reported = at.elapsed();
      journal.write({ kind: 'phase', phase: 'model', detail: job.model.name, ...progress });
    }
    const { code, stderr } = await maker.exited;
    signal.throwIfAborted();
    if (code !== 0) {
      const why = stderr.trim().split('\n').pop() || `status ${code}`;
      throw new Error(`trit synth did not make ${path}: ${why}${free === null ? '' : ` (${Math.floor(free / 1e6)} MB were free)`}`);
    }
    await mustRun(at, ['mv', '-f', part, path], `${part} could not be moved to ${path}`);
    await mustRun(at, ['sh', '-c', 'cat > "$1"', 'sh', note], `${note} could not be written`, wanted);
  } finally {
    signal.removeEventListener('abort', stop);
    await host.exec(['rm', '-f', part]).catch(() => {});
  }
}

function parseProgress(line: string): { done: number; total: number } | null {
  try {
    const { done, total } = JSON.parse(line);
    return typeof done === 'number' && typeof total === 'number' ? { done, total } : null;
  } catch {
    return null;
  }
}

async function exists(at: Context, path: string): Promise<boolean> {
  return (await at.host.exec(['test', '-f', path])).code === 0;
}

async function mustRun(at: Context, argv: readonly string[], what: string, input?: string): Promise<void> {
  const { code, stderr } = await at.host.exec(argv, { input });
  if (code !== 0) throw new Error(`${what}: ${stderr.trim().split('\n').pop() || `status ${code}`}`);
}
