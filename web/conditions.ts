import { packing } from '../src/core/packing.ts';
import type { RunDetail } from '../src/core/store.ts';
import { type Child, h } from './dom.ts';
import { amount, dateAndTime } from './numbers.ts';

type Row = readonly [title: string, value: string | null | undefined];

/** Under what conditions the run was made: device, build, engine, plan. What is not known is left out. */
export function conditions(run: RunDetail): HTMLElement {
  const { facts, engine, build } = run;
  const model = record(engine?.model);
  return h(
    'section',
    { 'aria-labelledby': 'conditions-title' },
    h('h3', { id: 'conditions-title' }, 'Conditions'),
    h(
      'div',
      { class: 'conditions' },
      list('Device', [
        ['board', facts?.board],
        ['processor', facts?.cpu],
        ['cores', facts && `${facts.cores.length}${clocks(facts.cores)}`],
        ['memory', facts && `${amount(facts.memory, 'B')}, ${amount(facts.memory_available, 'B')} available, swap ${amount(facts.swap, 'B')}`],
        ['system', facts && [facts.distribution, `${facts.os} ${facts.kernel}`, facts.machine].filter(Boolean).join(', ')],
        ['libc', facts?.libc],
        ['governor', facts?.governor],
        ['features', facts?.features.join(' ')],
        ['emulated', run.emulated ? 'yes' : null],
        ['environment epoch', run.epoch],
      ]),
      list('Build', [
        ['toolchain', run.toolchain],
        ['compiler', build.compiler],
        ['flags', build.flags],
        ['target', build.target],
        ['SHA-256', build.sha256],
      ]),
      list('Engine', [
        ['version', text(engine?.version)],
        ['instruction set', text(engine?.isa)],
        ['layouts', packing(engine ?? {})],
        [
          'kernels',
          Object.entries(record(engine?.kernels))
            .map(([name, isa]) => `${name} ${text(isa)}`)
            .join(', '),
        ],
        ['cores used', text(engine?.cpus) || run.cpus],
        ['model file', text(model.file)],
        ['architecture', text(model.arch)],
        ['size', typeof model.bytes === 'number' ? amount(model.bytes, 'B') : null],
        ['layers x width', typeof model.layers === 'number' && typeof model.dim === 'number' ? `${model.layers} x ${model.dim}` : null],
      ]),
      list('Plan', [
        ['suite', `${run.suite} ${run.suiteVersion}`],
        ['model', run.model],
        ['threads', String(run.threads)],
        ['started', dateAndTime(run.started)],
        ['ended', run.ended === null ? null : dateAndTime(run.ended)],
        ['journal', run.journal],
        ['records', String(run.lastSeq)],
      ]),
    ),
  );
}

function list(title: string, rows: readonly Row[]): Child {
  const known = rows.filter(([, value]) => value !== null && value !== undefined && value !== '');
  if (known.length === 0) return null;
  return h(
    'div',
    { class: 'panel' },
    h('h4', {}, title),
    h(
      'dl',
      {},
      known.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
    ),
  );
}

function clocks(cores: readonly { max_hz: number | null }[]): string {
  const highest = cores.reduce((top, { max_hz }) => Math.max(top, max_hz ?? 0), 0);
  return highest > 0 ? `, up to ${amount(highest, 'Hz')}` : '';
}

/** The engine's own words are unknown to us in their types. */
function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
