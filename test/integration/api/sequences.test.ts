import assert from 'node:assert/strict';
import { createUserEvents } from '../../../shared/events/UserEvents.js';
import { valueOf, type JsonObject } from '../../../shared/entities/keyvalue.js';
import type { EventMessage } from '../../../shared/messages/event.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import { EmbeddedMessaging } from '../../../shared/messaging/embedded/EmbeddedMessaging.js';
import { topics } from '../../../shared/messaging/topics.js';
import { eventually } from '../../e2e/eventually.js';
import { TestController, type Body } from './testController.js';

const echo = (args: unknown): unknown => args;
/** A conductor that does what it is told: everything but `action` and `state` goes on as parameters. */
const scripted = ({ action, state, params, ...rest }: JsonObject) => ({
  ...(action === undefined ? {} : { action }),
  ...(state === undefined ? {} : { state }),
  ...('error' in rest ? { error: rest['error'] } : {}),
  params: { ...rest, ...(params as JsonObject | undefined) },
});
const increment = ({ n }: { n: number }) => ({ n: n + 1 });

interface Activation extends Body {
  readonly cause?: string;
  readonly duration: number;
  readonly logs: readonly string[];
  readonly response: { readonly status: string; readonly success: boolean; readonly result: JsonObject };
}

describe('sequences', () => {
  let api: TestController;
  before(async () => {
    api = await TestController.start();
    await api.action('echo', echo);
    await api.action('inc', increment);
    await api.must('PUT', '_/packages/pkg', { publish: true, parameters: [{ key: 'by', value: 'package' }] });
    await api.action('pkg/echo', echo, { parameters: [{ key: 'own', value: 1 }] });
    await api.must('PUT', '_/packages/bound', {
      binding: { namespace: '_', name: 'pkg' },
      parameters: [{ key: 'by', value: 'binding' }],
    });
  });
  after(() => api.close());

  const sequence = (name: string, components: readonly string[], more: object = {}, query = '') =>
    api.must('PUT', `_/actions/${name}${query}`, { exec: { kind: 'sequence', components }, ...more });
  const invoke = (name: string, payload: object = {}) =>
    api.request<Activation>('POST', `_/actions/${name}?blocking=true`, payload);

  it('give each component the parameters of its package or binding', async () => {
    await sequence('mixed', ['/_/inc', '/_/pkg/echo']);
    await sequence('mixedBound', ['/_/inc', '/_/bound/echo']);
    assert.deepEqual((await invoke('mixed', { n: 1 })).body.response.result, { own: 1, by: 'package', n: 2 });
    const { body } = await invoke('mixedBound', { n: 1 });
    assert.deepEqual(body.response.result, { own: 1, by: 'binding', n: 2 });
    const component = await api.record(body.logs[1] ?? '');
    assert.equal(valueOf(component.annotations, 'binding'), 'guest/bound');
    assert.equal(component.cause, body.activationId);
  });

  it('of old documents, whose components name no namespace, are listed, read, run and changed', async () => {
    const old = (name: string): JsonObject => ({
      _id: `guest/${name}`,
      entityType: 'action',
      namespace: 'guest',
      name,
      version: '0.0.1',
      publish: false,
      annotations: [{ key: 'exec', value: 'sequence' }],
      exec: { kind: 'sequence', components: ['/_/inc', '/_/inc'] },
      parameters: [{ key: '_actions', value: ['/_/inc', '/_/inc'] }],
      limits: { timeout: 60_000, memory: 256, logs: 10 },
      updated: 1,
    });
    for (const name of ['oldstyle', 'oldparameters']) await api.stores.whisks.put(old(name) as { _id: string });
    const list = await api.must<Body[]>('GET', '_/actions?limit=200');
    assert.ok(list.some(({ name }) => name === 'oldstyle'));
    assert.equal((await api.must('GET', '_/actions/oldstyle')).name, 'oldstyle');
    assert.deepEqual((await invoke('oldstyle', { n: 1 })).body.response.result, { n: 3 });
    const annotations = [{ key: 'old', value: 'new' }];
    const annotated = await api.must('PUT', '_/actions/oldstyle?overwrite=true', { annotations });
    assert.equal(valueOf(annotated.annotations, 'old'), 'new');
    const longer = await api.must('PUT', '_/actions/oldstyle?overwrite=true', {
      exec: { kind: 'sequence', components: ['/_/inc', '/_/inc', '/_/inc'] },
    });
    assert.equal(longer.version, '0.0.3');
    assert.deepEqual((await invoke('oldstyle', { n: 1 })).body.response.result, { n: 4 });
    // What was a sequence leaves its parameters behind, unless new ones come.
    const exec = { kind: 'nodejs:20', code: 'x' };
    assert.deepEqual((await api.must('PUT', '_/actions/oldstyle?overwrite=true', { exec })).parameters, []);
    const parameters = [{ key: 'a', value: 'A' }];
    const kept = await api.must('PUT', '_/actions/oldparameters?overwrite=true', { exec, parameters });
    assert.deepEqual(kept.parameters, parameters);
  });

  it('may themselves be in a package, and be reached through a binding', async () => {
    await sequence('pkg/seq', ['/_/inc', '/_/inc']);
    const { body } = await invoke('bound/seq', { n: 1 });
    // A sequence hands on what it gets, without parameters of its package.
    assert.deepEqual(body.response.result, { n: 3 });
    const annotations = Object.fromEntries(body.annotations.map(({ key, value }) => [key, value]));
    assert.deepEqual([annotations['path'], annotations['binding']], ['guest/pkg/seq', 'guest/bound']);
  });

  it('accept an error among their parameters', async () => {
    assert.deepEqual((await invoke('mixed', { n: 1, error: 'irrelevant' })).status, 200);
  });

  it('fail with a component that crashes, wherever it is', async () => {
    await api.action('crash', 'function main() { process.exit(1); }');
    await sequence('inner', ['/_/inc', '/_/crash', '/_/inc']);
    await sequence('outer', ['/_/inner', '/_/inc']);
    const { status, body } = await invoke('outer', { n: 1 });
    assert.deepEqual([status, body.response.status, body.logs.length], [502, 'action developer error', 1]);
    const inner = await api.record(body.logs[0] ?? '');
    assert.deepEqual([inner.logs.length, inner.response.statusCode, inner.cause], [2, 2, body.activationId]);
  });

  it('may be 50 actions long, counted with those of the sequences in them', async () => {
    await sequence(
      'ten',
      Array.from({ length: 10 }, () => '/_/inc'),
    );
    await sequence(
      'fifty',
      Array.from({ length: 5 }, () => '/_/ten'),
    );
    const { body } = await invoke('fifty', { n: 0 });
    assert.deepEqual([body.response.result, body.logs.length], [{ n: 50 }, 5]);
    const answer = await api.request('PUT', '_/actions/fiftyOne', {
      exec: { kind: 'sequence', components: ['/_/fifty', '/_/inc'] },
    });
    assert.deepEqual([answer.status, answer.body.error], [400, 'Too many actions in the sequence.']);
    // One of its components may become longer later on: then it ends where the limit is.
    await sequence(
      'ten',
      Array.from({ length: 11 }, () => '/_/inc'),
      {},
      '?overwrite=true',
    );
    const longer = await invoke('fifty', { n: 0 });
    assert.deepEqual(longer.body.response.result, { error: 'Too many actions in the sequence.' });
    assert.equal(longer.status, 502);
  });

  it('find a cycle through bindings', async () => {
    await sequence('pkg/loop', ['/_/inc']);
    const cyclic = { exec: { kind: 'sequence', components: ['/_/inc', '/_/bound/loop'] } };
    const answer = await api.request('PUT', '_/actions/pkg/loop?overwrite=true', cyclic);
    assert.deepEqual([answer.status, answer.body.error], [400, 'Sequence may not refer to itself.']);
  });

  it('are refused to those who may not run a component', async () => {
    await api.action('private', echo, {}, 'whisk.system');
    const forbidden = { exec: { kind: 'sequence', components: ['/whisk.system/private'] } };
    assert.equal((await api.request('PUT', '_/actions/stolen', forbidden)).status, 403);
    await api.must('PUT', '_/packages/open', { publish: true }, { user: 'whisk.system' });
    await api.action('open/echo', echo, {}, 'whisk.system');
    await sequence('borrowed', ['/whisk.system/open/echo']);
    assert.equal((await invoke('borrowed', { n: 1 })).status, 200);
    await api.must('PUT', '_/packages/open?overwrite=true', { publish: false }, { user: 'whisk.system' });
    assert.equal((await invoke('borrowed', { n: 1 })).status, 403);
  });

  it('go on when nobody waits any more', async () => {
    await api.action('slow', 'function main(a) { return new Promise((r) => setTimeout(() => r({ n: a.n }), 150)); }');
    await sequence('slowly', ['/_/slow', '/_/inc']);
    const answer = await api.request('POST', '_/actions/slowly?blocking=true&timeout=20', { n: 1 });
    assert.equal(answer.status, 202);
    assert.deepEqual((await api.record(answer.body.activationId)).response.result, { n: 2 });
    const detached = await api.request('POST', '_/actions/slowly', { n: 5 });
    assert.equal(detached.status, 202);
    assert.deepEqual((await api.record(detached.body.activationId)).response.result, { n: 6 });
  });

  it('run a component that changes while they run', async () => {
    await api.action('changing', increment);
    await sequence('unaware', ['/_/slow', '/_/changing']);
    const running = invoke('unaware', { n: 1 });
    await new Promise((resolve) => setTimeout(resolve, 30));
    await api.action('changing', ({ n }: { n: number }) => ({ n: n + 100 }));
    assert.equal((await running).status, 200);
  });

  it('are run by triggers, with the parameters of the trigger', async () => {
    await sequence('ruled', ['/_/echo', '/_/echo']);
    await api.must('PUT', '_/triggers/t', { parameters: [{ key: 'a', value: 1 }] });
    await api.must('PUT', '_/rules/r', { trigger: '/_/t', action: '/_/ruled' });
    const { activationId } = await api.must('POST', '_/triggers/t', { b: 2 });
    const { activationId: run } = JSON.parse((await api.record(activationId)).logs[0] ?? '{}') as Body;
    const { response, cause, annotations, logs } = await api.record(run);
    const { __ow_headers: _, ...result } = response.result as JsonObject;
    assert.deepEqual(
      [result, cause, valueOf(annotations, 'topmost'), logs.length],
      [{ a: 1, b: 2 }, undefined, true, 2],
    );
  });
});

