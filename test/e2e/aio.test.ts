import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clientsInstalled, commandLine, commandSession, type CommandSession } from './clients.js';
import { eventually } from './eventually.js';
import { clientSuite } from './servers.js';

/*
 * Adobe's command line for OpenWhisk (the runtime plugin of `aio`), whose commands and output are those of `wsk`: every
 * command of actions, activations, packages, triggers, rules and namespaces, and the deployment of a manifest.
 */

const HELLO =
  "function main({ name }) { console.log('greeting'); return { greeting: `Hello ${name || 'stranger'}` } }\n";

const MANIFEST = `
project:
  name: shop
  packages:
    shop:
      actions:
        hello:
          function: hello.js
          runtime: nodejs:20
          web: 'yes'
          inputs:
            name: Ada
      sequences:
        twice:
          actions: hello, hello
      triggers:
        ordered:
          inputs:
            color: blue
      rules:
        on-order:
          trigger: ordered
          action: hello
`;

clientSuite('aio runtime', function (server) {
  this.timeout(600_000);
  /** `aio runtime ...words`; a word with blanks comes last, as an array. */
  let aio: (words: string, ...more: string[]) => Promise<string>;
  /** The same in a process of its own, as users have it. */
  let alone: (words: string) => Promise<string>;
  let session: CommandSession | undefined;
  let folder: string;

  before(function () {
    if (!clientsInstalled()) this.skip();
    folder = mkdtempSync(join(tmpdir(), 'palette-whisk-aio-'));
    const home = join(folder, 'home');
    mkdirSync(home);
    writeFileSync(join(home, '.wskprops'), `APIHOST=${server.base}\nAUTH=${server.user.key}\nNAMESPACE=_\n`);
    writeFileSync(join(folder, 'hello.js'), HELLO);
    writeFileSync(join(folder, 'manifest.yml'), MANIFEST);
    const environment = {
      HOME: home,
      XDG_CONFIG_HOME: home,
      XDG_CACHE_HOME: home,
      XDG_DATA_HOME: home,
      WSK_CONFIG_FILE: join(home, '.wskprops'),
      // Without it some commands send the user to Adobe's login page.
      USE_RUNTIME_AUTH: 'true',
    };
    const run = commandLine('', environment, folder);
    alone = (words) => run('aio.cjs', 'runtime', ...words.split(' '));
    const one = commandSession('aio.cjs', environment, folder);
    session = one;
    aio = (words, ...more) => one.run('runtime', ...words.split(' '), ...more);
  });
  after(() => {
    session?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  /** What a command prints as JSON; some print the name of the action first. */
  const json = async <T>(words: string): Promise<T> => JSON.parse((await aio(words)).replace(/^[^[{]*/, '')) as T;

  it('says where it works', async () => {
    const properties = await alone('property get');
    assert.ok(properties.includes(server.base));
    assert.match(properties, /whisk API build number\s+\S/);
    assert.ok((await aio('namespace list')).includes(server.user.name));
  });

  it('creates, reads, updates, invokes and deletes actions', async () => {
    await aio('action create hello hello.js --param name default --annotation about greetings --memory 128');
    interface Action {
      name: string;
      version: string;
      limits: { memory: number };
      parameters: object[];
      annotations: { key: string; value: unknown }[];
    }
    const action = await json<Action>('action get hello');
    assert.deepEqual([action.name, action.version, action.limits.memory], ['hello', '0.0.1', 128]);
    assert.deepEqual(action.parameters, [{ key: 'name', value: 'default' }]);
    assert.ok(action.annotations.some(({ key, value }) => key === 'about' && value === 'greetings'));
    assert.ok((await aio('action get hello --code')).includes(HELLO.trim()));
    assert.match(await aio('action list'), /nodejs:20\s+0\.0\.1\s+hello/);

    assert.deepEqual(await json('action invoke hello --result'), { greeting: 'Hello default' });
    assert.deepEqual(await json('action invoke hello --result --param name Ada'), { greeting: 'Hello Ada' });
    assert.match(await aio('action invoke hello --blocking'), /"success": true/);
    assert.match(await aio('action invoke hello'), /"activationId": "[0-9a-f]{32}"/);

    await aio('action update hello hello.js --web true --web-secure sesame');
    const [url] = (await aio('action get hello --url')).match(/https?:\S+/) ?? [];
    assert.ok(url?.endsWith(`/api/v1/web/${server.user.name}/default/hello`), url);
    const web = `${server.base}/api/v1/web/${server.user.name}/default/hello.json`;
    assert.equal((await fetch(web)).status, 401);
    const answer = await fetch(web, { headers: { 'x-require-whisk-auth': 'sesame' } });
    assert.deepEqual(await answer.json(), { greeting: 'Hello default' });

    await aio('action create pair --sequence hello,hello');
    assert.deepEqual(await json('action invoke pair --result'), { greeting: 'Hello default' });
    await aio('action delete pair');
    await aio('action delete hello');
    await assert.rejects(aio('action get hello'), /does not exist/);
  });

  it('reads activations', async () => {
    await aio('action create logs hello.js');
    await aio('action invoke logs --result --param name Ada');
    interface Activation {
      activationId: string;
      name: string;
      logs: string[];
    }
    const [last] = await json<Activation[]>('activation list --limit 1 --json logs');
    assert.equal(last?.name, 'logs');
    assert.match(await aio('activation list logs'), /success\s+nodejs:20\s+0\.0\.1/);
    const id = last.activationId;
    const record = await json<Activation>(`activation get ${id}`);
    assert.equal(record.activationId, id);
    assert.match(record.logs.join('\n'), /stdout: greeting/);
    const result = await json<{ result: object; success: boolean }>(`activation result ${id}`);
    assert.deepEqual(result.result, { greeting: 'Hello Ada' });
    await aio('action delete logs');
  });

  it('works with packages and bindings', async () => {
    await aio('package create tools --param color blue --shared true');
    await aio('action create tools/hello hello.js');
    await aio('package bind tools mine --param name bound');
    assert.deepEqual(await json('action invoke mine/hello --result'), { greeting: 'Hello bound' });
    const read = await json<{ actions: { name: string }[]; publish: boolean }>('package get tools');
    assert.deepEqual([read.actions.map(({ name }) => name), read.publish], [['hello'], true]);
    await aio('package update tools --param color red');
    assert.match(await aio('package list'), /mine[^]*tools|tools[^]*mine/);
    await aio('package delete mine');
    await aio('action delete tools/hello');
    await aio('package delete tools');
    await assert.rejects(aio('package get tools'), /does not exist/);
  });

  it('works with triggers and rules', async () => {
    await aio('action create target hello.js');
    await aio('trigger create event --param name event');
    await aio('rule create link event target');
    assert.equal((await aio('rule status link')).trim(), 'active');
    const fired = await json<{ activationId: string }>('trigger fire event --param more 1');
    assert.match(fired.activationId, /^[0-9a-f]{32}$/);
    await eventually(async () => {
      const ran = await json<{ response: { result: object } }[]>('activation list --full --json target');
      assert.deepEqual(ran[0]?.response.result, { greeting: 'Hello event' });
    });
    await aio('rule disable link');
    assert.equal((await aio('rule status link')).trim(), 'inactive');
    await aio('rule enable link');
    await aio('rule update link event target');
    assert.match(await aio('rule list'), /active\s+0\.0\.2\s+link/);
    await aio('trigger update event --param name other');
    assert.equal((await json<{ version: string }>('trigger get event')).version, '0.0.2');
    assert.match(await aio('trigger list'), /event/);
    const content = await aio('namespace get');
    const places = ['target', 'event', 'link'].map((name) => content.indexOf(`/${server.user.name}/${name}`));
    assert.ok(
      places.every((place, i) => place > (places[i - 1] ?? 0)),
      content,
    );
    await aio('rule delete link');
    await aio('trigger delete event');
    await aio('action delete target');
  });

  it('deploys a manifest, and takes it back', async () => {
    await aio('deploy --manifest manifest.yml');
    assert.deepEqual(await json('action invoke shop/hello --result'), { greeting: 'Hello Ada' });
    assert.deepEqual(await json('action invoke shop/twice --result'), { greeting: 'Hello Ada' });
    const answer = await fetch(`${server.base}/api/v1/web/${server.user.name}/shop/hello.json`);
    assert.deepEqual(await answer.json(), { greeting: 'Hello Ada' });
    assert.equal((await aio('rule status on-order')).trim(), 'active');
    await aio('deploy undeploy --manifest manifest.yml');
    await assert.rejects(aio('action get shop/hello'), /does not exist/);
  });
});
