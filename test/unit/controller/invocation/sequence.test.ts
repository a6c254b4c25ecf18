import assert from 'node:assert/strict';
import { valueOf } from '../../../../shared/entities/keyvalue.js';
import { newTransactionId } from '../../../../shared/entities/transaction.js';
import { action, pkg, sequence, sourceOf } from './entities.js';
import { collectGarbage, crashed, Runs, unheard, user, type Behaviour } from './runs.js';

const source = () =>
  sourceOf(
    action('ns/inc'),
    action('ns/big', { limits: { timeout: 1000, memory: 512, logs: 1, concurrency: 1 } }),
    action('ns/fail'),
    action('ns/crash'),
    action('ns/silent'),
    action('ns/list'),
    pkg('ns/pkg', [{ key: 'by', value: 10 }]),
    action('ns/pkg/add'),
    pkg('ns/bound', [{ key: 'by', value: 100 }], 'ns/pkg'),
    sequence('ns/two', ['/_/inc', '/ns/inc']),
    sequence('ns/packaged', ['/ns/pkg/add', '/ns/bound/add']),
    sequence('ns/outer', ['/ns/two', '/ns/big', '/ns/two']),
    sequence('ns/failing', ['/ns/inc', '/ns/fail', '/ns/inc']),
    sequence('ns/crashing', ['/ns/inc', '/ns/crash', '/ns/inc']),
    sequence('ns/outerCrash', ['/ns/crashing', '/ns/inc']),
    sequence('ns/waiting', ['/ns/silent', '/ns/inc']),
    sequence('ns/gone', ['/ns/inc', '/ns/missing', '/ns/inc']),
    sequence('ns/odd', ['/ns/pkg', '/ns/inc']),
    sequence('ns/listing', ['/ns/list', '/ns/list']),
  );

const n = (args: unknown): number => (args as { n?: number }).n ?? 0;
const behaviours: Record<string, Behaviour> = {
  'ns/inc': (args) => ({ n: n(args) + 1 }),
  'ns/big': (args) => ({ n: n(args) }),
  'ns/pkg/add': (args) => ({ n: n(args) + (args as { by: number }).by }),
  'ns/fail': () => ({ error: 'stop' }),
  'ns/crash': () => crashed,
  'ns/silent': () => unheard,
  'ns/list': (args) => (Array.isArray(args) ? [...args, 'more'] : ['first']),
};

const runs = (maxSteps?: number) => new Runs(source(), behaviours, { maxSteps });