describe('conductors', () => {
  let api: TestController;
  before(async () => {
    api = await TestController.start();
    await api.action('inc', increment);
    const annotations = [{ key: 'conductor', value: true }];
    await api.action('conductor', echo, { annotations });
    await api.action('scripted', scripted, { annotations });
    await api.must('PUT', '_/packages/pkg', { parameters: [{ key: 'by', value: 'package' }] });
    await api.action('pkg/conductor', echo, { annotations });
    await api.must('PUT', '_/packages/bound', { binding: { namespace: '_', name: 'pkg' } });
  });
  after(() => api.close());

  const invoke = (name: string, payload: object = {}) =>
    api.request<Activation>('POST', `_/actions/${name}?blocking=true`, payload);

  /** What makes `scripted` run `steps` components and then end. */
  function script(steps: number, step: object): object {
    let params: object = {};
    for (let i = 0; i < steps; i++) params = { ...step, state: params };
    return params;
  }

  it('return their parameters if they name no action', async () => {
    const { status, body } = await invoke('conductor', { n: 1 });
    assert.deepEqual([status, body.response.result, body.logs.length], [200, { n: 1 }, 1]);
    const failed = await invoke('conductor', { error: 'mine' });
    assert.deepEqual([failed.status, failed.body.response.result], [502, { error: 'mine' }]);
  });

  it('are told of names that are none, or of nobody', async () => {
    const invalid = await invoke('conductor', { payload: 'x', action: 'invalid#Action' });
    const error = 'Failed to parse action name from json value "invalid#Action" during composition.';
    assert.deepEqual([invalid.body.response.result, invalid.body.logs.length], [{ error }, 2]);
    assert.equal(invalid.body.response.status, 'application error');
    const missing = await invoke('conductor', { action: 'missing' });
    assert.deepEqual(missing.body.response.result, {
      error: "Failed to resolve action with name 'guest/missing' during composition.",
    });
    const forbidden = await invoke('conductor', { action: '/whisk.system/secret' });
    assert.deepEqual(forbidden.body.response.result, {
      error: "Failed entitlement check for action with name 'whisk.system/secret' during composition.",
    });
  });

  it('run 50 components, and not one more', async () => {
    const { body } = await invoke('scripted', { ...script(50, { action: 'inc' }), n: 0 });
    assert.deepEqual([body.response.result, body.logs.length], [{ n: 50 }, 101]);
    const longer = await invoke('scripted', { ...script(51, { action: 'inc' }), n: 0 });
    assert.deepEqual(longer.body.response.result, { error: 'Too many actions in the composition.' });
    assert.equal(longer.body.response.status, 'application error');
  });

  it('share that limit with those that they run', async () => {
    const at = await invoke('scripted', { action: 'scripted', params: script(50, { action: 'inc' }), n: 0 });
    assert.deepEqual(at.body.response.result, { n: 50 });
    const beyond = await invoke('scripted', { action: 'scripted', params: script(51, { action: 'inc' }) });
    assert.deepEqual(beyond.body.response.result, { error: 'Too many actions in the composition.' });
    let nested: object = {};
    for (let i = 0; i < 50; i++) nested = { action: 'scripted', params: nested };
    assert.deepEqual((await invoke('scripted', { ...nested, n: 0 })).body.response.result, { n: 0 });
    const deeper = await invoke('scripted', { action: 'scripted', params: nested });
    assert.deepEqual(deeper.body.response.result, { error: 'Too many actions in the composition.' });
  });

  it('may be reached through a binding, and have records that say so', async () => {
    const { body } = await invoke('bound/conductor', { n: 1 });
    const annotations = Object.fromEntries(body.annotations.map(({ key, value }) => [key, value]));
    assert.deepEqual(
      [
        annotations['path'],
        annotations['binding'],
        annotations['conductor'],
        annotations['kind'],
        annotations['topmost'],
      ],
      ['guest/pkg/conductor', 'guest/bound', true, 'sequence', true],
    );
    assert.deepEqual(body.response.result, { by: 'package', n: 1 });
  });

  it('count as one invocation, however many actions they run', async () => {
    const limited = await TestController.start({ limits: { invocationsPerMinute: 3 } });
    try {
      await limited.action('inc', increment);
      await limited.action('conductor', scripted, { annotations: [{ key: 'conductor', value: true }] });
      const body = { ...script(10, { action: 'inc' }), n: 0 };
      const answer = await limited.request<Activation>('POST', '_/actions/conductor?blocking=true', body);
      assert.deepEqual([answer.status, answer.body.response.result], [200, { n: 10 }]);
    } finally {
      await limited.close();
    }
  });
});

