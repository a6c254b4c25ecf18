import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand, type Ran } from '../../unit/deploy/commands/testIo.js';
import { eventually } from '../../e2e/eventually.js';
import { startServerProcess, type ServerProcess } from '../standalone/serverProcess.js';

describe('the verbs of palette-whisk', () => {
  let folder: string;
  let server: ServerProcess;
  let variables: Record<string, string>;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'palette-whisk-verbs-'));
    server = startServerProcess(['--port', '0', '--data', join(folder, 'data'), '--process']);
    variables = { WSK_CONFIG_FILE: join(folder, 'wskprops'), WHISK_APIHOST: await server.ready() };
  });
  after(async () => {
    server.signal('SIGKILL');
    await server.exited();
    rmSync(folder, { recursive: true, force: true });
  });

  const run = (...args: string[]): Promise<Ran> => runCommand(args, variables);
  const works = async (...args: string[]): Promise<string> => {
    const ran = await run(...args);
    assert.equal(ran.code, 0, ran.err);
    return ran.out;
  };
  const source = (name: string, code: string): string => {
    const file = join(folder, name);
    writeFileSync(file, code);
    return file;
  };

  it('create, invoke, change, list, save and delete an action, with the lines of wsk', async () => {
    const hello = source(
      'hello.js',
      "function main({ name }) { console.log('hi'); return { greeting: 'Hello ' + name, a: 1 }; }",
    );
    assert.equal(await works('action', 'create', 'hello', hello, '-p', 'name', 'you'), 'ok: created action hello\n');
    const again = await run('action', 'create', 'hello', hello);
    assert.equal(again.code, 153);
    assert.match(
      again.err,
      /^error: Unable to create action 'hello': resource already exists \(code \w+\); 'update'.*\n$/,
    );
    // Fields are in alphabetical order, with an indent of four spaces.
    assert.equal(await works('invoke', 'hello', '-r'), '{\n    "a": 1,\n    "greeting": "Hello you"\n}\n');
    assert.equal(
      await works('action', 'invoke', 'hello', '--result', '--param', 'name', 'me'),
      '{\n    "a": 1,\n    "greeting": "Hello me"\n}\n',
    );
    assert.match(await works('invoke', 'hello'), /^ok: invoked \/_\/hello with id [0-9a-f]{32}\n$/);
    assert.match(
      await works('invoke', 'hello', '-b'),
      /^ok: invoked \/_\/hello with id [0-9a-f]{32}\n\{\n {4}"activationId"/,
    );

    assert.equal(await works('action', 'update', 'hello', '--web', 'true', '-m', '128'), 'ok: updated action hello\n');
    assert.match(
      await works('action', 'get', 'hello', 'limits'),
      /^ok: got action hello, displaying field limits\n\{[^}]*"memory": 128/s,
    );
    const url = (await works('action', 'get', 'hello', '--url')).split('\n')[1] ?? '';
    assert.deepEqual(await (await fetch(`${url}.json`)).json(), { greeting: 'Hello you', a: 1 });
    assert.match(await works('action', 'list'), /^actions\n\/guest\/hello {59}private nodejs:\d+\n$/);
    const copy = join(folder, 'copy.js');
    assert.equal(await works('action', 'get', 'hello', '--save-as', copy), `ok: saved action code to ${copy}\n`);
    assert.equal(readFileSync(copy, 'utf8'), readFileSync(hello, 'utf8'));
    assert.equal((await run('action', 'get', 'hello', '--save-as', copy)).code, 1);
    assert.equal(await works('action', 'delete', 'hello'), 'ok: deleted action hello\n');
    const gone = await run('action', 'get', 'hello');
    assert.equal(gone.code, 148);
    assert.match(
      gone.err,
      /^error: Unable to get action 'hello': The requested resource does not exist\. \(code \w+\)\n$/,
    );
  });

  it('keep annotations that --web and --color do not name', async () => {
    const file = source('marked.js', 'function main() { return {}; }');
    await works('action', 'create', 'marked', file, '-a', 'description', 'mine', '--color', '{postId}');
    await works('action', 'update', 'marked', '--web', 'raw');
    const text = (await works('action', 'get', 'marked', 'annotations')).split('\n').slice(1).join('\n');
    const annotations = JSON.parse(text) as { key: string; value: unknown }[];
    const value = (key: string) => annotations.find((one) => one.key === key)?.value;
    assert.deepEqual(['description', 'color', 'web-export', 'raw-http', 'final'].map(value), [
      'mine',
      '{postId}',
      true,
      true,
      true,
    ]);
  });

  it('print the failure of an action to the standard error, with the exit code of wsk', async () => {
    await works('action', 'create', 'fails', source('fails.js', "function main() { return { error: 'no' }; }"));
    assert.deepEqual(await run('invoke', 'fails', '-r'), { code: 246, out: '', err: '{\n    "error": "no"\n}\n' });
  });

  it('show activations: a table, logs, results, the newest one, and as they end', async () => {
    await works(
      'action',
      'create',
      'logs',
      source('logs.js', "function main() { console.log('line'); return { b: 1, a: 2 }; }"),
    );
    await works('invoke', 'logs', '-b');
    const [head = '', row = ''] = (await works('activation', 'list', '--limit', '1')).split('\n');
    assert.match(head, /^Datetime {12}Activation ID {20}Kind +Start Duration {3}Status {2}Entity$/);
    assert.match(
      row,
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ([0-9a-f]{32}) nodejs:\d+ (cold|warm) {2}\S+ +success guest\/logs:0\.0\.1$/,
    );
    assert.equal(await works('activation', 'list', 'neverInvoked'), 'activations\n');
    assert.match(await works('activation', 'logs', '--last'), /^\S+Z +stdout: line\n$/);
    assert.equal(await works('activation', 'logs', '--last', '--strip'), 'line\n');
    assert.equal(await works('activation', 'result', '-l'), '{\n    "a": 2,\n    "b": 1\n}\n');
    assert.match(await works('activation', 'get', '--last', 'name'), /displaying field name\n"logs"\n$/);
    const stop = new AbortController();
    const shown = /\nActivation: 'logs' \([0-9a-f]{32}\)\n\[\n {4}"\S+ +stdout: line"\n\]\n/;
    const polled = runCommand(['activation', 'poll', '--since-minutes', '1'], variables, stop.signal, (out) => {
      if (shown.test(out)) stop.abort();
    });
    await works('invoke', 'logs', '-b');
    const { out } = await polled;
    assert.match(out, /^Enter Ctrl-c to exit\.\nPolling for activation logs\n/);
    assert.match(out, shown);
  });

  it('work with packages, sequences, triggers, feeds and rules', async () => {
    assert.equal(
      await works('package', 'create', 'tools', '-p', 'greeting', 'Hi', '--shared', 'yes'),
      'ok: created package tools\n',
    );
    const code = 'function main(args) { return args; }';
    await works('action', 'create', 'tools/echo', source('echo.js', code));
    await works('action', 'create', 'twice', 'tools/echo,/whisk.system/utils/echo', '--sequence');
    assert.deepEqual(JSON.parse(await works('invoke', 'twice', '-r', '-p', 'n', '1')), { greeting: 'Hi', n: 1 });
    assert.equal(
      await works('package', 'bind', '/_/tools', 'bound', '-p', 'greeting', 'Ho'),
      'ok: created binding bound\n',
    );
    assert.deepEqual(JSON.parse(await works('invoke', 'bound/echo', '-r')), { greeting: 'Ho' });
    assert.match(await works('package', 'list', '-n'), /^packages\n\/guest\/bound +private\n\/guest\/tools +shared\n$/);

    assert.equal(await works('trigger', 'create', 'event'), 'ok: created trigger event\n');
    const idle = await run('trigger', 'fire', 'event');
    assert.deepEqual([idle.code, idle.out], [0, 'ok: triggered /_/event with id \n']);
    assert.match(idle.err, /^nothing ran: the trigger has no active rule/);
    assert.equal(await works('rule', 'create', 'onEvent', 'event', 'tools/echo'), 'ok: created rule onEvent\n');
    assert.equal(await works('rule', 'status', 'onEvent'), 'ok: rule onEvent is active\n');
    assert.match(
      await works('trigger', 'fire', 'event', '-p', 'from', 'here'),
      /^ok: triggered \/_\/event with id [0-9a-f]{32}\n$/,
    );
    await eventually(async () => assert.match(await works('activation', 'list', 'tools/echo'), /tools?.*echo|echo/));
    assert.equal(await works('rule', 'disable', 'onEvent'), 'ok: disabled rule onEvent\n');
    assert.match(await works('rule', 'list'), /\/guest\/onEvent +private +inactive\n/);

    await works('trigger', 'create', 'tick', '--feed', '/whisk.system/alarms/interval', '-p', 'minutes', '1');
    assert.match(await works('trigger', 'get', 'tick'), /"minutes": 1/);
    const bad = await run(
      'trigger',
      'create',
      'never',
      '--feed',
      '/whisk.system/alarms/interval',
      '-p',
      'minutes',
      '"x"',
    );
    assert.equal(bad.code, 1);
    assert.match(
      bad.err,
      /^error: the feed '\/whisk\.system\/alarms\/interval' failed: the minutes parameter must be an integer\n$/,
    );
    assert.equal((await run('trigger', 'get', 'never')).code, 148);
    assert.equal(await works('trigger', 'delete', 'tick'), 'ok: deleted trigger tick\n');
    assert.match(
      await works('namespace', 'get'),
      /^Entities in namespace: guest\npackages\n.*actions\n.*triggers\n\/guest\/event.*rules\n\/guest\/onEvent/s,
    );
    assert.equal(await works('namespace', 'list'), 'namespaces\nguest\n');
    assert.equal(await works('rule', 'delete', 'onEvent', '--disable'), 'ok: deleted rule onEvent\n');
  });

  it('say what to do about a wrong key', async () => {
    const { code, err } = await run(
      'action',
      'list',
      '--auth',
      `${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}:wrong`,
    );
    assert.equal(code, 145);
    assert.match(err, /does not accept the key; set one with 'palette-whisk property set --auth KEY'\n$/);
  });
});
