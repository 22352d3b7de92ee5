/**
 * A controller of its own process for the tests of the store: node --import tsx store-writer.ts FILE RUN RECORDS.
 * Appends records one by one, in batches and as large traces; says "ack N" on stdout once everything up to N was acknowledged, then "done".
 */
import { writeSync } from 'node:fs';
import { reason } from '../../src/core/errors.ts';
import { openStore } from '../../src/store/store.ts';
import { seeded } from './random.ts';
import { newRun, sample, tokenTimes } from './runs.ts';

/** Says it before anything else is done. A pipe to a reader that is slow, on a loaded machine, takes nothing for a while: then once more. */
function say(text: string): void {
  for (;;) {
    try {
      writeSync(1, text);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}

const [file = '', run = '', records = '0'] = process.argv.slice(2);
try {
  const store = openStore(file);
  try {
    store.createRun(newRun({ id: run, device: `device-of-${run}` }));
  } catch (error) {
    if (!store.run(run)) throw error; // another writer was first
  }
  const random = seeded(run.length);
  for (let seq = store.lastSeq(run) + 1; seq <= Number(records); ) {
    if (seq % 10 === 0) {
      const times = Array.from({ length: 2000 }, () => random());
      store.append(run, tokenTimes(seq, times));
      seq += 1;
    } else if (seq % 7 === 0) {
      store.appendMany(run, [sample(seq, 'decode_rate', seq), sample(seq + 1, 'decode_rate', seq + 1)]);
      seq += 2;
    } else {
      store.append(run, sample(seq, 'decode_rate', seq));
      seq += 1;
    }
    say(`ack ${seq - 1}\n`);
  }
  store.close();
  say('done\n');
} catch (error) {
  writeSync(2, `${reason(error)}\n`);
  process.exitCode = 1;
}
