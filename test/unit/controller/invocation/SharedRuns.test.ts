import assert from 'node:assert/strict';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { interrupted } from '../../../../controller/invocation/AcceptedRuns.js';
import { SharedRuns } from '../../../../controller/invocation/SharedRuns.js';
import { StandIns, type StandInsParts } from '../../../../controller/invocation/StandIns.js';
import type { ActivationRecord } from '../../../../shared/entities/activation.js';
import { silentLogger, type LogFields } from '../../../../shared/logging/Logger.js';
import type { AcceptedMessage } from '../../../../shared/messages/accepted.js';
import { BusUnavailableError } from '../../../../shared/messaging/Messaging.js';
import { eventually } from '../../../e2e/eventually.js';
import { FakeTopic, fakeTopicName } from './fakeTopic.js';

function record(activationId: string, fields: Partial<ActivationRecord> = {}): ActivationRecord {
  return {
    activationId,
    namespace: 'guest',
    name: 'both',
    version: '0.0.1',
    subject: 'guest',
    publish: false,
    start: 1000,
    end: 1000,
    duration: 0,
    response: interrupted(),
    logs: [],
    annotations: [],
    ...fields,
  };
}
const ENDED = { end: 5000, duration: 4000 };

/** A store in which the first record of an id stays. */
class Records {
  readonly stored = new Map<string, ActivationRecord>();
  /** Records wait for this. */
  open: Promise<void> = Promise.resolve();

  async store(one: ActivationRecord): Promise<void> {
    await this.open;
    if (!this.stored.has(one.activationId)) this.stored.set(one.activationId, one);
  }
}

