import assert from 'node:assert/strict';
import { heard, members, NOTHING_HEARD, type Heard } from '../../../../controller/loadbalancer/cluster.js';

/** What controller 0 knows after heartbeats of these; a minus says that one leaves. */
const after = (beats: string): Heard =>
  beats
    .split(' ')
    .reduce<Heard>(
      (known, beat) => heard(known, { controller: beat.replace('-', ''), leaving: beat.startsWith('-') }, '0'),
      NOTHING_HEARD,
    );
const of = (beats: string): string[] => members(after(beats), '0', 3);

describe('the members of the cluster', () => {
  it('are the known ones, and this controller in any case', () => {
    assert.deepEqual(members(NOTHING_HEARD, '0', 3), ['0']);
    assert.deepEqual(of('1'), ['0', '1']);
    assert.deepEqual(of('0 10 9 b a'), ['0', '9', '10', 'a', 'b']);
    assert.deepEqual(of('b 10 a 2'), ['0', '2', '10', 'a', 'b'], 'numbers by value, then names');
  });

  it('lose a silent controller while own heartbeats arrive', () => {
    assert.deepEqual(of('1 0 0'), ['0', '1']);
    assert.deepEqual(of('1 0 0 0'), ['0']);
    assert.deepEqual(of('1 0 0 0 1'), ['0', '1']);
  });

  it('stay while the bus hands on nothing, and are not judged by the first heartbeat after that', () => {
    assert.deepEqual(of('0 1 0'), ['0', '1']);
  });

  it('lose one at once that says that it leaves', () => {
    assert.deepEqual(of('0 1 -1'), ['0']);
  });
});
