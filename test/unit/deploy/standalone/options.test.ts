import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireIsolation } from '../../../../deploy/standalone/containers.js';
import { parseOptions, USAGE, UsageError } from '../../../../deploy/standalone/options.js';
import { readUsersFile } from '../../../../deploy/standalone/users.js';

const refused = (args: string[], message: RegExp) =>
  assert.throws(
    () => parseOptions(args),
    (error: unknown) => error instanceof UsageError && message.test(error.message) && !error.message.includes('\n'),
  );

describe('standalone options', () => {
  it('has a default for everything', () => {
    const options = parseOptions([]);
    assert.ok(options !== 'help' && options !== 'version');
    assert.equal(options.logRequests, undefined);
    assert.equal(options.port, 3233);
    assert.equal(options.host, '127.0.0.1');
    assert.equal(options.driver, undefined);
    assert.equal(options.invokers, 1);
    assert.equal(options.threads, false);
    assert.equal(options.controllers, 1);
  });

  it('runs invokers in threads beside several controllers', () => {
    const threads = (...args: string[]) => (parseOptions(args) as { threads?: boolean }).threads;
    assert.equal(threads('--threads'), true);
    assert.equal(threads('--controllers', '2'), true);
    assert.equal(threads('--controllers', '1'), false);
    refused(['--controllers', '0'], /--controllers takes a whole number from 1 to 32/);
  });

  it('forces a driver', () => {
    const driver = (...args: string[]) => (parseOptions(args) as { driver?: string }).driver;
    assert.equal(driver('--docker'), 'docker');
    assert.equal(driver('--oci'), 'oci');
    assert.equal(driver('--sandbox'), 'sandbox');
    assert.equal(driver('--process'), 'process');
  });

  it('prints requests if the user says so, or never', () => {
    const logs = (...args: string[]) => (parseOptions(args) as { logRequests?: boolean }).logRequests;
    assert.equal(logs('--log-requests'), true);
    assert.equal(logs('--quiet'), false);
    assert.equal(logs('-q'), false);
    refused(['--quiet', '--log-requests'], /exclude each other/);
    assert.equal(parseOptions(['--version']), 'version');
  });

  it('lists in its help every option that it takes', () => {
    assert.equal(parseOptions(['--help']), 'help');
    for (const option of 'port host data docker oci sandbox process i-know-processes-isolate-nothing invokers memory users runtimes color-policy no-catalog quiet log-requests log-level log-format version'.split(
      ' ',
    ))
      assert.match(USAGE, new RegExp(`--${option}\\b`));
  });

  it('lets others reach plain processes only if the user says so', () => {
    const allowed = (kind: 'docker' | 'sandbox' | 'process', host: string, acceptsNoIsolation = false): boolean => {
      try {
        requireIsolation({ kind }, { host, acceptsNoIsolation });
        return true;
      } catch (error) {
        assert.ok(error instanceof UsageError);
        assert.match(error.message, /--i-know-processes-isolate-nothing/);
        return false;
      }
    };
    for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) assert.ok(allowed('process', host));
    for (const host of ['0.0.0.0', '::', '192.0.2.1', 'host.example', '127.0.0.1.example']) {
      assert.ok(!allowed('process', host), host);
      assert.ok(allowed('process', host, true));
      assert.ok(allowed('docker', host));
      assert.ok(allowed('sandbox', host));
    }
  });

  it('refuses an invalid command line in one line', () => {
    refused(['--prot', '1'], /--prot/);
    refused(['--port', 'http'], /--port takes a whole number/);
    refused(['--port', '70000'], /65535/);
    refused(['--invokers', '0'], /--invokers/);
    refused(['--docker', '--process'], /exclude each other/);
    refused(['--log-level', 'loud'], /debug, info, warn, error/);
    refused(['stray'], /stray/);
  });
});

describe('the users file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-users-'));
  after(() => rmSync(folder, { recursive: true }));
  const file = (content: string) => {
    const path = join(folder, 'users.json');
    writeFileSync(path, content);
    return path;
  };
  const uuid = '11111111-1111-4111-8111-111111111111';
  const key = 'A'.repeat(64);

  it('is an object of names and keys', () => {
    assert.deepEqual(readUsersFile(file(JSON.stringify({ alice: `${uuid}:${key}` }))), [
      { _id: 'alice', subject: 'alice', namespaces: [{ name: 'alice', uuid, key }] },
    ]);
  });

  it('or an array of subject documents', () => {
    const document = { _id: 'alice', subject: 'alice', namespaces: [{ name: 'alice_dev', uuid, key }] };
    assert.deepEqual(readUsersFile(file(JSON.stringify([document]))), [document]);
  });

  it('is refused with a reason', () => {
    assert.throws(() => readUsersFile(join(folder, 'missing.json')), /missing\.json cannot be used: .*no such file/);
    assert.throws(() => readUsersFile(file('{')), UsageError);
    assert.throws(() => readUsersFile(file('{"alice":"secret"}')), /UUID, a colon/);
  });
});
