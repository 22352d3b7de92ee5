import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const player = fileURLToPath(new URL('lab-player.mjs', import.meta.url));

/** Seconds between two looks at how late this process is. */
const TICK = 0.02;

export type Play = 'pi5' | 'rapl' | 'battery' | 'phone' | 'plug';

/** Power in W over the monotonic clock in s: base + swing x sin(2 pi t / period). */
export interface Curve {
  base: number;
  swing: number;
  period: number;
}

/** Joules of the curve from begin to end: its integral, worked out here and not by the player. */
export function curveEnergy({ base, swing, period }: Curve, begin: number, end: number): number {
  const w = (2 * Math.PI) / period;
  return base * (end - begin) + (swing / w) * (Math.cos(w * begin) - Math.cos(w * end));
}

/** A process that plays the sensors of a device. */
export interface Lab {
  /** `lab:` of the device. */
  readonly root: string;
  readonly curve: Curve;
  /** Where its plug answers. */
  readonly plug: string;
  /** Longest time, s, in which its files or this process stood still because the machine was busy: an error of the test, not of what is tested. */
  readonly stall: number;
  /** Takes its sensors away for so many seconds. */
  lose(seconds: number): void;
  /** Raises the alarms of a Raspberry Pi's firmware. */
  brownout(): void;
  stop(): void;
}

export async function startLab(plays: readonly Play[], curve: Curve): Promise<Lab> {
  const root = mkdtempSync(join(tmpdir(), 'fleet-lab-'));
  const child = spawn(process.execPath, [player, root, JSON.stringify({ plays, curve })], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    setPriority(child.pid as number, -15); // on a busy machine what it shows would be old, and look like an error of what is tested
  } catch {
    // that is for root; `stall` tells
  }
  let stall = 0.05;
  let last = performance.now();
  const watch = setInterval(() => {
    const now = performance.now();
    stall = Math.max(stall, (now - last) / 1000 - TICK);
    last = now;
  }, TICK * 1000);
  const stop = () => {
    clearInterval(watch);
    child.kill('SIGKILL');
    rmSync(root, { recursive: true, force: true, maxRetries: 5 }); // its last write may end after its kill
  };
  process.once('exit', stop);
  const port = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [word, value = ''] = line.split(' ');
      if (word === 'port') resolve(value);
      else stall = Math.max(stall, Number(value));
    });
    child.once('exit', (code) => reject(new Error(`the lab ended with status ${code}`)));
  }).catch((error: unknown) => {
    stop(); // its watch would keep the tests from ending
    throw error;
  });
  return {
    ...{ root, curve, plug: `http://127.0.0.1:${port}`, stop },
    get stall() {
      return stall;
    },
    brownout: () => void child.stdin.write('brownout\n'),
    lose: (seconds) => void child.stdin.write(`lose ${seconds}\n`),
  };
}
