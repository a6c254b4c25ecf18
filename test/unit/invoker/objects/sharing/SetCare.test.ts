import assert from 'node:assert/strict';
import { copiesOf } from '../../../../../invoker/objects/sharing/copies.js';
import { CopySets } from '../../../../../invoker/objects/sharing/CopySets.js';
import { PeerError, type PeerRequest } from '../../../../../invoker/objects/sharing/PeerClient.js';
import type { Asked } from '../../../../../invoker/objects/sharing/Ownership.js';
import { SetCare } from '../../../../../invoker/objects/sharing/SetCare.js';
import type { Location, Peer } from '../../../../../shared/objects/Locate.js';
import { A, newMemory, put } from '../memory/memories.js';

const HOME: Peer = { instance: 7, url: 'http://home' };
const MINUTE = 60_000;

describe('the care for sets of copies', () => {
  let time: number;
  let location: Location;
  let asked: { peer: Peer; request: PeerRequest }[];
  let idle: Asked[];
  let located: Asked[];
  let answer: () => Promise<unknown>;
  let memory: ReturnType<typeof newMemory>;
  let sets: CopySets;
  let care: SetCare;

  beforeEach(() => {
    [time, asked, idle, located] = [0, [], [], []];
    location = { kind: 'elsewhere', homes: [HOME] };
    answer = async () => ({ kept: false });
    memory = newMemory();
    sets = new CopySets(memory);
    care = new SetCare({
      sets,
      now: () => time,
      locate: async (color) => {
        located.push(color);
        return location;
      },
      idle: () => idle,
      peers: {
        ask: (peer, request) => {
          asked.push({ peer, request });
          return answer();
        },
      },
    });
  });

  function keep(color: string, policy?: string): void {
    sets.complete({ namespace: A, color, policy }, 5, {});
    put(memory, copiesOf(A), 'k', 'copy', 0, { persistence: 'replicated' }, color);
  }
  const copies = (): number => memory.colors().length;
  /** The first look only begins the time. */
  async function tendTwice(): Promise<void> {
    await care.tend();
    time += MINUTE;
    await care.tend();
  }

  it('asks the home of a color after a minute, by the policy of the color', async () => {
    keep('c', 'oldest');
    await care.tend();
    time += MINUTE - 1;
    await care.tend();
    assert.deepEqual(asked, []);
    time++;
    await care.tend();
    assert.deepEqual(
      asked.map(({ peer, request: { operation, path } }) => ({ peer, operation, path })),
      [{ peer: HOME, operation: 'keep', path: '/c?policy=oldest' }],
    );
  });

  it('removes the copies that the home does not need', async () => {
    keep('c');
    await tendTwice();
    assert.equal(copies(), 0);
  });

  for (const [why, reply] of [
    ['needs them', async () => ({ kept: true })],
    ['does not answer', () => Promise.reject(new PeerError('silent', 'silent'))],
  ] as const) {
    it(`leaves the copies, and asks again later, if the home ${why}`, async () => {
      keep('c');
      answer = reply;
      await tendTwice();
      time += MINUTE;
      await care.tend();
      assert.deepEqual([copies(), asked.length], [1, 2]);
    });
  }

  it('leaves the copies if the home is not known, or is here: this invoker has taken the color over then', async () => {
    for (const known of [
      { kind: 'unknown', reason: 'no controller' },
      { kind: 'here', others: [] },
    ] as const) {
      keep('c');
      location = known;
      await tendTwice();
      assert.deepEqual([copies(), asked], [1, []]);
    }
  });

  it('leaves copies that another owner has made since it asked', async () => {
    keep('c');
    answer = async () => {
      sets.complete({ namespace: A, color: 'c', policy: undefined }, 6, { from: 5 });
      return { kept: false };
    };
    await tendTwice();
    assert.equal(copies(), 1);
  });

  it('looks where the colors of this invoker are for which nobody asks', async () => {
    location = { kind: 'here', others: [] };
    idle = [{ namespace: A, color: 'c', policy: undefined }];
    await care.tend();
    assert.deepEqual([located, asked], [idle, []]);
  });

  it('tells the home of such a color, which takes it over', async () => {
    idle = [{ namespace: A, color: 'c', policy: undefined }];
    await care.tend();
    assert.deepEqual(
      asked.map(({ peer, request: { operation, path } }) => ({ peer, operation, path })),
      [{ peer: HOME, operation: 'keep', path: '/c' }],
    );
  });

  it('asks for fifty sets at a time, each in its turn', async () => {
    for (let i = 0; i < 60; i++) keep(`c${i}`);
    answer = async () => ({ kept: true });
    await tendTwice();
    assert.equal(asked.length, 50);
    await care.tend();
    assert.equal(new Set(asked.map(({ request: { path } }) => path)).size, 60);
  });
});
