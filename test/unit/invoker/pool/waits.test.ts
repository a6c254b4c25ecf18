import assert from 'node:assert/strict';
import { lateCheck, type LateParts } from '../../../../invoker/pool/lateJobs.js';
import { StoreWaits, type StoreWaitLimits } from '../../../../invoker/pool/StoreWaits.js';
import { LargeCode } from '../../../../shared/entities/LargeCode.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import type { Handled } from '../../../../shared/messaging/Messaging.js';
import { StoreUnavailableError } from '../../../../shared/store/ArtifactStore.js';
import { fallbackRecord } from '../../../../invoker/activations/record.js';
import { whiskError } from '../../../../invoker/activations/response.js';
import { until } from '../../../suites/messaging.js';
import { executable, Gate, message, PoolFixture, settle } from './setup.js';

const RECORD = fallbackRecord(message(), whiskError('not in time'), 0, 'invoker0');

describe('the waits of activations in the pool', () => {
  describe('the wait for memory for large code', () => {
    const LARGE = 64 * 1024 * 1024;

    /** Two activations with large code of one namespace: the second waits for the memory of the first. */
    function two(limits: Partial<StoreWaitLimits>) {
      const waits = new StoreWaits({ limitMs: 60_000, leastMs: 0, mostMs: 60_000, pauseMs: [1, 1], ...limits });
      const f = new PoolFixture({}, [], { waits });
      const first = new Gate();
      const waited: number[] = [];
      const code = (read: () => Promise<Uint8Array>): LargeCode =>
        new LargeCode(LARGE, (waitedMs) => {
          waited.push(waitedMs);
          return read();
        });
      const submit = (name: string, read: () => Promise<Uint8Array>): Promise<Handled> =>
        f.pool.submit(message(), { ...executable({ name }), code: code(read) }, 100);
      const holds = submit('first', () => first.pass().then(() => Buffer.from('code')));
      const second = submit('second', () => Promise.resolve(Buffer.from('code')));
      return { f, waits, first, waited, holds, second };
    }

    it('counts among the waits of an activation', async () => {
      const { f, first, waited, holds, second } = two({});
      await until(() => f.driver.containers.length === 2);
      await new Promise((resolve) => setTimeout(resolve, 5));
      first.open();
      await Promise.all([holds, second]);
      assert.equal(waited[0] !== undefined && waited[0] < 60_000, true);
      assert.ok((waited[1] ?? 0) >= 104, `${waited[1]} ms`);
      assert.deepEqual(
        f.heard.records.map(({ response }) => response.statusCode),
        [0, 0],
      );
    });

    it('ends at the limit of these waits', async () => {
      const { f, first, waited, holds, second } = two({ limitMs: 110 });
      await second;
      assert.deepEqual(f.heard.records[0]?.response, {
        statusCode: 3,
        result: { error: 'Action could not be fetched.' },
      });
      assert.equal(waited.length, 1, 'the code of the second is not read');
      first.open();
      await holds;
    });

    it('ends when the invoker stops, and leaves the activation to the next run', async () => {
      const { f, waits, first, holds, second } = two({});
      await until(() => f.driver.containers.length === 2);
      await settle();
      waits.stop();
      assert.equal(await second, 'left');
      first.open();
      await holds;
    });
  });

  describe('an activation that waited for long', () => {
    function setup(read: LateParts['read']) {
      const waits = new StoreWaits({ limitMs: 20, leastMs: 0, mostMs: 20, pauseMs: [1, 1] });
      const asked: string[] = [];
      const f: PoolFixture = new PoolFixture({ userMemoryMB: 256 }, [], {
        waits,
        late: lateCheck({
          read: (namespace, activationId) => {
            asked.push(activationId);
            return read(namespace, activationId);
          },
          waits,
          now: () => f.now,
          log: silentLogger,
        }),
      });
      /** Runs one whose container takes so long to be created. */
      const run = async (ms: number): Promise<Handled> => {
        const created = new Gate();
        f.driver.creating = () => created.pass();
        const handled = f.run();
        await settle();
        f.now = 1000 + ms;
        created.open();
        return handled;
      };
      const runs = (): number => f.driver.containers.flatMap(({ posts }) => posts).length;
      return { f, waits, asked, run, runs };
    }

    it('does not run if its controller has recorded it as failed, and is acknowledged', async () => {
      const { f, run, runs } = setup(async () => RECORD);
      await run(120_000);
      assert.equal(runs(), 0);
      assert.deepEqual([f.heard.records.length, f.heard.acks.length], [0, 1]);
      await settle();
      assert.equal(f.pool.counts().usedMB, 0);
    });

    it('runs if it has no record, and if no controller can have given it up', async () => {
      const late = setup(async () => undefined);
      await late.run(120_000);
      assert.deepEqual([late.asked.length, late.runs()], [1, 2]);
      const early = setup(async () => RECORD);
      await early.run(119_999);
      assert.deepEqual([early.asked.length, early.runs()], [0, 2]);
      assert.deepEqual(early.f.heard.records[0]?.response.statusCode, 0);
    });

    it('runs if it is a health test, whose transaction began with its controller', async () => {
      const { f, asked, runs } = setup(async () => RECORD);
      f.now = 1_000_000;
      await f.run({}, { transid: { id: 'sid_invokerHealth', start: 1000 } });
      assert.deepEqual([asked.length, runs()], [0, 2]);
    });

    it('does not run in a warm container either', async () => {
      const { f, run, runs } = setup(async () => RECORD);
      await run(0);
      const [before, acks] = [runs(), f.heard.acks.length];
      f.now = 1000 + 120_000;
      await f.run();
      assert.deepEqual([runs(), f.heard.records.length, f.heard.acks.length], [before, 1, acks + 1]);
      f.now = 2000;
      await f.run();
      assert.equal(runs(), before + 1, 'the container takes the next one');
    });

    it('fails if the store does not say whether it has a record, and is left if the invoker stops', async () => {
      const away = setup(() => Promise.reject(new StoreUnavailableError('away')));
      await away.run(120_000);
      assert.equal(away.runs(), 0);
      assert.match(JSON.stringify(away.f.heard.records[0]?.response), /waited for too long/);
      const stopping = setup(() => new Promise(() => {}));
      const handled = stopping.run(120_000);
      await until(() => stopping.asked.length === 1);
      stopping.waits.stop();
      assert.equal(await handled, 'left');
    });
  });
});