describe('work that a controller shares over the bus', () => {
  let bus: FakeTopic<AcceptedMessage>;
  let records: Records;
  beforeEach(() => {
    bus = new FakeTopic();
    records = new Records();
  });
  const parts = () => ({ messaging: bus, activations: records, log: silentLogger, now: () => 5000 });
  const start = (): Promise<SharedRuns> => SharedRuns.start({ ...parts(), topic: fakeTopicName() });
  const quiet = async (): Promise<void> => {
    for (let i = 0; i < 5; i += 1) await turn();
  };

  it('is recorded by the same controller after its restart, unless it had ended', async () => {
    const first = await start();
    await Promise.all(['a', 'b', 'c'].map((id) => first.accepted(record(id))));
    await records.store(record('a', { logs: ['of its own'] }));
    first.ended('a');
    await records.store(record('c', { logs: ['stored, and not said so'] }));
    bus.kill(0);
    await start();
    await eventually(async () => assert.equal(records.stored.size, 3));
    assert.deepEqual(records.stored.get('a')?.logs, ['of its own']);
    assert.deepEqual(records.stored.get('b'), record('b', ENDED));
    assert.deepEqual(records.stored.get('c')?.logs, ['stored, and not said so']);
    await eventually(async () => assert.equal(bus.place, 3));
  });

  it('keeps its place on the bus until it has ended, and goes past it then', async () => {
    const runs = await start();
    await Promise.all(['a', 'b'].map((id) => runs.accepted(record(id))));
    runs.ended('b');
    await quiet();
    assert.equal(bus.place, 0);
    runs.ended('a');
    await eventually(async () => assert.equal(bus.place, 2));
    assert.equal(records.stored.size, 0);
  });

  it('may have its record sent as soon as it is answered, which its successor stores as it is', async () => {
    const own = record('a', { response: { statusCode: 0, result: { done: true } } });
    await (await start()).answered(own);
    bus.kill(0);
    await start();
    await eventually(async () => assert.deepEqual(records.stored.get('a'), own));
  });

  it('is sent once if the wait of its caller ends while its result is on the way', async () => {
    const runs = await start();
    await Promise.all([runs.answered(record('a')), runs.accepted(record('a'))]);
    runs.ended('a');
    await eventually(async () => assert.equal(bus.place, 1));
    assert.equal(bus.log.length, 1);
  });

  it('does not begin if the bus does not take it, and holds up nothing then', async () => {
    const runs = await start();
    bus.refuses = new BusUnavailableError('away');
    await assert.rejects(runs.accepted(record('a')), BusUnavailableError);
    bus.refuses = undefined;
    await runs.accepted(record('b'));
    runs.ended('b');
    await eventually(async () => assert.equal(bus.place, 1));
  });

  it('is recorded as interrupted by a controller that stops before its end', async () => {
    const runs = await start();
    await runs.accepted(record('a'));
    await runs.close();
    assert.deepEqual(records.stored.get('a'), record('a', ENDED));
    assert.equal(bus.place, 1);
  });

  describe('of a controller that has fallen silent', () => {
    let left: SharedRuns;
    beforeEach(async () => {
      left = await start();
      await Promise.all(['a', 'b'].map((id) => left.accepted(record(id))));
    });
    const standIns = (self: string, more: Partial<StandInsParts> = {}): StandIns =>
      new StandIns({ ...parts(), topic: () => fakeTopicName(), self, afterMs: 5, ...more });

    it('is recorded by the first of the others', async () => {
      bus.kill(0);
      const other = standIns('1');
      other.changed(['1', '2'], ['0']);
      await eventually(async () => assert.deepEqual([...records.stored.keys()], ['a', 'b']));
      assert.deepEqual(records.stored.get('a'), record('a', ENDED));
      await other.close();
    });

    it('is left to the first of the others, and the second records it if the first dies, too', async () => {
      bus.kill(0);
      const second = standIns('2');
      second.changed(['1', '2'], ['0']);
      await sleep(30);
      assert.equal(records.stored.size, 0);
      second.changed(['2'], ['1']);
      await eventually(async () => assert.equal(records.stored.size, 2));
      await second.close();
    });

    it('is not awaited without end from a bus that delivers nothing: the wait is repeated, and said each time', async () => {
      const warnings: unknown[] = [];
      const log = { ...silentLogger, warn: (message: string, fields?: LogFields) => warnings.push(message, fields) };
      // The silent controller is only frozen: it still has its place in the group.
      const other = standIns('1', { log, deliveryMs: 10 });
      other.changed(['1'], ['0']);
      await eventually(async () => assert.ok(warnings.length >= 4));
      assert.equal(warnings[0], 'cannot stand in for controller0 yet');
      assert.match(inspect(warnings[1]), /the bus did not deliver topic accepted0 within 0\.01 s/);
      assert.equal(records.stored.size, 0);
      bus.kill(0);
      await eventually(async () => assert.deepEqual([...records.stored.keys()], ['a', 'b']));
      await eventually(async () => assert.match(String(warnings.at(-2)), /^controller0 is gone: recorded/));
      await other.close();
    });

    it('stays its own if it comes back in time', async () => {
      const other = standIns('1');
      other.changed(['1'], ['0']);
      other.changed(['0', '1'], []);
      await sleep(30);
      await quiet();
      assert.deepEqual([bus.log.length, records.stored.size], [2, 0]);
      await other.close();
    });

    it('is its own as far as it is accepted after the other has begun', async () => {
      bus.kill(0);
      let open = (): void => undefined;
      records.open = new Promise((resolve) => (open = resolve));
      const other = standIns('1');
      other.changed(['1'], ['0']);
      await eventually(async () => assert.equal(bus.log.at(-1)?.kind, 'mark'));
      const back = await start();
      await back.accepted(record('c'));
      open();
      await eventually(async () => assert.deepEqual([...records.stored.keys()], ['a', 'b']));
      await eventually(async () => assert.ok(bus.place >= 3, String(bus.place)));
      await quiet();
      assert.equal(records.stored.has('c'), false);
      const end = bus.log.length;
      assert.ok(bus.place < end, 'it is held by the controller that is back');
      back.ended('c');
      await eventually(async () => assert.equal(bus.place, bus.log.length));
      await other.close();
    });
  });
});
