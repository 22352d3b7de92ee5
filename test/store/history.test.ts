import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStore } from '../../src/store/store.ts';
import { databasePath } from '../support/database.ts';
import { storeRuns } from '../support/history.ts';
import { FACTS, newComparison } from '../support/runs.ts';

test('a run tells its environment and code; one without facts or code tells none', (t) => {
  const store = openStore(databasePath(t));
  const [known = ''] = storeRuns(store, [20]);
  const [bare = ''] = storeRuns(store, [20], { id: 'bare', facts: null, cpus: '0-1', started: 1 });
  const build = { sha256: 'a'.repeat(64), compiler: 'gcc 12.2.0', flags: '-O3', target: 'x86_64-linux' as const, toolchain: 'gcc-12' };
  assert.equal(store.history({ id: known })[0]?.code, null);
  store.saveBuild({ ...build, id: 'i', path: 'trit', bytes: 1, code: 'c1' });
  const [run] = store.history({ id: known });
  assert.deepEqual([run?.code, run?.facts, run?.epoch?.length, run?.suiteVersion, run?.launch, run?.rerunOf], ['c1', FACTS, 16, 1, false, []]);
  assert.deepEqual(
    [store.history({ id: bare })[0]?.facts, store.history({ id: bare })[0]?.epoch, store.history({ id: bare })[0]?.cpus],
    [null, null, '0-1'],
  );
  const commitAfter = (commit?: string) => {
    store.saveBuild({ ...build, id: 'i', path: 'trit', bytes: 1, code: 'c1', ...(commit === undefined ? {} : { commit }) });
    return [store.history({ id: known })[0]?.commit, store.run(known)?.commit];
  };
  assert.deepEqual(commitAfter(), [null, null]);
  assert.deepEqual(commitAfter('0123456789ab+'), ['0123456789ab+', '0123456789ab+']);
  assert.deepEqual(commitAfter('cccccccccccc'), ['cccccccccccc', 'cccccccccccc'], 'one without changes takes its place');
  assert.deepEqual(commitAfter('dddddddddddd'), ['cccccccccccc', 'cccccccccccc'], 'of several that give one binary the first stays');
  assert.deepEqual(commitAfter(), ['cccccccccccc', 'cccccccccccc']);
  store.addRerun(known, 'decode_rate');
  store.addRerun(known, 'decode_rate');
  store.createComparison(newComparison({ id: 'c', started: 1, baseline: { ...build, code: 'c1' }, candidate: { ...build, code: 'c1' } }));
  store.addLaunch('c', 1, 'baseline', known);
  assert.deepEqual([store.history({ id: known })[0]?.rerunOf, store.history({ id: known })[0]?.launch], [['decode_rate'], true]);
  assert.deepEqual(
    store.history({ limit: 1 }).map(({ id }) => id),
    [bare],
  );
  store.close();
});

test('a baseline is set, replaced and forgotten; its runs stay', (t) => {
  const store = openStore(databasePath(t));
  const [a = '', b = '', c = ''] = storeRuns(store, [20, 21, 22]);
  assert.equal(store.setBaseline('main', [b, a, a]), false);
  assert.deepEqual(
    store.baselines().map(({ name, runs }) => [name, runs.map(({ id }) => id)]),
    [['main', [a, b]]],
  );
  assert.equal(store.setBaseline('main', [c]), true);
  assert.equal(store.setBaseline('alpha', [a]), false);
  assert.deepEqual(
    store.baselines().map(({ name, runs }) => [name, runs.length]),
    [
      ['alpha', 1],
      ['main', 1],
    ],
  );
  assert.throws(() => store.setBaseline('main', ['nobody']), /SQLITE_CONSTRAINT/);
  assert.deepEqual(store.baselines()[1]?.runs[0]?.id, c, 'a wrong one leaves the old one as it was');
  assert.deepEqual([store.removeBaseline('main'), store.removeBaseline('main'), store.runs().length], [true, false, 3]);
  store.close();
});
