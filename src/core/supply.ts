/** One entry of Linux's /sys/class/power_supply: a battery, a charger, or what is charged from the device. */
export type Supply = ReadonlyMap<string, string>;

/** KEY=value lines of a uevent file, without POWER_SUPPLY_. */
export function ueventOf(text: string): Map<string, string> {
  return new Map(
    text.split('\n').flatMap((line) => {
      const [, key, value] = /^POWER_SUPPLY_(\w+)=(.*)$/.exec(line) ?? [];
      return key === undefined || value === undefined ? [] : [[key, value.trim()] as const];
    }),
  );
}

/** Supplies of the device itself, not of a mouse that hangs on it. */
function ownOf(supplies: readonly Supply[]): { own: Supply[]; batteries: Supply[] } {
  const own = supplies.filter((supply) => supply.get('SCOPE') !== 'Device');
  return { own, batteries: own.filter((supply) => supply.get('TYPE') === 'Battery' || (supply.has('CAPACITY') && supply.has('STATUS'))) };
}

/** Whether a battery is being charged now; null without a battery. */
export function isCharging(supplies: readonly Supply[]): boolean | null {
  const { batteries } = ownOf(supplies);
  return batteries.length === 0 ? null : batteries.some((supply) => supply.get('STATUS') === 'Charging');
}

/** Whether a charger is plugged in: of mains and USB supplies, else of the battery's own word. Null without a battery, and where none tells. */
export function chargerOf(supplies: readonly Supply[]): 'plugged' | 'unplugged' | null {
  const { own, batteries } = ownOf(supplies);
  if (batteries.length === 0) return null;
  const online = own.filter((supply) => /^(Mains|USB|Wireless)/.test(supply.get('TYPE') ?? '') && supply.has('ONLINE'));
  if (online.length > 0) return online.some((supply) => supply.get('ONLINE') !== '0') ? 'plugged' : 'unplugged';
  const words = batteries.flatMap((supply) => supply.get('STATUS') ?? []).filter((word) => word !== 'Unknown');
  return words.length === 0 ? null : words.includes('Discharging') ? 'unplugged' : 'plugged';
}
