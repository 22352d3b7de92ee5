import { z } from 'zod';
import { reason } from '../../core/errors.ts';
import type { Host } from '../../core/host.ts';
import { lastLine } from '../../core/last_words.ts';
import { METER_UNITS, type Meter, type MeterUnit } from '../../core/meter.ts';
import { parsed } from '../../core/parsed.ts';
import { Counter, powerOf, type Reading, type Source, silent } from '../../core/source.ts';
import { stream } from '../../core/stream.ts';
import { get } from './http.ts';
import { loginOf, plug } from './plug.ts';

/** Longest run of a `command:` meter, ms. */
const PATIENCE = 3000;

/** A declared meter as a source. `host` is where its programs run. Throws a sentence where a password it needs is not set. */
export function openMeter(meter: Meter, host: Host, env: NodeJS.ProcessEnv = process.env): Source {
  switch (meter.type) {
    case 'url': {
      const login = loginOf(meter.user ?? 'admin', meter.password_env, env);
      return generic(meter, new URL(meter.url).host, () => get(meter.url, { login }));
    }
    case 'command':
      return generic(meter, whatRuns(meter), async () => {
        const { code, stdout, stderr } = await host.exec(meter.command, { timeoutMs: PATIENCE });
        const last = lastLine(stderr).slice(0, 120);
        if (code !== 0) throw new Error(`it ended with status ${code}${last ? `: ${last}` : ''}`);
        return stdout.slice(0, 65_536);
      });
    case 'pipe':
      return pipe(meter, host);
    default:
      return plug(meter, env);
  }
}

function whatRuns({ command, on }: { command: readonly string[]; on?: string | undefined }): string {
  return on === undefined ? command.join(' ') : `${command.join(' ')} on ${on}`;
}

type Generic = Extract<Meter, { type: 'url' | 'command' }>;

/** The figure that a pattern finds in a text, in W or J. Throws a sentence where there is none. */
export function figureIn(text: string, pattern: RegExp, unit: MeterUnit): number {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Error(`its answer does not match the pattern ${pattern.source}: ${JSON.stringify(text.slice(0, 60))}`);
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(found) ? Number(found) : Number.NaN;
  if (!Number.isFinite(value) || value < 0) throw new Error(`${JSON.stringify(found.slice(0, 40))} is no power or energy`);
  return value * METER_UNITS[unit].factor;
}

function generic(meter: Generic, where: string, ask: () => Promise<string>): Source {
  const pattern = new RegExp(meter.pattern, 'm');
  const counter = new Counter(null);
  return {
    name: meter.name ?? meter.type,
    scope: meter.scope,
    detail: `${where}, in ${meter.unit}`,
    period: meter.period ?? 1,
    refresh: meter.period ?? 1,
    async read(): Promise<Reading> {
      try {
        const value = figureIn(await ask(), pattern, meter.unit);
        if (METER_UNITS[meter.unit].kind === 'power') return powerOf(value);
        return { watts: null, joules: counter.add(value, performance.now() / 1000), why: null };
      } catch (error) {
        return silent(reason(error));
      }
    },
    close: async () => {},
  };
}

const Line = z.object({ watts: z.number().nonnegative().nullish(), joules: z.number().nonnegative().nullish() });

function pipe(meter: Extract<Meter, { type: 'pipe' }>, host: Host): Source {
  const counter = new Counter(null);
  return stream(host, {
    ...{ name: meter.name ?? meter.type, scope: meter.scope, detail: whatRuns(meter), refresh: meter.period ?? 1 },
    argv: meter.command,
    take: (text) => lineReading(text, counter),
  });
}

/** A line of a pipe; null for one that is none, such as a header: the next one counts. */
export function lineReading(text: string, counter: Counter): Reading | null {
  const { watts = null, joules = null } = parsed(Line, text) ?? {};
  if (watts === null && joules === null) return null;
  const sum = joules === null ? null : counter.add(joules, performance.now() / 1000);
  return { watts: watts === null ? null : powerOf(watts).watts, joules: sum, why: null };
}
