import type { Host } from '../../src/core/host.ts';
import type { SensorSettings } from '../../src/core/sensor_settings.ts';
import type { Source } from '../../src/core/source.ts';

/** Something else than power that can be read at any time; null where it says nothing now. */
export interface Gauge {
  /** "cpu-thermal", "arm": what its maker calls it. */
  readonly label: string;
  readonly kind: 'temperature' | 'frequency';
  /** Processors a frequency is of; absent: all. */
  readonly cpus?: readonly number[];
  /** degC or Hz. */
  read(): Promise<number | null>;
}

export interface Found {
  sources: Source[];
  gauges: Gauge[];
  /** Sentences: what is there but cannot be read, and what to do. What is absent is not told. */
  problems: string[];
}

/** One row of the table of sensors. */
export interface Sensor {
  readonly name: string;
  find(host: Host, settings: SensorSettings): Promise<Partial<Found>>;
}
