import assert from 'node:assert/strict';
import openwhisk from 'openwhisk';
import { eventually } from './eventually.js';
import { clientSuite } from './servers.js';

/*
 * The packages of whisk.system as users find them: what needs an action's environment, and a
 * trigger that an alarm fires.
 */

clientSuite('the packages of whisk.system, through the openwhisk client', function (server) {
  let client: openwhisk.Client;

  before(() => {
    client = openwhisk({ apihost: server.base, api_key: server.user.key });
  });

  const run = (name: string, params: openwhisk.Dict = {}): Promise<unknown> =>
    client.actions.invoke({ name: `/whisk.system/${name}`, params, blocking: true, result: true });

  /** The records of an action or a trigger; the client's typings leave out what is in them. */
  async function records(name: string): Promise<{ start: number; response: { result: unknown } }[]> {
    return (await client.activations.list({ name, docs: true })) as never;
  }

  it('tell an action where it runs', async () => {
    assert.deepEqual(await run('utils/namespace'), { namespace: server.user.name });
    const api = `${server.base}/api/v1`;
    assert.deepEqual(await run('utils/hosturl'), { url: `${api}/namespaces/${server.user.name}/actions` });
    assert.deepEqual(await run('utils/hosturl', { path: 'p/a' }), {
      url: `${api}/namespaces/${server.user.name}/actions/p/a`,
    });
    assert.deepEqual(await run('utils/hosturl', { path: 't', trigger: true }), {
      url: `${api}/namespaces/${server.user.name}/triggers/t`,
    });
    assert.deepEqual(await run('utils/hosturl', { path: 'a', web: true, ext: '.json' }), {
      url: `${api}/web/${server.user.name}/default/a.json`,
    });
    await assert.rejects(run('utils/hosturl', { path: 'a', web: true, ext: '.exe' }), /extension for web action/);
    await assert.rejects(run('utils/hosturl', { web: true, trigger: true }), /not allowed for web actions/);
  });

  it('have samples that call other actions with their caller’s key', async () => {
    assert.deepEqual(await run('samples/helloPromises', { name: 'Ann', place: 'Bern' }), {
      lines: ['Hello,', 'Ann', 'from', 'Bern!'],
    });
    const { date } = (await run('samples/invoke')) as { date: string };
    assert.ok(Math.abs(Date.parse(date) - Date.now()) < 60_000);
    const { activationId } = (await run('samples/countdown', { n: 1 })) as { activationId: string };
    const last = await eventually(() => client.activations.get({ name: activationId }));
    assert.match(last.logs?.join('\n') ?? '', /Happy New Year!/);
  });

  it('have a sample that fetches a page', async () => {
    const { msg } = (await run('samples/curl', { payload: `${server.base}/ping` })) as { msg: string };
    assert.equal(msg, 'pong');
  });

  it('fire a trigger once in a second, as long as its feed says', async () => {
    await client.actions.create({ name: 'note', action: 'function main(args) { return args }' });
    await client.triggers.create({ name: 'tick' });
    await client.rules.create({ name: 'onTick', trigger: 'tick', action: 'note' });
    const params = { cron: '* * * * * *', maxTriggers: 2, trigger_payload: { from: 'alarm' } };
    const feed = { name: '/whisk.system/alarms/alarm', trigger: 'tick' };
    await client.feeds.create({ ...feed, params });
    await eventually(async () => {
      assert.equal((await records('note')).length, 2);
    });
    const starts = (await records('tick')).map(({ start }) => start);
    assert.equal(starts.length, 2);
    assert.equal(new Set(starts.map((start) => Math.floor(start / 1000))).size, 2, starts.join(', '));
    assert.deepEqual((await records('note'))[0]?.response.result, { from: 'alarm' });
    await client.feeds.delete(feed);
    const read = client.feeds as unknown as { get(options: object): Promise<unknown> };
    await assert.rejects(read.get(feed), (error: Error) =>
      error.message.includes(`could not find trigger /${server.user.name}/tick in the database`),
    );
  });
});
