import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { unpackTar } from '../../../../../invoker/containers/oci/images/tar.js';

/** The bytes of a file of at most 512 bytes in an archive, with its header. */
const MEMBER = 1024;

describe('the archive of an image', () => {
  let folder: string;
  let into: string;
  let bytes: Buffer;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pw-tar-'));
    into = join(folder, 'into');
    mkdirSync(into);
    for (const name of ['first', 'second']) writeFileSync(join(folder, name), name);
    execFileSync('tar', ['-cf', join(folder, 'archive.tar'), '-C', folder, 'first', 'second']);
    bytes = readFileSync(join(folder, 'archive.tar'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is unpacked from a stream, whatever follows its end', async () => {
    await unpackTar(Readable.from([bytes, Buffer.alloc(4 * 1024 * 1024)]), into);
    assert.deepEqual(readdirSync(into), ['first', 'second']);
    assert.equal(readFileSync(join(into, 'second'), 'utf8'), 'second');
  });

  it('is refused if its stream fails between two files', async () => {
    const stream = Readable.from(
      (async function* () {
        yield bytes.subarray(0, MEMBER);
        throw new Error('the engine is gone');
      })(),
    );
    await assert.rejects(unpackTar(stream, into), /^Error: the archive is cut off: the engine is gone$/);
    assert.deepEqual(readdirSync(into), ['first']);
  });

  it('is refused if its stream is closed before its end', async () => {
    const stream = new PassThrough();
    const unpacking = unpackTar(stream, into);
    stream.write(bytes.subarray(0, MEMBER), () => stream.destroy());
    await assert.rejects(unpacking, /^Error: the archive is cut off: /);
  });

  it('is given up if its stream brings no more, as that of an engine that is frozen', async () => {
    const stream = new PassThrough();
    stream.write(bytes.subarray(0, MEMBER));
    await assert.rejects(unpackTar(stream, into, undefined, 500), /^Error: tar did not end within 0.5 s$/);
    assert.ok(stream.destroyed);
  });

  it('is read no further if tar fails, whose reason is told', async () => {
    const stream = Readable.from(
      (function* () {
        yield bytes;
        for (;;) yield Buffer.alloc(64 * 1024);
      })(),
    );
    const missing = join(folder, 'missing');
    await assert.rejects(unpackTar(stream, missing), /^Error: tar failed: .*missing/s);
    assert.ok(stream.destroyed);
    assert.equal(existsSync(missing), false);
  });
});