describe('a sequence', () => {
  it('hands each result on, and gives the last one', async () => {
    const record = await runs().run('ns/two', { n: 3 });
    assert.deepEqual(record.response, { statusCode: 0, result: { n: 5 }, size: 7 });
  });

  it('has a record with its components, their time and their memory', async () => {
    const it = runs();
    const record = await it.run('ns/outer', { n: 0 });
    const [inner, big] = [it.stored[0], it.requests[2]];
    assert.equal(record.duration, 50);
    assert.equal(record.logs.length, 3);
    assert.equal(record.logs[0], inner?.activationId);
    assert.equal(big?.target.action.name, 'big');
    assert.equal(record.cause, undefined);
    const annotations = new Map(record.annotations.map(({ key, value }) => [key, value]));
    assert.equal(typeof annotations.get('waitTime'), 'number');
    annotations.delete('waitTime');
    assert.deepEqual(Object.fromEntries(annotations), {
      topmost: true,
      path: 'ns/outer',
      kind: 'sequence',
      limits: { timeout: 60000, memory: 512, logs: 10, concurrency: 1 },
    });
    assert.deepEqual(it.stored.at(-1), record);
  });

  it('is the cause of its components, and so is each sequence in it of its own', async () => {
    const it = runs();
    const record = await it.run('ns/outer', {});
    const [first, second] = it.stored;
    assert.deepEqual([first?.cause, second?.cause], [record.activationId, record.activationId]);
    assert.deepEqual(
      [valueOf(first?.annotations ?? [], 'topmost'), valueOf(first?.annotations ?? [], 'causedBy')],
      [false, 'sequence'],
    );
    assert.deepEqual(
      it.requests.map((request) => request.cause),
      [first, first, record, second, second].map((cause) => cause?.activationId),
    );
  });

  it('runs its components in transactions within its own', async () => {
    const it = runs();
    const transid = newTransactionId();
    await it.run('ns/outer', {}, { transid });
    assert.deepEqual(it.requests[0]?.transid.parent?.parent, transid);
    assert.deepEqual(it.requests[2]?.transid.parent, transid);
    assert.notEqual(it.requests[0]?.transid.id, it.requests[1]?.transid.id);
  });

  it('gives packaged components their package’s or binding’s parameters', async () => {
    const it = runs();
    assert.deepEqual((await it.run('ns/packaged', { n: 1 })).response.result, { n: 111 });
    assert.deepEqual(
      it.requests.map((request) => request.target.binding),
      [undefined, 'ns/bound'],
    );
  });

  it('hands arrays on', async () => {
    assert.deepEqual((await runs().run('ns/listing', {})).response.result, ['first', 'more']);
  });

  it('ends with a component’s error, which counts', async () => {
    const it = runs();
    const record = await it.run('ns/failing', {});
    assert.deepEqual(record.response, { statusCode: 1, result: { error: 'stop' }, size: 16 });
    assert.equal(record.logs.length, 2);
    assert.equal(it.requests.length, 2);
    assert.equal(record.duration, 20);
  });

  it('ends with a component’s crash, in an inner sequence too', async () => {
    const it = runs();
    const record = await it.run('ns/outerCrash', {});
    assert.equal(record.response.statusCode, 2);
    assert.match(JSON.stringify(record.response.result), /exited unexpectedly/);
    assert.deepEqual([record.logs.length, it.stored[0]?.logs.length], [1, 2]);
    assert.equal(it.stored.length, 2);
  });

  it('ends if a component does not exist any more', async () => {
    const it = runs();
    const record = await it.run('ns/gone', {});
    assert.deepEqual(record.response, { statusCode: 1, result: { error: 'Sequence component does not exist.' } });
    assert.equal(record.logs.length, 1);
  });

  it('ends if a component cannot be read, or its invocation fails', async () => {
    const failed = { statusCode: 3, result: { error: 'Sequence failed.' } };
    assert.deepEqual((await runs().run('ns/odd', {})).response, failed);
    const broken = new Runs(source(), {});
    assert.deepEqual((await broken.run('ns/two', {})).response, failed);
    assert.equal(broken.stored.length, 1);
  });

  it('ends if a component does not answer in time, and names it', async () => {
    const it = runs();
    const record = await it.run('ns/waiting', {});
    const id = record.logs[0];
    const error = `Timeout reached when retrieving activation ${id} for sequence component.`;
    assert.deepEqual(record.response, { statusCode: 3, result: { error } });
    assert.equal(it.requests[0]?.waitMs, 120_000);
  });

  it('runs at most so many actions, whatever it was when it was stored', async () => {
    const it = runs(3);
    const record = await it.run('ns/outer', {});
    assert.deepEqual(record.response, { statusCode: 1, result: { error: 'Too many actions in the sequence.' } });
    assert.equal(it.requests.length, 3);
  });

  it('that contains itself after all ends, though it runs nothing else', async () => {
    const cyclic = sourceOf(sequence('ns/tick', ['/ns/tock']), sequence('ns/tock', ['/ns/tick']));
    const it = new Runs(cyclic, {}, { maxSteps: 5 });
    const record = await it.run('ns/tick', {});
    assert.deepEqual(record.response, { statusCode: 1, result: { error: 'Too many actions in the sequence.' } });
    assert.ok(it.stored.length > 5 && it.stored.length < 20);
  });

  it('of 50 steps holds one result at a time', async () => {
    const long = sourceOf(
      action('ns/blob'),
      sequence(
        'ns/long',
        Array.from({ length: 50 }, () => '/ns/blob'),
      ),
    );
    const live = new Set<WeakRef<object>>();
    let most = 0;
    const it = new Runs(long, {
      'ns/blob': async () => {
        const blob = { text: 'x'.repeat(1000) };
        live.add(new WeakRef(blob));
        await new Promise((resolve) => setTimeout(resolve, 1));
        // Each collection takes its time: a few of them tell as much.
        if (live.size % 10 === 0) {
          collectGarbage();
          most = Math.max(most, [...live].filter((ref) => ref.deref()).length);
        }
        return blob;
      },
    });
    it.requests.push = () => 0;
    const record = await it.run('ns/long', {});
    assert.equal(record.logs.length, 50);
    assert.ok(most <= 4, `${most} results alive at once`);
  });

  it('ends without a waiting caller, too', async () => {
    const it = runs();
    const outcome = await it.start('ns/two', { n: 1 });
    assert.equal(outcome.kind, 'accepted');
    assert.equal(it.stored.length, 0);
    await it.journal.idle();
    assert.deepEqual(
      it.stored.map((record) => record.response.result),
      [{ n: 3 }],
    );
    assert.equal(outcome.kind === 'accepted' && outcome.activationId, it.stored[0]?.activationId);
  });

  it('is waited for as long as asked', async () => {
    let release: (() => void) | undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const it = new Runs(source(), { 'ns/inc': async (args) => (await held, { n: n(args) + 1 }) });
    const outcome = await it.start('ns/two', { n: 1 }, { waitMs: 5 });
    assert.equal(outcome.kind, 'accepted');
    release?.();
    await it.journal.idle();
    assert.equal(it.stored.length, 1);
  });

  it('is told of to users who listen, and not stored for those who do not want it', async () => {
    const it = runs();
    const record = await it.run('ns/two', {}, { user: { ...user, limits: { storeActivations: false } } });
    assert.equal(it.stored.length, 0);
    assert.deepEqual(it.events, [{ record, userId: 'uuid-of-ns' }]);
  });
});