describe('user events of sequences and conductors', () => {
  it('arrive on the topic of events', async () => {
    const bus = new EmbeddedMessaging({ log: silentLogger });
    const topic = topics().events;
    await bus.ensureTopic(topic);
    const seen: EventMessage[] = [];
    await bus.consume({ topic, group: 'monitor', from: 'earliest', maxInFlight: 10, handle: (m) => void seen.push(m) });
    const producer = await bus.producer();
    const events = createUserEvents({ source: 'controller0', producer, topic, log: silentLogger, clock: Date.now });
    const api = await TestController.start({ events });
    try {
      await api.action('inc', increment);
      await api.must('PUT', '_/actions/seq', { exec: { kind: 'sequence', components: ['/_/inc', '/_/inc'] } });
      await api.action('conductor', echo, { annotations: [{ key: 'conductor', value: true }] });
      const { activationId } = await api.must('POST', '_/actions/seq?blocking=true', { n: 1 });
      await api.must('POST', '_/actions/conductor?blocking=true', { statusCode: 418 });
      await eventually(() => assert.equal(seen.length, 2));
      const bodies = seen.map((message) => (message.eventType === 'Activation' ? message.body : undefined));
      assert.deepEqual(
        bodies.map((body) => [body?.name, body?.kind, body?.conductor, body?.statusCode, body?.userDefinedStatusCode]),
        [
          ['guest/seq', 'sequence', false, 0, undefined],
          ['guest/conductor', 'sequence', true, 0, 418],
        ],
      );
      assert.deepEqual([bodies[0]?.activationId, bodies[0]?.memory, bodies[0]?.initTime], [activationId, 256, 0]);
      assert.deepEqual([seen[0]?.source, seen[0]?.namespace, seen[0]?.subject], ['controller0', 'guest', 'guest']);
      assert.equal(seen[0]?.userId, '23bc46b1-71f6-4ed5-8c54-816aa4f8c502');
    } finally {
      await api.close();
      await bus.close();
    }
  });
});
