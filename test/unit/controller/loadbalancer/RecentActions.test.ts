import assert from 'node:assert/strict';
import { RecentActions } from '../../../../controller/loadbalancer/RecentActions.js';
import type { ResourceRequest } from '../../../../controller/loadbalancer/schedule.js';
import type { ActivationMessage } from '../../../../shared/messages/activation.js';
import { activationMessage } from './messages.js';

const resourcesOf = (over: Partial<ResourceRequest> = {}): ResourceRequest => ({
  key: 'guest/hello@0.0.1',
  concurrency: 1,
  memory: 128,
  durationMs: 40,
  ...over,
});

interface Load {
  readonly perSecond: number;
  readonly resources?: Partial<ResourceRequest>;
  readonly pool?: string;
}

/** So many invocations in each second, until the averages are these rates. */
function load(recent: RecentActions, ...loads: readonly Load[]): void {
  for (let second = 0; second < 100; second++) {
    for (const { perSecond, resources = {}, pool = 'managed' } of loads) {
      const message = activationMessage();
      for (let i = 0; i < perSecond; i++) recent.note(pool, message, resourcesOf(resources), second * 1000);
    }
    recent.tick();
  }
}

const wanted = (messages: readonly ActivationMessage[]): (number | undefined)[] => messages.map((one) => one.prepare);
const all = { memory: 100_000, shareOf: () => 1 };

describe('the containers to prepare for colors that move', () => {
  it('are as many as the work that moves needs, as in the example', () => {
    const recent = new RecentActions();
    load(recent, { perSecond: 200 });
    assert.deepEqual(wanted(recent.preparations({ memory: 1024, shareOf: () => 0.25 }, 1)), [4]);
    assert.deepEqual(wanted(recent.preparations({ memory: 1024, shareOf: () => 0.25 }, 2)), [6], 'two controllers');
  });

  it('are fewer for an action that runs several at once', () => {
    const recent = new RecentActions();
    load(recent, { perSecond: 200, resources: { concurrency: 8 } });
    assert.deepEqual(wanted(recent.preparations(all, 1)), [2]);
  });

  it('are one at least, even before a second has passed', () => {
    const recent = new RecentActions();
    recent.note('managed', activationMessage(), resourcesOf(), 0);
    assert.deepEqual(wanted(recent.preparations(all, 1)), [1]);
  });

  it('are one if the duration is unknown', () => {
    const recent = new RecentActions();
    load(recent, { perSecond: 2000, resources: { durationMs: undefined } });
    assert.deepEqual(wanted(recent.preparations(all, 1)), [1]);
  });

  it('fit the memory, and are at most 64, those with most work first', () => {
    const recent = new RecentActions();
    const short = { perSecond: 1000, resources: { key: 'guest/short@1', durationMs: 2 } };
    const long = { perSecond: 100, resources: { key: 'guest/long@1', durationMs: 100 } };
    load(recent, short, long);
    // ⌈10 + √10⌉ of the long one and ⌈2 + √2⌉ of the short one.
    assert.deepEqual(wanted(recent.preparations(all, 1)), [14, 4]);
    assert.deepEqual(wanted(recent.preparations({ memory: 15 * 128, shareOf: () => 1 }, 1)), [14, 1]);
    assert.deepEqual(wanted(recent.preparations({ memory: 14 * 128, shareOf: () => 1 }, 1)), [14]);
    load(recent, short, { perSecond: 1000, resources: { key: 'guest/much@1', durationMs: 1000 } });
    assert.deepEqual(wanted(recent.preparations(all, 1)), [64]);
  });

  it('are of no action whose colors do not move there', () => {
    const recent = new RecentActions();
    load(recent, { perSecond: 1, pool: 'tags:gpu' });
    assert.deepEqual(recent.preparations({ memory: 1024, shareOf: (pool) => (pool === 'managed' ? 1 : 0) }, 1), []);
    assert.equal(recent.preparations({ memory: 1024, shareOf: (pool) => (pool === 'tags:gpu' ? 1 : 0) }, 1).length, 1);
  });

  it('are forgotten about a minute after the last invocation', () => {
    const recent = new RecentActions();
    recent.note('managed', activationMessage(), resourcesOf(), 0);
    for (let second = 0; second < 55; second++) recent.tick();
    assert.equal(recent.preparations(all, 1).length, 1);
    for (let second = 0; second < 10; second++) recent.tick();
    assert.deepEqual(recent.preparations(all, 1), []);
  });

  it('are kept apart by the invoking namespace', () => {
    const recent = new RecentActions();
    const other = { ...activationMessage().user, namespace: { name: 'other', uuid: 'other' } };
    recent.note('managed', activationMessage(), resourcesOf(), 0);
    recent.note('managed', activationMessage({ user: other }), resourcesOf(), 0);
    const names = recent.preparations(all, 1).map(({ user }) => user.namespace.name);
    assert.deepEqual(names, ['guest', 'other']);
  });

  it('are of 256 actions at most, others once there is room', () => {
    const after = (others: number): RecentActions => {
      const recent = new RecentActions();
      for (let i = 0; i < others; i++) recent.note('managed', activationMessage(), resourcesOf({ key: `a${i}` }), 0);
      return recent;
    };
    const late = activationMessage({ action: { path: 'guest', name: 'late' } });
    const first = (recent: RecentActions): string | undefined => {
      for (let i = 0; i < 100; i++) recent.note('managed', late, resourcesOf({ key: 'late' }), 0);
      recent.tick();
      return recent.preparations(all, 1)[0]?.action.name;
    };
    assert.equal(first(after(255)), 'late');
    const full = after(256);
    assert.equal(first(full), 'hello', 'the late one has most work, and there is no room for it');
    for (let second = 0; second < 70; second++) full.tick();
    assert.equal(first(full), 'late');
  });

  it('get the parameters that become their environment, and no others', () => {
    const recent = new RecentActions();
    const message = activationMessage({
      content: { secret: 1, home: '/x', locked: 'abc', password: 'def' },
      initArgs: ['home', 'locked'],
      lockedArgs: { locked: 'aes-256', password: 'aes-256' },
      cause: 'c',
      blocking: true,
      color: { value: 'blue', hit: true },
    });
    recent.note('managed', message, resourcesOf(), 0);
    const [sent] = recent.preparations(all, 1);
    assert.ok(sent);
    const { transid, action, revision, user, rootControllerIndex, initArgs } = message;
    const { activationId, ...rest } = sent;
    assert.notEqual(activationId, message.activationId);
    assert.deepEqual(rest, {
      transid,
      action,
      revision,
      user,
      rootControllerIndex,
      initArgs,
      content: { home: '/x', locked: 'abc' },
      lockedArgs: { locked: 'aes-256' },
      blocking: false,
      prepare: 1,
    });
    const contentAt = (now: number, content: ActivationMessage['content']): unknown => {
      recent.note('managed', activationMessage({ content, initArgs: ['home'] }), resourcesOf(), now);
      return recent.preparations(all, 1)[0]?.content;
    };
    assert.deepEqual(contentAt(9999, { home: '/y' }), { home: '/x', locked: 'abc' });
    assert.deepEqual(contentAt(10_000, { home: '/y' }), { home: '/y' }, 'from a later invocation after ten seconds');
    assert.deepEqual(contentAt(19_999, { home: '/z' }), { home: '/y' });
    assert.deepEqual(contentAt(20_000, null), {});
    assert.equal(contentAt(30_000, { home: 'x'.repeat(20_000) }), undefined, 'no controller keeps that for long');
    assert.deepEqual(contentAt(40_000, ['home']), {});
  });
});