describe('the color of a sequence', () => {
  const colored = (color: string) =>
    sourceOf(
      action('ns/inc'),
      action('ns/own', { annotations: [{ key: 'color', value: 'own' }] }),
      sequence('ns/seq', ['/ns/inc', '/ns/own', '/ns/inner'], { annotations: [{ key: 'color', value: color }] }),
      sequence('ns/inner', ['/ns/inc']),
    );
  const of = (color: string) =>
    new Runs(colored(color), { 'ns/inc': (args) => ({ n: n(args) + 1 }), 'ns/own': (args) => args });

  it('is that of its components, which may say otherwise for themselves', async () => {
    const it = of('{who}');
    const record = await it.run('ns/seq', { who: 'ann' });
    assert.equal(valueOf(record.annotations, 'color'), 'ann');
    assert.deepEqual(
      it.requests.map((request) => request.color),
      Array.from({ length: 3 }, () => ({ inherited: 'ann' })),
    );
  });

  it('can be one for each run', async () => {
    const it = of('{$activation}');
    const record = await it.run('ns/seq', {});
    assert.deepEqual(it.requests[0]?.color, { inherited: record.activationId });
    assert.notEqual((await it.run('ns/seq', {})).activationId, record.activationId);
  });

  it('comes from the header first', async () => {
    const it = of('blue');
    await it.run('ns/seq', {}, { color: { fromHeader: 'red' } });
    assert.deepEqual(it.requests[0]?.color, { inherited: 'red' });
  });

  it('is undefined without a source', async () => {
    const it = of('');
    const record = await it.run('ns/seq', {});
    assert.equal(valueOf(record.annotations, 'color'), undefined);
    assert.deepEqual(it.requests[0]?.color, { inherited: undefined });
  });
});
