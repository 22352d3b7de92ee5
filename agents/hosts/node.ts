import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import type { ExecOptions, ExecResult, Host, HostProcess } from '../../src/core/host.ts';

/** Longest line and longest output a program may write, in characters. */
const LONGEST = 16 << 20;
const STDERR_KEPT = 4096;

/** The machine this process runs on. */
export const nodeHost: Host = {
  readFile: (path) => readFile(path, 'utf8'),
  list: async (path) => (await readdir(path)).sort(),
  exec,
  spawn: spawnLines,
};

async function exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  const child = await start(argv, options.env);
  let cut: string | null = null;
  const giveUp = (why: string) => {
    cut ??= why;
    child.kill('SIGKILL');
  };
  const timer = options.timeoutMs ? setTimeout(giveUp, options.timeoutMs, `did not end within ${options.timeoutMs / 1000} s`) : undefined;
  const cancel = () => giveUp('was cancelled');
  options.signal?.addEventListener('abort', cancel, { once: true });
  if (options.signal?.aborted) cancel();
  const outputs = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      if (outputs[name].length + text.length > LONGEST) giveUp(`wrote more than ${LONGEST} characters`);
      else outputs[name] += text;
    });
  }
  child.stdin.end(options.input ?? '');
  const { code, signal } = await ended(child, 'close');
  clearTimeout(timer);
  options.signal?.removeEventListener('abort', cancel);
  if (cut !== null) throw new Error(`${argv[0]} ${cut}`);
  return { code: code ?? 128 + (signal ? constants.signals[signal] : 0), ...outputs };
}

async function spawnLines(argv: readonly string[], options: { env?: Record<string, string> } = {}): Promise<HostProcess> {
  const child = await start(argv, options.env);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_KEPT);
  });
  const exited = ended(child, 'exit').then(async (end) => {
    await new Promise((resolve) => setTimeout(resolve, 20)); // the last of stderr
    return { ...end, stderr };
  });
  return {
    pid: child.pid as number,
    lines: splitLines(child.stdout),
    write: (line) => void child.stdin.write(`${line}\n`),
    end: () => void child.stdin.end(),
    kill: (signal) => void child.kill(signal),
    exited,
  };
}

/** In a session of its own: Ctrl-C in a terminal is for us, and we end what we started. */
async function start(argv: readonly string[], env: Record<string, string> = {}): Promise<ChildProcessWithoutNullStreams> {
  const [program = '', ...rest] = argv;
  const child = spawn(program, rest, { env: { ...process.env, ...env }, detached: true, stdio: 'pipe' });
  child.stdin.on('error', () => {}); // it may end without reading all we wrote
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(new Error(`${program} could not be started: ${error.code === 'ENOENT' ? 'it is not there' : error.message}`, { cause: error })),
    );
  });
  child.on('error', () => {}); // a failed kill
  return child;
}

function ended(child: ChildProcessWithoutNullStreams, event: 'exit' | 'close'): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve) => {
    child.once(event, (code: number | null, signal: NodeJS.Signals | null) => resolve({ code, signal }));
  });
}

/** Lines without their newline, the last one also where it has none. Nobody reading makes the program wait. */
async function* splitLines(stream: Readable): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of stream.setEncoding('utf8') as AsyncIterable<string>) {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() as string;
    yield* parts;
    if (rest.length > LONGEST) throw new Error(`a line of output is longer than ${LONGEST} characters`);
  }
  if (rest) yield rest;
}
