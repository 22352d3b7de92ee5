import { z } from 'zod';
import { reason } from '../../core/errors.ts';
import type { Meter } from '../../core/meter.ts';
import { Counter, powerOf, type Reading, type Source, silent } from '../../core/source.ts';
import { get, type Login } from './http.ts';

/** Smart plugs: Shelly of both generations, Tasmota, and whatever Home Assistant knows. What they answer is judged before it is believed. */

/** What one answer holds: W, and J since some time long ago. */
export interface Figures {
  watts: number | null;
  joules: number | null;
}

const amount = z.number().nonnegative();
const Gen1 = z.object({ power: amount, is_valid: z.boolean().optional(), total: amount.optional() });
const Gen1Status = z.object({ meters: z.array(Gen1).optional(), emeters: z.array(Gen1).optional() });
const Gen2 = z.object({
  apower: amount.optional(),
  act_power: amount.optional(),
  aenergy: z.object({ total: amount }).optional(),
  errors: z.array(z.string()).optional(),
});
const power = z.union([amount, z.array(amount).min(1)]).transform((value) => [value].flat().reduce((sum, one) => sum + one, 0));
const Tasmota = z.object({ StatusSNS: z.object({ ENERGY: z.object({ Power: power, Total: power.optional() }) }) });
const HomeAssistant = z.object({
  state: z.string(),
  attributes: z.object({ unit_of_measurement: z.string().optional() }),
  last_updated: z.string().optional(),
  last_reported: z.string().optional(),
});

/** /status of a Gen1 device: `total` is watt-minutes of a switch, watt-hours of an energy meter. */
export function shellyGen1(text: string, channel: number): Figures {
  const { meters, emeters } = parsed(Gen1Status, text);
  const [list, unit] = meters?.length ? [meters, 60] : [emeters ?? [], 3600];
  const found = list[channel];
  if (!found) throw new Error(`it has no channel ${channel} that measures`);
  if (found.is_valid === false) throw new Error('it says that its own measurement is not valid');
  return { watts: found.power, joules: found.total === undefined ? null : found.total * unit };
}

/** Switch.GetStatus and its like of a device of the second generation or later. */
export function shellyGen2(text: string): Figures {
  const { apower, act_power, aenergy, errors } = parsed(Gen2, text);
  if (errors?.some((error) => error.startsWith('power_meter'))) throw new Error(`its power meter reports ${errors.join(', ').slice(0, 80)}`);
  const watts = apower ?? act_power;
  if (watts === undefined) throw new Error('this channel measures no power');
  return { watts, joules: aenergy ? aenergy.total * 3600 : null };
}

/** `Status 8`: power is one figure or one a phase; the total is kWh. */
export function tasmota(text: string): Figures {
  if (text.includes('"WARNING"')) throw new Error('it wants a user and a password: give `user:` and `password_env:`');
  const { Power, Total } = parsed(Tasmota, text).StatusSNS.ENERGY;
  return { watts: Power, joules: Total === undefined ? null : Total * 3.6e6 };
}

/** Oldest value of Home Assistant that still counts, s. */
const STALE = 30;

/** The state of a sensor at `now` (ms since 1970). */
export function homeAssistant(text: string, now: number): Figures {
  const { state, attributes, last_updated, last_reported } = parsed(HomeAssistant, text);
  const value = /^\d+(\.\d+)?$/.test(state) ? Number(state) : null;
  if (value === null) throw new Error(`its state is ${JSON.stringify(state.slice(0, 40))}`);
  const age = (now - Date.parse(last_reported ?? last_updated ?? '')) / 1000;
  if (age > STALE) throw new Error(`its value is ${Math.round(age)} s old`);
  switch (attributes.unit_of_measurement) {
    case 'W':
      return { watts: value, joules: null };
    case 'kW':
      return { watts: value * 1000, joules: null };
    case 'mW':
      return { watts: value / 1000, joules: null };
    case 'Wh':
      return { watts: null, joules: value * 3600 };
    case 'kWh':
      return { watts: null, joules: value * 3.6e6 };
    default:
      throw new Error(`its unit is ${JSON.stringify(attributes.unit_of_measurement ?? null)}, neither power nor energy`);
  }
}

