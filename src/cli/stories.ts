import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { z } from 'zod';
import { ABSENT, number, quantity } from '../core/format.ts';
import { metric } from '../core/metric.ts';
import { predict } from '../core/predict.ts';
import { atEqualPower, StoryRow, type Told, toldBy } from '../core/story.ts';
import stories from '../data/stories.json' with { type: 'json' };
import { type Context, contextOf } from './context.ts';

/** `fleet stories`: what was told at the start, and what is measured here. */
export function storiesCommand(): Command {
  return new Command('stories')
    .description('what was told about ternary models, beside what was measured here, with the command to measure it again')
    .addHelpText(
      'after',
      '\nA row is open until a run of it beats what was told. (emulated) and (predicted) say what a figure is.\n\nExamples:\n  $ fleet stories\n  $ fleet stories --json',
    )
    .action(async (_options, command: Command) => {
      const context = contextOf(command);
      const { openStore } = await import('../store/store.ts');
      const rows = z.array(StoryRow).parse(stories);
      const store = existsSync(context.db) ? openStore(context.db, { readonly: true }) : null;
      const told: Line[] = [];
      for (const row of rows) {
        const runs = store?.runs({ model: [row.model, ...(row.over === undefined ? [] : [row.over])], suite: row.suite }) ?? [];
        told.push({ ...row, ours: toldBy(row, runs), predicted: await predicted(context, row), at_equal_power: atEqualPower(row, runs) });
      }
      store?.close();
      const { grid } = await import('./grid.ts');
      context.give(() => `${grid(['story', 'theirs', 'ours', 'on', '', 'again'], told.map(cells))}\n${told.flatMap(remarks).join('\n')}\n`, {
        stories: told,
      });
    });
}

type Line = StoryRow & { ours: Told | null; predicted: number | null; at_equal_power: ReturnType<typeof atEqualPower> };

function cells({ story, theirs, metric: name, over, ours, command }: Line): string[] {
  const show = (value: number) => (over === undefined ? quantity(value, metric(name).unit) : `${number(value)} times`);
  const measured = ours ? `${show(ours.value)}${ours.emulated ? ' (emulated)' : ''}` : ABSENT;
  return [story, theirs, measured, ours?.device ?? ABSENT, ours?.beaten ? `beaten ${number(ours.factor)} times` : 'open', command];
}

/** What stands below the table: predictions and notes. */
function remarks({ story, metric: name, ours, predicted: most, at_equal_power: share, profile, note }: Line): string[] {
  const guess = most === null || name !== 'decode_rate' ? [] : [`a ${profile} could do ${number(most)} tokens/s at most (predicted)`];
  if (share !== null && ours === null)
    guess.push(
      `a token would take ${number(100 * share.value)} % of the energy on ${share.device} if both drew the same power (predicted, from latencies)`,
    );
  const all = [...(note === undefined ? [] : [note]), ...guess];
  return all.length > 0 ? [`${story}: ${all.join('; ')}`] : [];
}

/** The most that a class of device can decode; null where the row names none. */
async function predicted(context: Context, row: StoryRow): Promise<number | null> {
  if (row.profile === undefined) return null;
  const { loadInventory } = await import('../fleet/inventory.ts');
  const { findModel } = await import('../fleet/model.ts');
  const { profilePace } = await import('../fleet/pace.ts');
  const { profiles } = await loadInventory(context.devices);
  const profile = profiles[row.profile];
  const { synth } = findModel(context.root, row.model);
  if (!profile || !synth) return null; // another folder of devices
  const { pace, work } = profilePace(row.profile, profile, synth, context.root);
  return predict(work, pace, 128).decode_rate;
}
