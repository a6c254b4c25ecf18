import assert from 'node:assert/strict';
import { PAGES } from '../../../controller/catalog/alarms/AlarmStore.js';
import { CATALOG, installCatalog } from '../../../controller/catalog/install.js';
import type { Stores } from '../../../shared/store/ArtifactStore.js';
import type { JsonObject } from '../../../shared/entities/keyvalue.js';
import { openTemporaryStores } from '../../../shared/store/embedded/open.js';
import { eventually } from '../../e2e/eventually.js';
import { TestController, type Body } from './testController.js';
import { WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';

const echo = (args: unknown): unknown => args;

/** Waits until `look` finds something. */
function until<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  return eventually(async () => {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    throw new Error('it did not come');
  });
}

describe('the catalog of whisk.system', () => {
  let api: TestController;
  before(async () => {
    api = await TestController.start({ catalog: true });
  });
  after(() => api.close());

  const run = (name: string, params: JsonObject) =>
    api.must<JsonObject>('POST', `whisk.system/actions/${name}?blocking=true&result=true`, params);

  it('has packages that everybody can see, with their actions', async () => {
    const packages = await api.must<Body[]>('GET', 'whisk.system/packages');
    assert.deepEqual(packages.map(({ name }) => name).toSorted(), ['alarms', 'samples', 'utils']);
    const { actions, feeds } = await api.must('GET', 'whisk.system/packages/alarms');
    assert.deepEqual([actions.length, feeds.map(({ name }) => name).toSorted()], [0, ['alarm', 'interval', 'once']]);
    const utils = await api.must('GET', 'whisk.system/packages/utils');
    assert.deepEqual(utils.actions.map(({ name }) => name).toSorted(), [
      'cat',
      'date',
      'echo',
      'head',
      'hosturl',
      'namespace',
      'smash',
      'sort',
      'split',
    ]);
  });

  it('has actions that do what their samples say', async () => {
    for (const { name: packageName, actions } of CATALOG) {
      for (const { name, annotations = {} } of actions) {
        const { sampleInput, sampleOutput, 'provide-api-key': callsApi } = annotations;
        // Those that need an environment run against the standalone server only.
        if (!sampleInput || callsApi === true || name === 'hosturl' || name === 'curl') continue;
        const result = await run(`${packageName}/${name}`, sampleInput as JsonObject);
        assert.deepEqual(result, sampleOutput, `${packageName}/${name}`);
      }
    }
  });

  it('works in sequences', async () => {
    const components = ['split', 'sort', 'head', 'cat'].map((name) => `/whisk.system/utils/${name}`);
    await api.must('PUT', '_/actions/pipe', { exec: { kind: 'sequence', components } });
    const result = await api.must<JsonObject>('POST', '_/actions/pipe?blocking=true&result=true', {
      payload: 'c,b,a',
      separator: ',',
    });
    assert.deepEqual(result, { lines: ['a'], payload: 'a' });
  });

  it('is installed once, leaves alone what was changed or deleted, and is renewed', async () => {
    const { ctx, stores } = api;
    const parts = { ...ctx, whisks: stores.whisks };
    const before = await ctx.entities.getAction('whisk.system/utils/echo');
    await installCatalog(parts);
    assert.equal((await ctx.entities.getAction('whisk.system/utils/echo'))?._rev, before?._rev);

    const system = { user: 'whisk.system' } as const;
    await api.action('utils/date', 'function main() { return { date: "mine" }; }', {}, 'whisk.system');
    await api.must('DELETE', '_/actions/utils/smash', undefined, system);
    const renewed = CATALOG.map((entry) => ({
      ...entry,
      actions: entry.actions.map((action) => ({ ...action, description: `${action.description}.` })),
    }));
    await installCatalog(parts, renewed);
    assert.deepEqual(await run('utils/date', {}), { date: 'mine' });
    assert.equal((await api.request('GET', 'whisk.system/actions/utils/smash')).status, 404);
    const echoed = await ctx.entities.getAction('whisk.system/utils/echo');
    assert.deepEqual([echoed?.version, (await run('utils/echo', { a: 1 }))['a']], ['0.0.2', 1]);
  });

  it('is known as ours wherever several controllers that start at once have each installed a part of it', async () => {
    const stores = await openTemporaryStores();
    try {
      const controller = await TestController.start({ stores });
      const { ctx } = controller;
      const parts = { ...ctx, whisks: stores.whisks };
      await Promise.all(CATALOG.map((entry) => installCatalog(parts, [entry])));
      const renewed = CATALOG.map((entry) => ({
        ...entry,
        actions: entry.actions.map((action) => ({ ...action, description: `${action.description}.` })),
      }));
      await installCatalog(parts, renewed);
      for (const { name, actions } of CATALOG) {
        for (const action of actions) {
          const path = `whisk.system/${name}/${action.name}`;
          assert.equal((await ctx.entities.getAction(path))?.version, '0.0.2', path);
        }
      }
      await controller.close();
    } finally {
      await stores.close();
    }
  });

  it('does not take over a package of the same name that somebody else installed', async () => {
    const stores = await openTemporaryStores();
    try {
      const first = await TestController.start({ stores });
      await first.must('PUT', '_/packages/alarms', { publish: true }, { user: 'whisk.system' });
      await first.action('alarms/alarm', echo, { annotations: [{ key: 'feed', value: true }] }, 'whisk.system');
      await first.close();
      const second = await TestController.start({ stores, catalog: true });
      const answer = await second.must<JsonObject>(
        'POST',
        'whisk.system/actions/alarms/alarm?blocking=true&result=true',
        { lifecycleEvent: 'READ' },
      );
      assert.deepEqual(answer, { lifecycleEvent: 'READ' });
      await second.close();
    } finally {
      await stores.close();
    }
  });
});

