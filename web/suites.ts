import type { StoredSetting } from '../src/core/setting.ts';
import type { Prompt, Suite } from '../src/core/suite.ts';
import { block, type Child, fill, h } from './dom.ts';
import { link } from './links.ts';
import { duration, plural } from './numbers.ts';
import { toPage } from './state.ts';

/** What is asked of a device: every suite with its prompts, word for word. */
export function drawSuites(place: HTMLElement, suites: readonly Suite[], settings: readonly StoredSetting[]): void {
  fill(
    place,
    h('h2', {}, 'Suites and prompts'),
    h(
      'p',
      { class: 'note' },
      'A suite is what one run asks of a device. Its version is raised when anything in it changes, so that only like is held against like.',
    ),
    suites.map((suite) => {
      const runs = settings.filter((setting) => setting.suite === suite.name).reduce((sum, { metrics }) => sum + (metrics.decode_rate?.runs ?? 0), 0);
      return h(
        'section',
        { class: 'panel suite', 'aria-label': `Suite ${suite.name}` },
        h(
          'div',
          { class: 'panel-head' },
          h('h3', {}, `${suite.name} ${suite.version}`),
          runs > 0 && link({ ...toPage('overview'), suite: suite.name }, plural(runs, 'run')),
        ),
        h('p', {}, suite.title),
        h('p', { class: 'note' }, facts(suite)),
        suite.prompts.map((one) => prompt(suite.name, one)),
      );
    }),
  );
}

function facts({ model, warmup, repetitions, launches, cooldown, seed, duration: seconds, energy, gate }: Suite): string {
  return [
    `model ${model}`,
    `${plural(warmup, 'warm-up')} and ${plural(repetitions, 'repetition')} a prompt`,
    plural(launches, 'launch').replace(/launchs$/, 'launches'),
    cooldown > 0 && `${duration(cooldown)} between prompts`,
    seconds !== undefined && `each prompt for ${duration(seconds)}`,
    energy && `energy: ${duration(energy.idle)} of idling before and after, ${plural(energy.repetitions, 'sampled request')} a prompt`,
    gate && `waits up to ${duration(gate.wait)} for a quiet device${gate.temperature === undefined ? '' : ` below ${gate.temperature} °C`}`,
    `seed ${seed}`,
  ]
    .filter(Boolean)
    .join(' · ');
}

function prompt(suite: string, { id, text, messages, random_tokens, max_tokens }: Prompt): Child {
  return h(
    'details',
    {},
    h(
      'summary',
      {},
      `${id}: ${random_tokens === undefined ? 'text' : plural(random_tokens, 'random token')}, up to ${plural(max_tokens, 'token')} generated`,
    ),
    text !== undefined && block(text, `Prompt ${id} of ${suite}`),
    messages?.map(({ role, content }, i) => [h('p', { class: 'note' }, role), block(content, `Message ${i + 1} of ${id} of ${suite}, ${role}`)]),
    random_tokens !== undefined &&
      h('p', { class: 'note' }, `${plural(random_tokens, 'token')} drawn from the seed, as llama-bench's pp${random_tokens}.`),
  );
}
