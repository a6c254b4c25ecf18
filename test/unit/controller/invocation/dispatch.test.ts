import assert from 'node:assert/strict';
import { valueOf } from '../../../../shared/entities/keyvalue.js';
import { action, sequence, sourceOf } from './entities.js';
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
