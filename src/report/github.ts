import { number } from '../core/format.ts';
import type { Metric } from '../core/metric.ts';
import { plain, plainJson } from '../core/plain.ts';
import type { Material } from './material.ts';
import { newestOf } from './newest.ts';

/** What github-action-benchmark takes as `tool: customBiggerIsBetter` or customSmallerIsBetter: one file holds the metrics of one direction. */
export const github =
  (better: Metric['better']) =>
  ({ runs }: Material): string => {
    const rows = newestOf(runs).flatMap(({ run, name, figures }) =>
      figures
        .filter(({ metric }) => metric.better === better)
        .map(({ metric, summary, value }) => ({
          name: plain(`${name}: ${metric.title}`),
          unit: metric.unit,
          value,
          range: `${number(summary.min)} – ${number(summary.max)}`,
          extra: plain(`run ${run.id}\n${run.build.compiler} ${run.build.flags}\n${summary.n} values`).replaceAll('\\n', '\n'),
        })),
    );
    return `${plainJson(rows, 2)}\n`;
  };
