import imported from 'junit-report-builder';
import type { CheckRow } from '../core/check.ts';
import { quantity } from '../core/format.ts';
import { metric } from '../core/metric.ts';
import { plain } from '../core/plain.ts';
import type { CheckHead } from './check.ts';

/** The package's types speak of a default export, and Node gives what it exports. */
const builder = imported as unknown as (typeof imported)['default'];

/**
 * JUnit XML: a test case a row, named by its conditions; a regression fails, what is not settled is skipped, a device that could not be
 * measured is an error. Where nothing could be judged one more case fails, so that an empty check is no pass.
 */
export function junit(rows: readonly CheckRow[], head: CheckHead): string {
  const report = builder.newBuilder();
  const suite = report.testSuite().name(plain(`fleet check against ${head.baseline}`));
  for (const row of rows) {
    const { device, model, threads, build, outcome } = row;
    const test = suite
      .testCase()
      .className(plain(`${device}.${model}`))
      .name(plain(`${metric(row.metric).title}, ${threads} threads, ${build}, suite ${row.suite}`));
    const told = plain(`${numbers(row)}${row.note ? `; ${row.note}` : ''}`);
    if (outcome === 'regression') test.failure(`${told}; allowed: ${(100 * head.most).toFixed(1)} %`, 'regression');
    else if (outcome === 'unknown') test.skipped().standardOutput(told);
    else test.standardOutput(told);
  }
  const { errors = [] } = head;
  for (const { device, message } of errors) suite.testCase().className(plain(device)).name('it was measured').error(plain(message), 'error');
  if (!head.passed && errors.length === 0 && !rows.some(({ outcome }) => outcome === 'regression'))
    suite.testCase().className('fleet').name('something was judged').failure('too little could be judged: see the skipped cases', 'unknown');
  return report.build();
}

function numbers({ baseline, current, change, unit, outcome }: CheckRow): string {
  if (baseline === null || current === null || change === null) return outcome;
  return `${outcome}: ${quantity(baseline, unit)} to ${quantity(current, unit)}, ${(100 * change).toFixed(2)} %`;
}
