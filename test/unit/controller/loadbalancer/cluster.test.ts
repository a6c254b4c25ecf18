import assert from 'node:assert/strict';
import { topics } from '../../../../shared/messaging/topics.js';
import { heard, members, NOTHING_HEARD, type Heard } from '../../../../controller/loadbalancer/cluster.js';
import { ClusterMembership } from '../../../../controller/loadbalancer/ClusterMembership.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { EmbeddedMessaging } from '../../../../shared/messaging/embedded/EmbeddedMessaging.js';

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
  it('are those that were heard of, and this controller in any case', () => {
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

describe('the membership of a controller', () => {
  it('is known to the others within a heartbeat, and ends with it', async () => {
    const messaging = new EmbeddedMessaging();
    const seen: string[][] = [];
    const join = (self: string) =>
      ClusterMembership.start({
        messaging,
        topic: topics().controllers,
        logger: silentLogger,
        self,
        options: { heartbeatMs: 10, missed: 5 },
        onChange: (controllers) => {
          if (self === '0') seen.push([...controllers]);
        },
      });
    const until = async (condition: () => boolean): Promise<void> => {
      for (let i = 0; i < 200 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
      assert.ok(condition());
    };
    const zero = await join('0');
    assert.deepEqual(zero.members, ['0']);
    assert.equal(zero.isLeader, true);
    const one = await join('1');
    await until(() => zero.members.length === 2 && one.members.length === 2);
    assert.equal(one.isLeader, false);
    await zero.close();
    await until(() => one.members.length === 1);
    assert.equal(one.isLeader, true);
    await one.close();
    assert.deepEqual(seen, [['0', '1']]);
  });
});
