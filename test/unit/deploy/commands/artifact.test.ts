import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  readFileSync,
  readlinkSync,
  utimesSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readExec, zipFolder } from '../../../../deploy/commands/client/artifact.js';
import { CommandError } from '../../../../deploy/commands/client/CommandError.js';
import { unpack } from '../../../../invoker/runtimes/nodejs/archive.js';

describe('the code of an action', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'palette-whisk-artifact-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const refused = (work: Promise<unknown>, reason: RegExp) =>
    assert.rejects(work, (error: unknown) => error instanceof CommandError && reason.test(error.message));

  it('gets its kind from the extension of a source', async () => {
    const code = 'function main() {}';
    assert.deepEqual(await readExec(file('a.js', code), {}), { kind: 'nodejs:default', code });
    assert.deepEqual(await readExec(file('a.ts', code), {}), { kind: 'nodejs:default', code });
    assert.deepEqual(await readExec(file('a.py', code), { main: 'run' }), {
      kind: 'python:default',
      main: 'run',
      code,
    });
    assert.deepEqual(await readExec(file('a.txt', code), { kind: 'nodejs:20' }), { kind: 'nodejs:20', code });
    const jar = await readExec(file('a.jar', 'PK'), { main: 'Main' });
    assert.deepEqual(jar, { kind: 'java:default', main: 'Main', code: Buffer.from('PK').toString('base64') });
  });

  it('is refused with a remedy if its kind is unknown or it is not there', async () => {
    await refused(readExec(file('a.txt', ''), {}), /--kind KIND/);
    await refused(readExec(file('a.zip', ''), {}), /--kind nodejs:default/);
    await refused(readExec(file('b.jar', ''), {}), /--main/);
    await refused(readExec(join(folder, 'none.js'), {}), /none\.js' does not exist/);
    mkdirSync(join(folder, 'empty'));
    await refused(readExec(join(folder, 'empty'), {}), /neither package\.json, index\.js nor __main__\.py/);
  });

  it('of a folder is an archive that the runtime unpacks, with links and permissions', async () => {
    const source = join(folder, 'source');
    mkdirSync(join(source, 'lib'), { recursive: true });
    writeFileSync(join(source, 'package.json'), '{"main":"index.js"}');
    writeFileSync(join(source, 'lib/tool'), '#!/bin/sh\n');
    chmodSync(join(source, 'lib/tool'), 0o755);
    symlinkSync('lib/tool', join(source, 'link'));
    const exec = await readExec(source, {});
    assert.equal(exec['kind'], 'nodejs:default');
    const target = join(folder, 'target');
    mkdirSync(target);
    unpack(Buffer.from(exec['code'] as string, 'base64'), target);
    assert.equal(readFileSync(join(target, 'package.json'), 'utf8'), '{"main":"index.js"}');
    assert.equal(statSync(join(target, 'lib/tool')).mode & 0o111, 0o111);
    assert.equal(readlinkSync(join(target, 'link')), 'lib/tool');
  });

  it('of a folder is the same if its files are', async () => {
    const source = join(folder, 'same');
    mkdirSync(source);
    writeFileSync(join(source, 'index.js'), 'x');
    const before = await zipFolder(source);
    utimesSync(join(source, 'index.js'), new Date(0), new Date(0));
    assert.deepEqual(await zipFolder(source), before);
  });
});
