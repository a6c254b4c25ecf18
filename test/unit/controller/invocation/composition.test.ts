import assert from 'node:assert/strict';
import { valueOf, type Json, type JsonObject } from '../../../../shared/entities/keyvalue.js';
import { newTransactionId } from '../../../../shared/entities/transaction.js';
import { action, sequence, sourceOf } from './entities.js';
import { collectGarbage, crashed, Runs, unheard, type Behaviour } from './runs.js';

const conductor = (id: string) => action(id, { annotations: [{ key: 'conductor', value: true }] });
const source = () =>
  sourceOf(
    conductor('ns/main'),
    conductor('ns/inner'),
    action('ns/inc', { limits: { timeout: 1000, memory: 512, logs: 1, concurrency: 1 } }),
    action('ns/fail'),
    action('ns/crash'),
    action('ns/silent'),
    sequence('ns/seq', ['/ns/inc', '/ns/inc']),
  );

const components: Record<string, Behaviour> = {
  'ns/inc': (args) => ({ n: Number((args as JsonObject)['n'] ?? 0) + 1 }),
  'ns/fail': () => ({ error: 'stop' }),
  'ns/crash': () => crashed,
  'ns/silent': () => unheard,
  'ns/inner': (args) => {
    const { $inner, ...params } = args as JsonObject;
    return $inner ? { params } : { action: 'inc', params, state: { $inner: true } };
  },
};

/** Runs the conductor `ns/main` made of these steps: each gets what the last component gave, and names the next one. */
function runs(steps: ((params: JsonObject) => Json)[], maxSteps?: number) {
  const main: Behaviour = (args) => {
    const { $step = 0, ...params } = args as JsonObject;
    const step = steps[Number($step)]?.(params) ?? { params };
    return { state: { $step: Number($step) + 1 }, ...(step as JsonObject) };
  };
  return new Runs(source(), { ...components, 'ns/main': main }, { maxSteps });
}

const then = (name: Json) => (params: JsonObject) => ({ action: name, params });

