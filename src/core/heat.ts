/** Zones of processors; acpitz is the firmware's and often never moves. */
const PROCESSOR = /^(cpu|x86_pkg_temp|soc|big|mid|little|apc|mtktscpu|tsens_tz_sensor|cluster)/i;

/** Whether a thermal zone of that type is a processor's. */
export function isProcessorZone(type: string): boolean {
  return PROCESSOR.test(type);
}

/** degC of what a zone says: thousandths by contract, tenths or whole degrees on some phones. Null for what no processor has. */
export function zoneTemperature(raw: number): number | null {
  const size = Math.abs(raw);
  const degrees = size >= 1000 ? raw / 1000 : size > 200 ? raw / 10 : raw;
  return degrees > 0 && degrees < 150 ? degrees : null; // dead sensors say 0 or -274
}
