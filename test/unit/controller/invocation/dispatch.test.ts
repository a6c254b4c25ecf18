import assert from 'node:assert/strict';
import { valueOf } from '../../../../shared/entities/keyvalue.js';
import { action, sequence, sourceOf } from './entities.js';
import { BusUnavailableError } from '../../../../shared/messaging/Messaging.js';
import type { AcceptedWork } from '../../../../controller/invocation/Journal.js';
import { Runs } from './runs.js';

describe('a run that fails by an error of the controller\u2019s own', () => {
  const color = { key: 'color', value: '{' };
  const source = sourceOf(
    { ...sequence('ns/s', ['/ns/a']), annotations: [color] },
    action('ns/c', { annotations: [{ key: 'conductor', value: true }, color] }),
    action('ns/a'),
  );

  for (const [id, text] of [
    ['ns/s', 'Sequence failed.'],
    ['ns/c', 'Activation failure during composition.'],
  ] as const) {
    it(`is logged and leaves a record: ${id}`, async () => {
      const runs = new Runs(source, {});
      runs.noteMistake = () => {
        throw new Error('a fault of ours');
      };
      const outcome = await runs.start(id);
      await runs.journal.idle();
      const [record] = runs.stored;
      assert.ok(record && outcome.kind === 'accepted');
      assert.equal(record.activationId, outcome.activationId);
      assert.deepEqual(record.response, { statusCode: 3, result: { error: text } });
      assert.equal(valueOf(record.annotations, 'kind'), 'sequence');
      assert.equal(runs.errors.length, 1);
      assert.equal(runs.events.length, 1);
    });

    it(`resolves to the record if the caller waits: ${id}`, async () => {
      const runs = new Runs(source, {});
      runs.noteMistake = () => {
        throw new Error('a fault of ours');
      };
      assert.equal((await runs.run(id)).response.statusCode, 3);
    });
  }
});

describe('a run whose caller waits for less than it takes', () => {
  const source = sourceOf(sequence('ns/s', ['/ns/a']), action('ns/a'));
  /** Notes what it was told. */
  class Work implements AcceptedWork {
    readonly calls: string[] = [];
    readonly kept: () => Promise<void>;
    constructor(kept: () => Promise<void>) {
      this.kept = kept;
    }
    accepted(): Promise<void> {
      this.calls.push('accepted');
      return this.kept();
    }
    answered(): Promise<void> {
      this.calls.push('answered');
      return Promise.resolve();
    }
    ended(): void {
      this.calls.push('ended');
    }
  }

  it('is kept before the wait ends, then answered with its id, and goes on', async () => {
    const work = new Work(() => Promise.resolve());
    let end = (): void => {};
    const runs = new Runs(source, { 'ns/a': () => new Promise((resolve) => (end = () => resolve({}))) }, { work });
    const outcome = await runs.start('ns/s', undefined, { waitMs: 60 });
    assert.equal(outcome.kind, 'accepted');
    assert.deepEqual(work.calls, ['accepted']);
    end();
    await runs.journal.idle();
    assert.deepEqual(work.calls, ['accepted', 'answered', 'ended']);
    assert.equal(runs.stored.length, 1);
  });

  it('is answered with its record if it ends while it is being kept', async () => {
    let end = (): void => {};
    const work = new Work(() => {
      setImmediate(end);
      return new Promise(() => {});
    });
    const runs = new Runs(source, { 'ns/a': () => new Promise((resolve) => (end = () => resolve({}))) }, { work });
    const outcome = await runs.start('ns/s', undefined, { waitMs: 60 });
    assert.equal(outcome.kind, 'record');
  });

  it('is refused if it cannot be kept in time', async () => {
    const work = new Work(() => new Promise(() => {}));
    const runs = new Runs(source, { 'ns/a': () => new Promise(() => {}) }, { work, keepLateMs: 1 });
    await assert.rejects(runs.start('ns/s', undefined, { waitMs: 60 }), BusUnavailableError);
  });

  it('is refused if keeping it fails', async () => {
    const work = new Work(() => Promise.reject(new BusUnavailableError('away')));
    const runs = new Runs(source, { 'ns/a': () => new Promise(() => {}) }, { work });
    await assert.rejects(runs.start('ns/s', undefined, { waitMs: 60 }), BusUnavailableError);
  });
});