describe('a composition', () => {
  it("runs the components that its conductor names, and returns the conductor's last result", async () => {
    const it = runs([then('inc'), then('/ns/inc'), then('/_/seq')]);
    const record = await it.run('ns/main', { n: 1 });
    assert.deepEqual(record.response, { statusCode: 0, result: { n: 5 } });
  });

  it('has a record with all that ran', async () => {
    const it = runs([then('inc')]);
    const record = await it.run('ns/main', { n: 1 });
    assert.deepEqual([record.logs.length, record.duration, record.cause], [3, 30, undefined]);
    const annotations = new Map(record.annotations.map(({ key, value }) => [key, value]));
    annotations.delete('waitTime');
    assert.deepEqual(Object.fromEntries(annotations), {
      topmost: true,
      path: 'ns/main',
      kind: 'sequence',
      conductor: true,
      limits: { timeout: 60000, memory: 512, logs: 10, concurrency: 1 },
    });
    assert.deepEqual(it.stored, [record]);
    assert.deepEqual(it.events, [{ record, userId: 'uuid-of-ns' }]);
    assert.deepEqual(
      it.requests.map(({ cause }) => cause),
      Array(3).fill(record.activationId),
    );
  });

  it('keeps the state for the conductor, over the component’s result', async () => {
    const it = runs([(params) => ({ action: 'inc', params, state: { $step: 1, n: 'kept' } })]);
    const record = await it.run('ns/main', { n: 1 });
    assert.deepEqual(record.response.result, { n: 'kept' });
  });

  it('keeps transactions as shallow as they are at first', async () => {
    const it = runs([then('inc'), then('inc'), then('inc')]);
    const transid = newTransactionId();
    await it.run('ns/main', {}, { transid });
    const conducted = it.requests.filter((request) => request.target.action.name === 'main');
    const component = it.requests.filter((request) => request.target.action.name === 'inc');
    for (const request of conducted) assert.deepEqual(request.transid.parent, transid);
    for (const request of component) assert.deepEqual(request.transid.parent?.parent, transid);
  });

  it('hands a component’s error to the conductor', async () => {
    const it = runs([then('fail'), (params) => ({ params: { seen: params['error'] ?? null } })]);
    assert.deepEqual((await it.run('ns/main', {})).response, { statusCode: 0, result: { seen: 'stop' } });
  });

  it('hands a component’s crash to the conductor', async () => {
    const it = runs([then('crash'), (params) => ({ params: { seen: params['error'] ?? null } })]);
    const record = await it.run('ns/main', {});
    assert.match(JSON.stringify(record.response.result), /seen.*exited unexpectedly/);
    assert.equal(record.logs.length, 3);
  });

  it('hands to the conductor that a component does not exist, is forbidden or has no name', async () => {
    const seen = async (name: Json, forbidden?: string) => {
      const it = runs([then(name), (params) => ({ params: { seen: params['error'] ?? null } })]);
      if (forbidden) it.forbidden.add(forbidden);
      return ((await it.run('ns/main', {})).response.result as JsonObject)['seen'];
    };
    assert.equal(await seen('gone'), "Failed to resolve action with name 'ns/gone' during composition.");
    assert.equal(await seen('pkg/gone'), "Failed to resolve action with name 'ns/pkg/gone' during composition.");
    const forbidden = "Failed entitlement check for action with name 'other/x' during composition.";
    assert.equal(await seen('/other/x', 'other/x'), forbidden);
    assert.equal(await seen('/x'), 'Failed to parse action name from json value "/x" during composition.');
    assert.equal(await seen(7), 'Failed to parse action name from json value 7 during composition.');
  });

  it('ends with a conductor’s own error', async () => {
    const it = new Runs(source(), { 'ns/main': () => ({ error: 'mine' }) });
    assert.deepEqual((await it.run('ns/main', {})).response, { statusCode: 1, result: { error: 'mine' } });
  });

  it('ends with a conductor’s crash, and has a proper record', async () => {
    const it = new Runs(source(), { 'ns/main': () => crashed });
    const record = await it.run('ns/main', {});
    assert.equal(record.response.statusCode, 2);
    assert.equal(record.logs.length, 1);
    assert.deepEqual(it.stored, [record]);
  });

  it('ends if a component does not answer in time, or cannot be invoked', async () => {
    const it = runs([then('silent')]);
    const record = await it.run('ns/main', {});
    const error = `Timeout reached when retrieving activation ${record.logs[1]} during composition.`;
    assert.deepEqual(record.response, { statusCode: 3, result: { error } });
    const broken = new Runs(source(), {});
    const failed = { statusCode: 3, result: { error: 'Activation failure during composition.' } };
    assert.deepEqual((await broken.run('ns/main', {})).response, failed);
  });

  it('takes 50 components, and tells the conductor if it wants more', async () => {
    const it = runs(
      Array.from({ length: 3 }, () => then('inc')),
      3,
    );
    assert.deepEqual((await it.run('ns/main', { n: 0 })).response, { statusCode: 0, result: { n: 3 } });
    const more = runs([...Array.from({ length: 4 }, () => then('inc')), (params) => ({ params })], 3);
    const expected = { error: 'Too many actions in the composition.' };
    assert.deepEqual((await more.run('ns/main', { n: 0 })).response.result, expected);
  });

  it('ends if its conductor never does', async () => {
    const it = new Runs(source(), { ...components, 'ns/main': () => ({ action: 'inc' }) }, { maxSteps: 3 });
    const record = await it.run('ns/main', {});
    const expected = { statusCode: 1, result: { error: 'Too many actions in the composition.' } };
    assert.deepEqual(record.response, expected);
    assert.equal(it.requests.filter((request) => request.target.action.name === 'main').length, 7);
    assert.equal(it.requests.filter((request) => request.target.action.name === 'inc').length, 3);
  });

  it('shares its limit with the compositions in it', async () => {
    const it = runs(
      Array.from({ length: 4 }, () => then('inner')),
      3,
    );
    await it.run('ns/main', {});
    const ran = (name: string) => it.requests.filter((request) => request.target.action.name === name).length;
    assert.deepEqual([ran('main') + ran('inner'), ran('inc')], [7, 2]);
  });

  it('may be a component itself, of a composition or a sequence', async () => {
    const it = runs([then('inner')]);
    const record = await it.run('ns/main', { n: 1 });
    assert.deepEqual((record.response.result as JsonObject)['n'], 2);
    const inner = it.stored[0];
    assert.equal(inner?.cause, record.activationId);
    assert.equal(record.logs[1], inner?.activationId);
    assert.equal(valueOf(inner?.annotations ?? [], 'causedBy'), 'sequence');
    const within = sourceOf(conductor('ns/inner'), action('ns/inc'), sequence('ns/seq', ['/ns/inner', '/ns/inc']));
    const sequenced = await new Runs(within, components).run('ns/seq', { n: 1 });
    assert.deepEqual([sequenced.response.result, sequenced.logs.length], [{ n: 3 }, 2]);
  });

  it('of 50 steps holds few results at a time', async () => {
    const live: WeakRef<object>[] = [];
    let most = 0;
    const blob = async (fields: JsonObject) => {
      const made = { ...fields, text: 'x'.repeat(1000) };
      live.push(new WeakRef(made));
      await new Promise((resolve) => setTimeout(resolve, 1));
      // Each collection takes its time: a few of them tell as much.
      if (live.length % 20 === 0) {
        collectGarbage();
        most = Math.max(most, live.filter((ref) => ref.deref()).length);
      }
      return made;
    };
    const it = new Runs(source(), {
      'ns/inc': () => blob({}),
      'ns/main': (args) => {
        const step = Number((args as JsonObject)['$step'] ?? 0);
        return blob(step < 50 ? { action: 'inc', params: {}, state: { $step: step + 1 } } : {});
      },
    });
    it.requests.push = () => 0;
    assert.equal((await it.run('ns/main', {})).logs.length, 101);
    assert.ok(most <= 6, `${most} results alive at once`);
  });

  it('gives its color to all that it runs', async () => {
    const colored = sourceOf(
      action('ns/main', {
        annotations: [
          { key: 'conductor', value: true },
          { key: 'color', value: '{$activation}' },
        ],
      }),
      action('ns/inc'),
    );
    const main: Behaviour = (args) =>
      (args as JsonObject)['$step'] ? { params: {} } : { action: 'inc', state: { $step: 1 } };
    const it = new Runs(colored, { ...components, 'ns/main': main });
    const record = await it.run('ns/main', {});
    assert.deepEqual(
      it.requests.map(({ color }) => color),
      [true, undefined, true].map((ownStep) => ({
        inherited: record.activationId,
        ...(ownStep ? { settled: true } : {}),
      })),
    );
  });
});