function parsed<S extends z.ZodType>(schema: S, text: string): z.infer<S> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`it answers with something else than JSON: ${JSON.stringify(text.slice(0, 40))}`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new Error(`its answer has no usable ${issue?.path.join('.') || 'content'}`);
}

type Plug = Extract<Meter, { type: 'shelly' | 'tasmota' | 'home-assistant' }>;
type Ask = () => Promise<Figures>;

/** A plug as a source. `refresh` is how often such devices have a new figure. */
export function plug(meter: Plug, env: NodeJS.ProcessEnv): Source {
  const ask = ASK[meter.type](meter as never, env);
  const counter = new Counter(null);
  return {
    name: meter.name ?? meter.type,
    scope: meter.scope,
    detail: `${meter.type} at ${new URL(meter.url).host}`,
    period: meter.period ?? 0.4,
    refresh: meter.type === 'home-assistant' ? 10 : 1,
    async read(): Promise<Reading> {
      try {
        const { watts, joules } = await ask();
        if (joules === null && watts !== null) return powerOf(watts);
        const sum = joules === null ? null : counter.add(joules, performance.now() / 1000);
        return { watts: watts === null ? null : powerOf(watts).watts, joules: sum, why: null };
      } catch (error) {
        return silent(reason(error));
      }
    },
    close: async () => {},
  };
}

const ASK = {
  shelly({ url, channel, user, password_env }: Extract<Meter, { type: 'shelly' }>, env: NodeJS.ProcessEnv): Ask {
    const login = loginOf(user ?? 'admin', password_env, env);
    const at = (path: string) => get(new URL(path, url).href, { login });
    let way: Ask | null = null;
    return async () => {
      way ??= await shellyWay(at, channel);
      return way();
    };
  },
  tasmota({ url, user, password_env }: Extract<Meter, { type: 'tasmota' }>, env: NodeJS.ProcessEnv): Ask {
    const login = loginOf(user ?? 'admin', password_env, env);
    const address = new URL('/cm', url);
    address.search = `cmnd=Status%208${login ? `&user=${encodeURIComponent(login.user)}&password=${encodeURIComponent(login.password)}` : ''}`;
    return async () => tasmota(await get(address.href));
  },
  'home-assistant'({ url, entity, token_env }: Extract<Meter, { type: 'home-assistant' }>, env: NodeJS.ProcessEnv): Ask {
    const token = secret(token_env, env);
    return async () =>
      homeAssistant(await get(new URL(`/api/states/${entity}`, url).href, { headers: { authorization: `Bearer ${token}` } }), Date.now());
  },
};

const Generation = z.object({ gen: z.int().optional(), type: z.string().optional(), app: z.string().optional() });

/** Which of its addresses a Shelly measures at. */
async function shellyWay(at: (path: string) => Promise<string>, channel: number): Promise<Ask> {
  const { gen = 1, type, app } = parsed(Generation, await at('/shelly'));
  if (type === undefined && app === undefined) throw new Error('this is no Shelly');
  if (gen === 1) return async () => shellyGen1(await at('/status'), channel);
  let last: unknown;
  for (const component of ['Switch', 'PM1', 'EM1']) {
    const ask: Ask = async () => shellyGen2(await at(`/rpc/${component}.GetStatus?id=${channel}`));
    try {
      await ask();
      return ask;
    } catch (error) {
      last = error;
      if (!/status 404|measures no power/.test(reason(error))) throw error;
    }
  }
  throw last;
}

/** No login where no password is told. */
export function loginOf(user: string, passwordEnv: string | undefined, env: NodeJS.ProcessEnv): Login | null {
  return passwordEnv === undefined ? null : { user, password: secret(passwordEnv, env) };
}

function secret(name: string, env: NodeJS.ProcessEnv): string {
  const value = env[name];
  if (!value) throw new Error(`the environment variable ${name} is empty: it must hold the meter's password or token`);
  return value;
}
