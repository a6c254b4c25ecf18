import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { candidates } from '../../../../deploy/commands/completion.js';
import { createProgram } from '../../../../deploy/commands/program.js';
import { programVersion } from '../../../../shared/process/version.js';
import { runCommand } from './testIo.js';

describe('the command palette-whisk', () => {
  let folder: string;
  let properties: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'palette-whisk-program-'));
    properties = join(folder, 'wskprops');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const run = (...args: string[]) => runCommand(args, { WSK_CONFIG_FILE: properties });
  /** Fails with code 2 and one line. */
  const refuses = async (args: string[], line: RegExp): Promise<void> => {
    const { code, out, err } = await run(...args);
    assert.match(err, line);
    assert.equal(err.trimEnd().split('\n').length, 1, err);
    assert.equal(code, 2);
    assert.equal(out, '');
  };

  it('prints its version and its help', async () => {
    assert.deepEqual(await run('--version'), { code: 0, out: `${programVersion()}\n`, err: '' });
    const { code, out } = await run('--help');
    assert.equal(code, 0);
    for (const verb of [
      'start',
      'invoke',
      'action',
      'activation',
      'trigger',
      'rule',
      'package',
      'namespace',
      'property',
    ])
      assert.match(out, new RegExp(`^  ${verb} `, 'm'));
  });

  it('suggests the nearest verb and option for an unknown one', async () => {
    await refuses(['actoin', 'list'], /unknown command 'actoin'.*action/);
    await refuses(['action', 'lits'], /unknown command 'lits'.*list/);
    await refuses(['action', 'list', '--limt', '3'], /unknown option '--limt'.*--limit/);
  });

  it('names the missing part in one line', async () => {
    await refuses(['invoke', 'hello', '-p', 'name'], /-p takes a name and a value/);
    await refuses(
      ['action', 'list', '--limit', 'many'],
      /'-l, --limit <number>' argument 'many' is invalid. It takes a/,
    );
    await refuses(['action', 'bogus'], /unknown command 'bogus' \(--help lists the commands\)\n$/);
    await refuses(['action', 'list', '--bogus'], /unknown option '--bogus' \(--help lists the options\)\n$/);
    await refuses(['action', 'create'], /missing required argument 'name' \(--help shows the arguments\)\n$/);
    await refuses(['property', 'set', '--auth', 'nocolon'], /the value of --auth is not a key: .* UUID:SECRET/);
    await refuses(['activation', 'get'], /an activation id is required, or --last/);
    await refuses(['action', 'get', 'a/b/c/d'], /'a\/b\/c\/d' is not a name/);
    await refuses(['property', 'set'], /name a property to set/);
    await refuses(['completion', 'tcsh'], /choose bash, zsh, fish/);
  });

  it('prints no part of a key that it refuses', async () => {
    const { err } = await run('property', 'set', '--auth', 'SECRETWITHOUTUUID');
    assert.match(err, /is not a key/);
    assert.doesNotMatch(err, /SECRETW|OUTUUID/);
  });

  it('says what to do if no server answers', async () => {
    const { code, err } = await run('action', 'list', '--apihost', 'http://127.0.0.1:1');
    assert.equal(code, 1);
    assert.match(
      err,
      /^error: no server answers at http:\/\/127\.0\.0\.1:1: start one with 'palette-whisk start'.*\n$/,
    );
  });

  it('keeps properties where wsk keeps them, readable for their user only', async () => {
    writeFileSync(properties, '# a comment\nNAMESPACE=mine\nAUTH=old\n');
    const set = await run('property', 'set', '--apihost', 'https://whisk.example', '--auth', 'uuid:key');
    assert.match(set.out, /^ok: whisk API host set to https:\/\/whisk\.example\nok: whisk auth set\./);
    assert.equal(readFileSync(properties, 'utf8'), 'NAMESPACE=mine\nAUTH=uuid:key\nAPIHOST=https://whisk.example\n');
    assert.equal(statSync(properties).mode & 0o777, 0o600);
    assert.equal((await run('property', 'get', '--auth')).out, 'whisk auth\t\tuuid:key\n');
    assert.equal((await run('property', 'get', '--apihost', '-o', 'raw')).out, 'https://whisk.example\n');
    const unset = await run('property', 'unset', '--apihost', '--auth');
    assert.equal(unset.out, 'ok: whisk API host unset.\nok: whisk auth unset.\n');
    assert.equal(readFileSync(properties, 'utf8'), 'NAMESPACE=mine\n');
  });

  it('uses the local server and the key of guest without properties', async () => {
    assert.equal((await run('property', 'get', '--apihost', '-o', 'raw')).out, 'http://127.0.0.1:3233\n');
    assert.match((await run('property', 'get', '--auth', '-o', 'raw')).out, /^23bc46b1-/);
    const remote = await runCommand(['property', 'get', '--auth', '-o', 'raw'], {
      WSK_CONFIG_FILE: properties,
      WHISK_APIHOST: 'whisk.example',
    });
    assert.equal(remote.out, '\n');
  });

  it('prints scripts for shells', async () => {
    for (const shell of ['bash', 'zsh', 'fish']) assert.match((await run('completion', shell)).out, /__complete/);
  });

  it('completes verbs, options and names', async () => {
    const program = createProgram({
      variables: {},
      home: folder,
      out: () => {},
      err: () => {},
      paint: (_style, text) => text,
      stopping: new AbortController().signal,
    });
    const names = (collection: string) => Promise.resolve(collection === 'actions' ? ['hello', 'pack/hi'] : []);
    const complete = (...words: string[]) => candidates(program, words, names);
    assert.deepEqual(await complete('act'), ['action', 'activation']);
    assert.deepEqual(await complete('activation', 'lo'), ['logs']);
    assert.deepEqual(await complete('action', 'invoke', 'h'), ['hello']);
    assert.deepEqual(await complete('invoke', ''), ['hello', 'pack/hi']);
    assert.deepEqual(await complete('action', 'create', ''), []);
    assert.ok((await complete('action', 'create', 'x', '--')).includes('--kind'));
  });
});
