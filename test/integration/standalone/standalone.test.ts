import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { programVersion } from '../../../shared/process/version.js';
import { WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';
import { eventually } from '../../e2e/eventually.js';
import { startServerProcess, type ServerProcess, type ServerProcessOptions } from './serverProcess.js';

/** Ends when a file is there. */
const WAITING = `const { existsSync } = require('fs');
  async function main({ until }) {
    while (!existsSync(until)) await new Promise((resolve) => setTimeout(resolve, 10));
    return { done: true };
  }`;
const SLOW = 'function main({ ms }) { return new Promise((r) => setTimeout(() => r({ done: true }), ms)); }';

describe('the standalone server, as a process', () => {
  let folder: string;
  const servers: ServerProcess[] = [];

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'palette-whisk-standalone-'));
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.signal('SIGKILL');
      await server.exited();
    }
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const start = (args: string[], options?: ServerProcessOptions): ServerProcess => {
    const server = startServerProcess(args, options);
    servers.push(server);
    return server;
  };
  const data = (name: string): string[] => ['--port', '0', '--data', join(folder, name), '--no-catalog'];

  async function call(url: string, method: string, path: string, body?: object, key: string = WELL_KNOWN_USERS.guest) {
    const response = await fetch(`${url}/api/v1/namespaces/_${path}`, {
      method,
      headers: { authorization: `Basic ${Buffer.from(key).toString('base64')}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }
  const createAction = async (url: string, name: string, code: string): Promise<void> => {
    const { status } = await call(url, 'PUT', `/actions/${name}`, { exec: { kind: 'nodejs:20', code } });
    assert.equal(status, 200);
  };
  /** Resolves once so many activations are under way. */
  const underWay = (url: string, count: number): Promise<void> =>
    eventually(async () => assert.equal(await (await fetch(`${url}/activation/count`)).text(), String(count)));
  /** Resolves once the server takes no more requests. */
  const refusing = (url: string): Promise<void> => eventually(() => assert.rejects(fetch(`${url}/ping`)));
  /** Ends with code 1 and says why in one line. */
  async function refuses(args: string[], reason: RegExp, options?: ServerProcessOptions): Promise<void> {
    const server = start(args, options);
    assert.equal(await server.exited(), 1, server.output());
    const lines = server.output().trimEnd().split('\n');
    assert.equal(lines.length, 1, server.output());
    assert.match(lines[0] ?? '', reason);
  }

  it('survives whatever headers a web action answers', async () => {
    const server = start([...data('headers'), '--process']);
    const url = await server.ready();
    const { status } = await call(url, 'PUT', '/actions/answer', {
      exec: { kind: 'nodejs:20', code: 'function main({ result }) { return result; }' },
      annotations: [{ key: 'web-export', value: true }],
    });
    assert.equal(status, 200);
    for (const headers of [
      { Trailer: 'x' },
      { Trailer: 'x', 'Transfer-Encoding': 'chunked' },
      { Upgrade: 'h2c', Connection: 'upgrade' },
      { Expect: '100-continue', 'Content-Length': -1 },
      { a: 'b\r\nc: d' },
      { a: '\ud800' },
      { a: 'x'.repeat(1_000_000) },
    ]) {
      for (const statusCode of [101, 200, 204, 304]) {
        const answer = await fetch(`${url}/api/v1/web/guest/default/answer.http`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ result: { statusCode, headers, body: 'é' } }),
        });
        assert.ok(answer.status === statusCode || answer.status === 400 || answer.status === 413, `${answer.status}`);
        await answer.arrayBuffer();
      }
    }
    assert.equal((await fetch(`${url}/ping`)).status, 200);
    server.signal('SIGTERM');
    assert.equal(await server.exited(), 0);
  });

  it('prints what a newcomer needs, and the commands that it prints work', async () => {
    const server = start([...data('banner'), '--process']);
    const url = await server.ready();
    const printed = server.output();
    assert.ok(printed.includes(`wsk property set --apihost ${url} --auth ${WELL_KNOWN_USERS.guest}`), printed);
    assert.match(printed, /containers +process: .*isolate nothing/);
    assert.match(printed, /curl -s -u .*\/actions\/hello/);
    const described = await fetch(`${url}/api/v1`);
    const { description } = (await described.json()) as { description: string };
    assert.equal(description, `OpenWhisk API, served by palette-whisk ${programVersion()}`);
    const links = described.headers.get('link') ?? '';
    for (const [, link = ''] of links.matchAll(/<([^>]+)>/g)) assert.equal((await fetch(url + link)).status, 200, link);
    await createAction(url, 'hello', "function main({ name }) { return { greeting: 'Hello ' + name }; }");
    const { body } = await call(url, 'POST', '/actions/hello?blocking=true&result=true', { name: 'Palette' });
    assert.deepEqual(body, { greeting: 'Hello Palette' });
  });

  for (const args of [['--process'], ['--process', '--threads']]) {
    it(`prints what an action logs while it runs: ${args.join(' ')}`, async () => {
      const server = start([...data(`live${args.length}`), ...args, '--log-requests']);
      const url = await server.ready();
      const release = join(folder, `release${args.length}`);
      // It ends when the test has seen its first line.
      const code = `const { existsSync } = require('fs');
        async function main({ release }) {
          console.log('begun');
          while (!existsSync(release)) await new Promise((resolve) => setTimeout(resolve, 10));
          console.log('ended');
        }`;
      await createAction(url, 'waiting', code);
      const answer = call(url, 'POST', '/actions/waiting?blocking=true', { release });
      await eventually(() => assert.match(server.output(), /log {4}guest\/waiting [0-9a-f]{32} stdout: begun\n/));
      writeFileSync(release, '');
      assert.equal((await answer).status, 200);
      const printed = await eventually(() => {
        assert.match(server.output(), /ran {4}guest\/waiting success /);
        assert.match(server.output(), /stdout: ended\n/);
        return server.output();
      });
      // On a slow machine the last line is shown before the end, too: each line once.
      for (const line of [/stdout: begun/g, /stdout: ended/g]) assert.equal(printed.match(line)?.length, 1, printed);
    });
  }

  it('prints each request and what the action logged, without parameters and results', async () => {
    const server = start([...data('activity'), '--process', '--log-requests']);
    const url = await server.ready();
    const code =
      "function main({ pin }) { console.log('hi', pin.length); if (pin === 'x') throw new Error('no'); return { pin }; }";
    await createAction(url, 'pins', code);
    const { status } = await call(url, 'POST', '/actions/pins?blocking=true&color=s3cret', { pin: 's3cret' });
    assert.equal(status, 200);
    await call(url, 'POST', '/actions/pins?blocking=true', { pin: 'x' });
    const printed = await eventually(async () => {
      const output = server.output();
      assert.match(output, /POST {3}\/api\/v1\/namespaces\/_\/actions\/pins 200 \S+ ms [0-9a-f]{32}\n/);
      assert.match(output, /ran {4}guest\/pins success .*ms, cold start \d+ ms [0-9a-f]{32}\n/);
      assert.match(output, /ran {4}guest\/pins action developer error /);
      // On a slow machine the lines of a log are shown before the end.
      for (const line of [/stdout: hi 6\n/, /stdout: hi 1\n/, /stderr: Error: no\n/]) assert.match(output, line);
      assert.match(output, / {4}error: An error has occurred: Error: no\n/);
      return output;
    });
    assert.ok(!printed.includes('s3cret'), printed);
  });

  it('prints no requests if its output is not a terminal', async () => {
    const server = start([...data('silent'), '--process']);
    const url = await server.ready();
    await createAction(url, 'pins', 'function main() { return {}; }');
    server.signal('SIGTERM');
    assert.equal(await server.exited(), 0);
    assert.doesNotMatch(server.output(), /PUT +\/api/);
  });

  it('refuses in one line what it cannot use', async () => {
    await refuses(['--prot', '1'], /--prot/);
    await refuses([...data('x'), '--users', join(folder, 'none.json')], /none\.json cannot be used/);
    await refuses([...data('x'), '--color-policy', 'rainbow'], /consistent-hashing/);
    await refuses([...data('x')], /CONFIG_whisk_memory_max must be/, { env: { CONFIG_whisk_memory_max: 'much' } });
  });

  it('says that a port is in use', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    try {
      await refuses([...data('port'), '--port', String(port), '--process'], /port \d+ is in use/);
    } finally {
      taken.close();
    }
  });

  it('says that a data folder cannot be written', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    await refuses(['--port', '0', '--process', '--data', join(file, 'data')], /cannot write to the data folder/);
  });

  it('says why Docker cannot be used if it is asked for, and goes on with processes if it is not', async () => {
    const env = { DOCKER_HOST: `unix://${join(folder, 'no.sock')}` };
    await refuses([...data('docker'), '--docker'], /--docker is not possible: there is no Docker socket/, { env });
    const server = start(data('docker'), { env });
    await server.ready();
    assert.match(server.output(), /containers +process: .*(?:bubblewrap isolates processes|processes isolate nothing)/);
  });

  it('finds at its second start what the first one left', async () => {
    const first = start([...data('twice'), '--process']);
    const firstUrl = await first.ready();
    await createAction(firstUrl, 'kept', 'function main() { return { kept: true }; }');
    const { body } = await call(firstUrl, 'POST', '/actions/kept?blocking=true');
    first.signal('SIGTERM');
    assert.equal(await first.exited(), 0, first.output());

    const url = await start([...data('twice'), '--process']).ready();
    assert.equal((await call(url, 'GET', '/actions/kept')).status, 200);
    const record = await call(url, 'GET', `/activations/${String(body['activationId'])}`);
    assert.deepEqual((record.body['response'] as { result: unknown }).result, { kept: true });
  });

  it('lets a running activation finish when it is told to stop, and refuses new ones', async () => {
    const server = start([...data('drain'), '--process']);
    const url = await server.ready();
    const until = join(folder, 'drain-release');
    await createAction(url, 'waiting', WAITING);
    const answer = call(url, 'POST', '/actions/waiting?blocking=true&result=true', { until });
    const { body: accepted } = await call(url, 'POST', '/actions/waiting', { until });
    await underWay(url, 2);
    server.signal('SIGTERM');
    await refusing(url);
    writeFileSync(until, '');
    assert.deepEqual(await answer, { status: 200, body: { done: true } });
    assert.equal(await server.exited(), 0, server.output());

    const again = await start([...data('drain'), '--process']).ready();
    const record = await call(again, 'GET', `/activations/${String(accepted['activationId'])}`);
    assert.deepEqual((record.body['response'] as { result: unknown }).result, { done: true });
  });

  it('runs accepted work before it ends, even work that waits for a container', async () => {
    const server = start([...data('queue'), '--process', '--memory', '256']);
    const url = await server.ready();
    await createAction(url, 'slow', SLOW);
    const accepted = await Promise.all(
      Array.from({ length: 8 }, () => call(url, 'POST', '/actions/slow', { ms: 200 })),
    );
    server.signal('SIGTERM');
    assert.equal(await server.exited(), 0, server.output());

    const again = await start([...data('queue'), '--process']).ready();
    for (const { body } of accepted) {
      const record = await call(again, 'GET', `/activations/${String(body['activationId'])}`);
      assert.deepEqual((record.body['response'] as { result: unknown }).result, { done: true });
    }
  });

  it('takes a Ctrl-C for one that comes from the terminal and from npm', async () => {
    const server = start([...data('npm'), '--process']);
    const url = await server.ready();
    const until = join(folder, 'npm-release');
    await createAction(url, 'waiting', WAITING);
    const answer = call(url, 'POST', '/actions/waiting?blocking=true&result=true', { until });
    await underWay(url, 1);
    server.signal('SIGINT');
    server.signal('SIGINT');
    await refusing(url);
    writeFileSync(until, '');
    assert.deepEqual((await answer).body, { done: true });
    assert.equal(await server.exited(), 0, server.output());
  });

  it('ends at once at the second signal', async () => {
    const server = start([...data('second'), '--process']);
    const url = await server.ready();
    await createAction(url, 'waiting', WAITING);
    const until = join(folder, 'never');
    const answer = call(url, 'POST', '/actions/waiting?blocking=true', { until }).catch(() => 'cut off');
    await underWay(url, 1);
    server.signal('SIGTERM');
    await refusing(url);
    // A signal that comes sooner counts as the same.
    await new Promise((resolve) => setTimeout(resolve, 700));
    server.signal('SIGTERM');
    assert.equal(await server.exited(), 1);
    assert.equal(await answer, 'cut off');
  });

  it('knows the users of a file', async () => {
    const key = `11111111-1111-4111-8111-111111111111:${'A'.repeat(64)}`;
    const users = join(folder, 'users.json');
    writeFileSync(users, JSON.stringify({ alice: key }));
    const url = await start([...data('users'), '--process', '--users', users]).ready();
    const response = await fetch(`${url}/api/v1/namespaces`, {
      headers: { authorization: `Basic ${Buffer.from(key).toString('base64')}` },
    });
    assert.deepEqual(await response.json(), ['alice']);
  });
});
