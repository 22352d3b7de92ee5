import { z } from 'zod';
import { ScopeName } from './scope_name.ts';

/** What has to be told about the sensors of a device or a class of devices, because they do not tell it: `sensors:` of its file. */
export const SensorSettings = z.strictObject({
  /** Seconds between readings, in place of each sensor's own. */
  period: z.number().min(0.02).max(60).optional(),
  /** Unit and sign of a phone's battery current: they differ by maker. Without it the unit is found out from the first reading. */
  battery: z.strictObject({ unit: z.enum(['uA', 'mA']), discharging: z.enum(['negative', 'positive']).optional() }).optional(),
  /** A Raspberry Pi 5's own line from the PMIC's sum to a meter: watts = slope x sum + offset. The result is an estimate. */
  pmic: z.strictObject({ slope: z.number().positive(), offset: z.number() }).optional(),
  /** INA chips: what they are wired to, and a factor where the shunt is another than the driver thinks. */
  hwmon: z.strictObject({ scope: ScopeName.optional(), scale: z.number().positive().optional() }).optional(),
  /** Clock the cores should hold under load, Hz; default: the highest of the governor, or the base clock of a PC. */
  clock: z.number().positive().optional(),
  /** Watts of the processor at full load: only for an estimate where nothing measures. */
  tdp: z.number().positive().optional(),
});
export type SensorSettings = z.infer<typeof SensorSettings>;
