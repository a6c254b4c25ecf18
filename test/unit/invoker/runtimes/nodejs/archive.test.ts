import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { strToU8, zipSync, type Zippable } from 'fflate';
import { loadAction } from '../../../../../invoker/runtimes/nodejs/action.js';
import { unpack } from '../../../../../invoker/runtimes/nodejs/archive.js';

describe('archives of actions', () => {
  const here = process.cwd();
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'pw-archive-'))));
  afterEach(() => {
    process.chdir(here);
    rmSync(folder, { recursive: true });
  });

  function zip(files: Zippable): Buffer {
    return Buffer.from(zipSync(files));
  }

  function tarGz(...args: string[]): Buffer {
    return execFileSync('tar', ['-cz', ...args], { maxBuffer: 1 << 24 });
  }

  /** Loads an archive as `/init` would, in a folder of its own, and runs it. */
  async function run(archive: Buffer, main = 'main'): Promise<unknown> {
    process.chdir(folder);
    const handler = await loadAction({ code: archive.toString('base64'), main, binary: true });
    return handler({});
  }

  describe('as zip', () => {
    it('are unpacked with folders, modes and links', () => {
      const target = join(folder, 'out');
      mkdirSync(target);
      unpack(
        zip({
          'a.txt': strToU8('stored'),
          'deep/er/b.txt': [strToU8('x'.repeat(5000)), { level: 9 }],
          'empty/': new Uint8Array(),
          'run.sh': [strToU8('#!/bin/sh'), { os: 3, attrs: 0o100755 << 16 }],
          link: [strToU8('deep/er/b.txt'), { os: 3, attrs: 0o120777 << 16 }],
        }),
        target,
      );
      assert.equal(readFileSync(join(target, 'a.txt'), 'utf8'), 'stored');
      assert.equal(readFileSync(join(target, 'link'), 'utf8'), 'x'.repeat(5000));
      assert.equal(readlinkSync(join(target, 'link')), 'deep/er/b.txt');
      assert.ok(statSync(join(target, 'empty')).isDirectory());
      assert.equal(statSync(join(target, 'run.sh')).mode & 0o111, 0o111);
      assert.equal(statSync(join(target, 'a.txt')).mode & 0o111, 0);
    });

    for (const path of ['../out.txt', '/etc/out.txt', 'a/../../out.txt']) {
      it(`are refused when they lead outside, as by ${path}`, () => {
        assert.throws(() => unpack(zip({ [path]: strToU8('x') }), folder), {
          message: 'There was an error uncompressing the action Zip archive.',
        });
      });
    }

    it('are refused when they are damaged', () => {
      const archive = zip({ 'a.txt': [strToU8('y'.repeat(1000)), { level: 0 }] });
      archive.write('z', 200);
      for (const damaged of [archive, archive.subarray(0, -30)]) {
        assert.throws(() => unpack(damaged, folder), /There was an error uncompressing the action Zip archive\./);
      }
    });
  });

  describe('as tar.gz', () => {
    it('are unpacked with long names, modes and links, as GNU tar and as POSIX write them', () => {
      const source = join(folder, 'in');
      const long = `${'d'.repeat(90)}/${'e'.repeat(90)}/${'f'.repeat(120)}.txt`;
      mkdirSync(join(source, long, '..'), { recursive: true });
      writeFileSync(join(source, long), 'long');
      writeFileSync(join(source, 'run.sh'), '#!/bin/sh');
      chmodSync(join(source, 'run.sh'), 0o755);
      symlinkSync(long, join(source, 'link'));
      for (const format of ['gnu', 'posix']) {
        const target = join(folder, format);
        mkdirSync(target);
        unpack(tarGz(`--format=${format}`, '-C', source, '.'), target);
        assert.equal(readFileSync(join(target, long), 'utf8'), 'long');
        assert.equal(readlinkSync(join(target, 'link')), long);
        assert.equal(statSync(join(target, 'run.sh')).mode & 0o111, 0o111);
      }
    });
  });

  it('are refused in another format', () => {
    assert.throws(() => unpack(Buffer.from('hello'), folder), {
      message: 'There was an error uncompressing the action archive. The file type is unsupported',
    });
  });

  describe('as actions', () => {
    it('start at the file that package.json names, else at index.js', async () => {
      const code = strToU8('exports.main = () => ({ here: require("./lib/x") })');
      const lib = { lib: { 'x.js': strToU8('module.exports = __filename.endsWith("/lib/x.js")') } };
      assert.deepEqual(await run(zip({ 'index.js': code, ...lib })), { here: true });
      assert.deepEqual(await run(zip({ 'package.json': strToU8('{"main":"start.js"}'), 'start.js': code, ...lib })), {
        here: true,
      });
    });

    it('start at another module, and nested functions, by name', async () => {
      const archive = zip({ 'index.js': strToU8(''), 'other.js': strToU8('exports.a = { b: () => ({ other: 1 }) }') });
      assert.deepEqual(await run(archive, 'other.a.b'), { other: 1 });
    });

    it('find the packages that they bring', async () => {
      const archive = zip({
        'index.js': strToU8('exports.main = () => ({ name: require("brought").name })'),
        node_modules: { brought: { 'index.js': strToU8('exports.name = "brought"') } },
      });
      assert.deepEqual(await run(archive), { name: 'brought' });
    });

    it('may be ES modules', async () => {
      const code = strToU8('import { sep } from "node:path"; await null; export const main = () => ({ sep })');
      assert.deepEqual(await run(zip({ 'package.json': strToU8('{"type":"module","main":"a.js"}'), 'a.js': code })), {
        sep: '/',
      });
      assert.deepEqual(await run(zip({ 'package.json': strToU8('{"main":"a.mjs"}'), 'a.mjs': code })), { sep: '/' });
    });

    it('run in their own folder, from tar.gz too', async () => {
      const source = join(folder, 'in');
      mkdirSync(source);
      writeFileSync(
        join(source, 'index.js'),
        'exports.main = () => ({ data: require("fs").readFileSync("data", "utf8") })',
      );
      writeFileSync(join(source, 'data'), 'beside');
      assert.deepEqual(await run(tarGz('-C', source, '.')), { data: 'beside' });
    });

    it('name what is missing, without a stack of ours', async () => {
      const cases: ReadonlyArray<readonly [Zippable, string, string]> = [
        [
          { 'a.txt': strToU8('') },
          'main',
          'Zipped actions must contain either package.json or index.js at the root. At its root it has: a.txt.',
        ],
        [
          { project: { 'index.js': strToU8('') } },
          'main',
          'Zipped actions must contain either package.json or index.js at the root. ' +
            "Its files are in the folder 'project': make the archive inside of that folder.",
        ],
        [
          { 'package.json': strToU8('{"main":"dist/start.js"}'), src: { 'start.ts': strToU8('') } },
          'main',
          "The archive's package.json names 'dist/start.js' as its main file, which the archive lacks. " +
            'At its root it has: package.json, src.',
        ],
        [
          { 'package.json': strToU8('{"name":"x"}'), 'start.js': strToU8('') },
          'main',
          'The archive has neither a "main" in its package.json nor an index.js. ' +
            'At its root it has: package.json, start.js.',
        ],
        [
          { 'index.js': strToU8('') },
          'main',
          "Action entrypoint 'main' is not a function. " +
            "Define or export a function 'main', or name another one with --main.",
        ],
        [{ 'index.js': strToU8('') }, 'other.main', "The archive has no module 'other'. At its root it has: index.js."],
        [{ 'index.js': strToU8('') }, '.', 'Name of main function is not valid.'],
      ];
      for (const [files, main, message] of cases) {
        await assert.rejects(run(zip(files), main), (error: Error) => {
          assert.equal(error.stack, message);
          return true;
        });
      }
      await assert.rejects(run(Buffer.from('none')), /The file type is unsupported/);
      await assert.rejects(
        run(zip({ 'package.json': strToU8('{"main": index.js}'), 'index.js': strToU8('') })),
        /^Error: The archive's package\.json is not valid JSON: SyntaxError: Unexpected token/,
      );
    });

    it('may have a package.json with a byte order mark', async () => {
      const manifest = strToU8('\uFEFF{"type":"module","main":"a.js"}');
      const code = strToU8('export const main = () => ({ here: true })');
      assert.deepEqual(await run(zip({ 'package.json': manifest, 'a.js': code })), { here: true });
    });

    it('may export a default, and await at the top level without a type', async () => {
      const code = strToU8('const x = await Promise.resolve(1); export default () => ({ x })');
      assert.deepEqual(await run(zip({ 'index.mjs': code })), { x: 1 });
      assert.deepEqual(await run(zip({ 'index.js': code })), { x: 1 });
    });

    it('may be TypeScript that imports TypeScript', async () => {
      const files = {
        'index.ts': strToU8(
          'import { n, type N } from "./lib/n.ts"; export const main = (): { n: N } => ({ n: n satisfies N })',
        ),
        lib: { 'n.ts': strToU8('export type N = number; export const n: N = 1') },
      };
      assert.deepEqual(await run(zip(files)), { n: 1 });
      const named = { 'package.json': strToU8('{"main":"index.ts"}'), ...files };
      assert.deepEqual(await run(zip(named)), { n: 1 });
    });

    it('name the file and the line of a syntax error', async () => {
      const faulty = strToU8('const a = 1;\nconst b = ;\n');
      const cases: ReadonlyArray<readonly [Zippable, string]> = [
        [{ 'index.js': faulty }, 'index\\.js'],
        [{ 'index.js': strToU8('require("./x")'), 'x.js': faulty }, 'x\\.js'],
        [{ 'index.mjs': strToU8('import "./x.mjs"'), 'x.mjs': faulty }, 'x\\.mjs'],
      ];
      for (const [files, name] of cases) {
        await assert.rejects(run(zip(files)), (error: Error) => {
          assert.match(
            error.stack ?? '',
            new RegExp(`^SyntaxError: Unexpected token ';'\\n {4}at /.*/${name}:2:11\\n {2}2 \\| const b = ;`),
          );
          return true;
        });
      }
    });
  });
});