describe('alarms', () => {
  let api: TestController;
  let stores: Stores;
  /** The time of all controllers, in ms since the epoch. It stands still except for {@link pass}. */
  let now = Math.ceil(Date.now() / 2000) * 2000;
  const clock = (): number => now;
  before(async () => {
    stores = await openTemporaryStores();
    api = await TestController.start({ catalog: true, stores, clock });
    await api.action('echo', echo);
  });
  after(async () => {
    await api.close();
    await stores.close();
  });

  async function feed(
    name: string,
    lifecycleEvent: string,
    trigger: string,
    params: JsonObject = {},
    path = 'whisk.system',
  ) {
    const body = { lifecycleEvent, triggerName: `/_/${trigger}`, authKey: WELL_KNOWN_USERS.guest, ...params };
    const prefix = path === 'whisk.system' ? 'whisk.system/actions/alarms' : path;
    const answer = await api.request<JsonObject>('POST', `${prefix}/${name}?blocking=true&result=true`, body);
    return { status: answer.status, result: answer.body };
  }

  const made = { status: 200, result: { status: 'success' } };
  const refused = (error: string) => ({ status: 502, result: { error: { error } } });

  async function trigger(name: string): Promise<void> {
    await api.must('PUT', `_/triggers/${name}`, {
      annotations: [{ key: 'feed', value: '/whisk.system/alarms/alarm' }],
    });
    await api.must('PUT', `_/rules/r_${name}`, { trigger: `/_/${name}`, action: '/_/echo' });
  }

  /** Lets time pass at once: controllers look for alarms that are due. */
  function pass(ms: number, controllers: readonly TestController[] = [api]): void {
    now += ms;
    for (const { alarms } of controllers) alarms?.start();
  }

  /** Resolves when the controller has taken all alarms that are due now: alarms go off in the order of the checks. */
  async function passAll(ms: number): Promise<void> {
    pass(ms);
    const name = `mark${(marks += 1)}`;
    await trigger(name);
    assert.deepEqual(await feed('once', 'CREATE', name, { date: now + 1 }), made);
    pass(1);
    await until(async () => (await fires(name)).length === 1);
  }
  let marks = 0;

  const fires = (name: string) => api.ctx.activations.list('guest', { name }, { skip: 0, limit: 0, docs: true });

  it('fire a trigger by a pattern, so often and each time in another second', async () => {
    await trigger('ticking');
    assert.deepEqual(
      await feed('alarm', 'CREATE', 'ticking', { cron: '* * * * * *', maxTriggers: 2, trigger_payload: { n: 1 } }),
      made,
    );
    const begun = now;
    for (const count of [1, 2]) {
      pass(1000);
      await until(async () => (await fires('ticking')).length === count);
    }
    await passAll(1000);
    const records = await fires('ticking');
    assert.deepEqual(
      records.map(({ start }) => start - begun).toSorted((a, b) => a - b),
      [1000, 2000],
    );
    for (const { response, logs } of records) {
      assert.deepEqual(response.result, { n: 1 });
      const { activationId } = JSON.parse(logs[0] ?? '{}') as { activationId: string };
      assert.deepEqual((await api.record(activationId)).response.result, { n: 1 });
    }
    const read = await feed('alarm', 'READ', 'ticking');
    const { active, reason } = read.result['status'] as JsonObject;
    assert.deepEqual(
      [active, reason],
      [false, { kind: 'AUTO', message: 'Automatically disabled after reaching max triggers' }],
    );
  });

  it('fire once, and clean up after that', async () => {
    await trigger('onceKept');
    await trigger('onceGone');
    await trigger('onceAllGone');
    const date = now + 300;
    assert.deepEqual(await feed('once', 'CREATE', 'onceKept', { date, trigger_payload: 'text' }), made);
    assert.deepEqual(await feed('once', 'CREATE', 'onceGone', { date, deleteAfterFire: 'true' }), made);
    assert.deepEqual(await feed('once', 'CREATE', 'onceAllGone', { date, deleteAfterFire: 'rules' }), made);
    pass(300);
    await until(async () => (await api.request('GET', '_/rules/r_onceAllGone')).status === 404);
    const kept = await until(async () => (await fires('onceKept'))[0]);
    assert.deepEqual(kept.response.result, { payload: 'text' });
    assert.equal(kept.start, date);
    assert.equal((await api.request('GET', '_/triggers/onceKept')).status, 200);
    await until(async () => (await api.request('GET', '_/triggers/onceGone')).status === 404);
    assert.equal((await api.request('GET', '_/rules/r_onceGone')).status, 200);
    assert.equal((await api.request('GET', '_/triggers/onceAllGone')).status, 404);
  });

  it('fire at intervals', async () => {
    await trigger('pulsing');
    const startDate = now + 200;
    assert.deepEqual(await feed('interval', 'CREATE', 'pulsing', { minutes: 1, startDate }), made);
    pass(200);
    await until(async () => (await fires('pulsing')).length === 1);
    const { config } = (await feed('interval', 'READ', 'pulsing')).result as { config: JsonObject };
    assert.deepEqual([config['minutes'], config['startDate']], [1, startDate]);
  });

  it('can be read, changed, paused and deleted', async () => {
    await trigger('managed');
    const later = now + 3_600_000;
    assert.deepEqual(await feed('once', 'CREATE', 'managed', { date: later }), made);
    // Any of the feeds answers for any alarm.
    assert.deepEqual(await feed('alarm', 'UPDATE', 'managed', { date: later + 1, trigger_payload: { a: 1 } }), made);
    const { config } = (await feed('once', 'READ', 'managed')).result as { config: JsonObject };
    assert.deepEqual([config['date'], config['payload']], [later + 1, { a: 1 }]);
    assert.deepEqual(await feed('once', 'UPDATE', 'managed'), refused('no updatable parameters were specified'));
    assert.deepEqual(await feed('once', 'UPDATE', 'managed', { date: now + 100 }), made);
    assert.deepEqual(await feed('once', 'PAUSE', 'managed'), made);
    await passAll(300);
    assert.equal((await fires('managed')).length, 0);
    assert.deepEqual(await feed('once', 'UNPAUSE', 'managed'), made);
    await until(async () => (await fires('managed')).length === 1);
    assert.deepEqual(await feed('once', 'DELETE', 'managed'), made);
    const gone = refused('could not find trigger /guest/managed in the database');
    assert.deepEqual(await feed('once', 'READ', 'managed'), gone);
    assert.deepEqual(await feed('once', 'DELETE', 'managed'), gone);
  });

  it('are refused without a trigger, with a key of somebody else, and for what they do not know', async () => {
    const unauthorized = refused('Trigger authentication request failed.');
    const date = now + 3_600_000;
    assert.deepEqual(await feed('once', 'CREATE', 'nosuch', { date }), unauthorized);
    await trigger('guarded');
    const others = { date, authKey: WELL_KNOWN_USERS['whisk.system'] };
    assert.deepEqual(await feed('once', 'CREATE', 'guarded', others), unauthorized);
    assert.deepEqual(await feed('once', 'CREATE', 'guarded', { date, authKey: 'nonsense' }), unauthorized);
    assert.deepEqual(await feed('once', 'REPEAT', 'guarded'), {
      status: 502,
      result: { error: 'unsupported lifecycleEvent' },
    });
    assert.deepEqual(
      await feed('alarm', 'CREATE', 'guarded', {}),
      refused('alarms trigger feed is missing the cron parameter'),
    );
    const nameless = await feed('alarm', 'READ', 'guarded', { triggerName: null as never });
    assert.deepEqual(nameless, refused('no trigger name parameter was provided'));
  });

  it('are known through bindings of the package, too, and leave a record like any action', async () => {
    await api.must('PUT', '_/packages/clockwork', { binding: { namespace: 'whisk.system', name: 'alarms' } });
    await trigger('bound');
    const date = now + 3_600_000;
    assert.deepEqual(await feed('once', 'CREATE', 'bound', { date }, '_/actions/clockwork'), made);
    const record = await until(async () => {
      const records = await api.ctx.activations.list(
        'guest',
        { name: 'clockwork/once' },
        { skip: 0, limit: 0, docs: true },
      );
      return records.find(({ annotations }) => annotations.some(({ key }) => key === 'binding'));
    });
    const annotations = Object.fromEntries(record.annotations.map(({ key, value }) => [key, value]));
    assert.deepEqual(
      [annotations['path'], annotations['binding'], annotations['kind']],
      ['whisk.system/alarms/once', 'guest/clockwork', 'nodejs:20'],
    );
    const accepted = await api.request('POST', '_/actions/clockwork/once', {
      lifecycleEvent: 'READ',
      triggerName: 'bound',
    });
    assert.equal(accepted.status, 202);
    assert.equal((await api.record(accepted.body.activationId)).response.statusCode, 0);
  });

  it('go with their trigger', async () => {
    await trigger('brief');
    const date = now + 400;
    assert.deepEqual(await feed('once', 'CREATE', 'brief', { date }), made);
    await api.must('DELETE', '_/triggers/brief');
    await api.must('PUT', '_/triggers/brief', {});
    assert.deepEqual(
      await feed('once', 'READ', 'brief'),
      refused('could not find trigger /guest/brief in the database'),
    );
    await passAll(600);
    assert.equal((await fires('brief')).length, 0);
  });

  it('never keep the key that they are made with', async () => {
    await trigger('secretive');
    assert.deepEqual(await feed('once', 'CREATE', 'secretive', { date: now + 3_600_000 }), made);
    const secret = WELL_KNOWN_USERS.guest.split(':')[1] ?? '';
    for (let i = 0; i < PAGES; i++) {
      const page = await stores.whisks.get(`palette-whisk:alarms:${i}`);
      assert.ok(!JSON.stringify(page ?? {}).includes(secret));
    }
  });

  it('go off on one of several controllers, whichever they were made with', async () => {
    const others: TestController[] = [];
    const tell = (id: string) => others.forEach((other) => other.alarms?.changed(id));
    others.push(
      await TestController.start({ catalog: true, stores, clock, alarmTurnMs: 500 }),
      await TestController.start({ catalog: true, stores, clock, alarmTurnMs: 1000, onAlarmsChange: (id) => tell(id) }),
    );
    try {
      await trigger('shared');
      const made = await others[1]?.request('POST', 'whisk.system/actions/alarms/alarm?blocking=true', {
        lifecycleEvent: 'CREATE',
        triggerName: '/_/shared',
        cron: '*/2 * * * * *',
        maxTriggers: 2,
      });
      assert.equal(made?.status, 200);
      const all = [api, ...others];
      now = Math.floor(now / 2000) * 2000 + 2000;
      for (const count of [1, 2]) {
        pass(0, all);
        // This controller was not told of the alarm, and leaves it to the first of those that were.
        pass(500, all);
        await until(async () => (await fires('shared')).length === count);
        pass(500, all);
        pass(1000, all);
      }
      await passAll(2500);
      const late = (await fires('shared')).map(({ start }) => start % 2000);
      assert.deepEqual(late, [500, 500]);
    } finally {
      for (const other of others) await other.close();
    }
  });

  it('survive a restart', async () => {
    await trigger('durable');
    await trigger('overdue');
    assert.deepEqual(await feed('alarm', 'CREATE', 'durable', { cron: '* * * * * *' }), made);
    assert.deepEqual(await feed('once', 'CREATE', 'overdue', { date: now + 300 }), made);
    await api.close();
    now += 1500;
    api = await TestController.start({ catalog: true, stores, clock });
    await until(async () => (await fires('overdue')).length === 1);
    await until(async () => (await fires('durable')).length === 1);
    pass(1000);
    await until(async () => (await fires('durable')).length === 2);
    assert.deepEqual(await feed('alarm', 'DELETE', 'durable'), made);
  });
});
