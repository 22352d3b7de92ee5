import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EPOCH_CAUSES, epochChanges, epochKey, epochText } from '../../src/core/epoch.ts';
import type { Facts } from '../../src/core/facts.ts';
import { FACTS } from '../support/runs.ts';

const BUILD = { compiler: 'gcc 12.2.0', sha256: 'a'.repeat(64), code: 'c1' };

test('the text whose hash is stored never changes by itself: old databases keep their epochs', () => {
  assert.equal(
    epochText(FACTS),
    '{"board":null,"cores":[[0,null,2000000000]],"cpu":"Test CPU","distribution":"Debian 12","features":["avx2","fma"],"governor":"performance",' +
      '"kernel":"6.1.0","libc":"glibc 2.36","machine":"x86_64","os":"Linux","page_size":4096}',
  );
});

test('what changes speed starts an epoch and is named; what moves all the time does not', () => {
  const changes = (change: Partial<Facts>) => epochChanges({ facts: FACTS, build: BUILD }, { facts: { ...FACTS, ...change }, build: BUILD });
  assert.deepEqual(changes({ kernel: '6.6.1' }), [{ cause: 'kernel', from: '6.1.0', to: '6.6.1' }]);
  assert.deepEqual(changes({ governor: null }), [{ cause: 'governor', from: 'performance', to: null }]);
  assert.deepEqual(changes({ charger: 'unplugged' }), [{ cause: 'charger', from: null, to: 'unplugged' }]);
  assert.deepEqual(changes({ firmware: 'BIOS 1.2' }), [{ cause: 'firmware', from: null, to: 'BIOS 1.2' }]);
  assert.deepEqual(changes({ charger: null, firmware: null }), []);
  assert.equal(epochText({ ...FACTS, charger: null, firmware: null }), epochText(FACTS), 'what a device does not tell starts no epoch');
  assert.deepEqual(changes({ features: ['fma', 'avx2'] }), []);
  assert.deepEqual(changes({ load: 9, memory_available: 1, disk_free: 1, clock_offset: 5, node: 'v22', workdir: '/x' }), []);
  for (const change of [{ kernel: '6.6.1' }, { features: [] }, { charger: 'plugged' as const }, { firmware: 'BIOS 2' }])
    assert.notEqual(epochText({ ...FACTS, ...change }), epochText(FACTS));
});

test('a compiler and the code of trit start one too, unless a series goes across them', () => {
  const other = { compiler: 'gcc 13.1.0', sha256: 'b'.repeat(64), code: 'c2' };
  assert.deepEqual(
    epochChanges({ facts: FACTS, build: BUILD }, { facts: FACTS, build: other }).map(({ cause }) => cause),
    ['compiler', 'code'],
  );
  assert.deepEqual(
    epochChanges({ facts: FACTS, build: BUILD }, { facts: FACTS, build: other }, ['code']).map(({ cause }) => cause),
    ['compiler'],
  );
  assert.notEqual(epochKey('e', BUILD), epochKey('e', { ...BUILD, code: 'c2' }));
  assert.equal(epochKey('e', BUILD, ['code']), epochKey('e', { ...BUILD, code: 'c2', sha256: 'x' }, ['code']));
  assert.notEqual(epochKey('e', { ...BUILD, code: null }), epochKey('e', { ...BUILD, code: null, sha256: 'x' }), 'unknown code: the file counts');
  assert.notEqual(epochKey('e', BUILD, ['code']), epochKey('f', BUILD, ['code']), 'nothing goes across another environment');
  assert.ok(EPOCH_CAUSES.length > 10 && EPOCH_CAUSES.every(({ name, meaning }) => name && meaning));
});
