import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseLdd } from '../../../../../invoker/runtimes/image/Root.js';
import { fingerprint } from '../../../../../invoker/runtimes/image/rootfs.js';
import { tar, type RootEntry } from '../../../../../invoker/runtimes/image/tar.js';

describe('the runtime’s image', () => {
  it('finds the libraries of a program, as glibc and as musl list them', () => {
    const glibc = `\tlinux-vdso.so.1 (0x00007f3e749f8000)
\tlibdl.so.2 => /lib/x86_64-linux-gnu/libdl.so.2 (0x00007f3e749e1000)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f3e7441e000)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f3e749fa000)\n`;
    assert.deepEqual(parseLdd(glibc), [
      '/lib/x86_64-linux-gnu/libdl.so.2',
      '/lib/x86_64-linux-gnu/libc.so.6',
      '/lib64/ld-linux-x86-64.so.2',
    ]);
    const musl = `\t/lib/ld-musl-x86_64.so.1 (0x7f0000000000)
\tlibstdc++.so.6 => /usr/lib/libstdc++.so.6 (0x7f1000000000)\n`;
    assert.deepEqual(parseLdd(musl), ['/lib/ld-musl-x86_64.so.1', '/usr/lib/libstdc++.so.6']);
    assert.deepEqual(parseLdd('\tstatically linked\n'), []);
    assert.throws(() => parseLdd('\tlibx.so.1 => not found\n'), /libx\.so\.1/);
  });

  it('is written as a tar that tar reads', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pw-tar-'));
    try {
      const source = join(folder, 'source');
      writeFileSync(source, 's'.repeat(70_000));
      const long = `/${'a'.repeat(60)}/${'b'.repeat(60)}/c.txt`;
      const entries: RootEntry[] = [
        { type: 'folder', path: '/tmp', mode: 0o1777 },
        { type: 'file', path: '/etc/passwd', data: Buffer.from('root\n') },
        { type: 'copy', path: '/bin/program', from: source, size: 70_000, mode: 0o755 },
        { type: 'file', path: long, data: Buffer.from('x'.repeat(512)) },
        { type: 'link', path: '/link', target: 'bin/program' },
      ];
      const chunks: Buffer[] = [];
      for await (const chunk of tar(entries)) chunks.push(chunk);
      execFileSync('tar', ['-xp', '-C', folder], { input: Buffer.concat(chunks) });
      assert.equal(statSync(join(folder, 'tmp')).mode & 0o7777, 0o1777);
      assert.equal(readFileSync(join(folder, 'etc/passwd'), 'utf8'), 'root\n');
      assert.equal(readFileSync(join(folder, 'link'), 'utf8'), 's'.repeat(70_000));
      assert.equal(statSync(join(folder, 'bin/program')).mode & 0o777, 0o755);
      assert.equal(readFileSync(join(folder, long), 'utf8'), 'x'.repeat(512));
      assert.equal(readlinkSync(join(folder, 'link')), 'bin/program');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('has the same fingerprint for the same content, wherever the files lie and however old they are', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pw-print-'));
    try {
      const entry = (checkout: string, content: string, seconds: number): RootEntry & { type: 'copy' } => {
        const from = join(folder, checkout, 'program');
        mkdirSync(join(folder, checkout), { recursive: true });
        writeFileSync(from, content);
        utimesSync(from, seconds, seconds);
        return { type: 'copy', path: '/bin/program', from, size: content.length, mode: 0o755 };
      };
      const first = await fingerprint([entry('a', 'one', 1000)]);
      assert.equal(await fingerprint([entry('b', 'one', 2000)]), first);
      assert.notEqual(await fingerprint([entry('b', 'two', 2000)]), first);
      assert.notEqual(await fingerprint([{ ...entry('b', 'one', 2000), path: '/bin/other' }]), first);
      assert.notEqual(await fingerprint([{ ...entry('b', 'one', 2000), mode: 0o644 }]), first);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('refuses a path that a tar cannot hold, and a file that changed', async () => {
    const drain = async (entry: RootEntry): Promise<void> => {
      for await (const chunk of tar([entry])) assert.ok(chunk);
    };
    await assert.rejects(drain({ type: 'file', path: `/${'a'.repeat(200)}`, data: Buffer.from('') }), /too long/);
    const from = import.meta.filename;
    await assert.rejects(drain({ type: 'copy', path: '/x', from, size: 1 }), /changed while it was read/);
  });
});
