import { type MetricName, metric } from '../src/core/metric.ts';
import { oneScope } from '../src/core/scope.ts';
import type { Standing, StoredQuality, StoredSetting } from '../src/core/setting.ts';

/** A setting where two metrics of it meet. */
export interface Point {
  setting: StoredSetting;
  x: Standing;
  y: Standing;
  size: Standing | null;
  /** No other point is at least as good in both and better in one. */
  best: boolean;
}

/** Points of one scope, those beaten by none marked. */
export function pointsOf(settings: readonly StoredSetting[], a: MetricName, b: MetricName, c: MetricName | '' = '') {
  const having = settings.flatMap((setting) => {
    const [x, y] = [setting.metrics[a], setting.metrics[b]];
    return setting.valid && x && y ? [{ setting, x, y, size: (c && setting.metrics[c]) || null }] : [];
  });
  const { kept, others, scope } = oneScope(having, ({ x, y }) => x.scope ?? y.scope ?? undefined);
  // From the best of x on: a point is beaten by none where its y is better than every one before it.
  const sorted = [...kept].sort((p, q) => ahead(p.x, q.x, a) || ahead(p.y, q.y, b));
  let top: Standing | null = null;
  const best = new Set<StoredSetting>();
  for (const { setting, y } of sorted) {
    if (top !== null && ahead(y, top, b) >= 0) continue;
    best.add(setting);
    top = y;
  }
  return { points: kept.map((point): Point => ({ ...point, best: best.has(point.setting) })), apart: others, scope };
}

/**
 * Settings with these metrics of their models beside their own. Only figures of one suite stand side by side: of a metric the one in which the
 * most models have it; `suites` tells them.
 */
export function withQuality(settings: readonly StoredSetting[], quality: readonly StoredQuality[], names: readonly (MetricName | '')[]) {
  const suites = new Map<MetricName, string>();
  let all = [...settings];
  for (const name of new Set(names)) {
    if (name === '' || !metric(name).ofModel) continue;
    const having = quality.filter(({ metrics }) => metrics[name]);
    const models = new Map<string, number>();
    for (const { suite } of having) models.set(suite, (models.get(suite) ?? 0) + 1);
    const [suite] = [...models].sort(([, m], [, n]) => n - m)[0] ?? [];
    if (suite === undefined) continue;
    suites.set(name, suite);
    const of = new Map(having.filter((one) => one.suite === suite).map(({ model, metrics }) => [model, metrics[name]]));
    all = all.map((setting) => ({ ...setting, metrics: { ...setting.metrics, [name]: of.get(setting.model) } }));
  }
  return { settings: all, suites };
}

/** Negative where the first is better. */
function ahead(one: Standing, other: Standing, name: MetricName): number {
  return metric(name).better === 'lower' ? one.value - other.value : other.value - one.value;
}
