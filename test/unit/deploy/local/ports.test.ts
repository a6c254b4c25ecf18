import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstDynamicPort, freePorts, listens, LOWEST } from '../../../../deploy/local/ports.js';

/** As if the system took ports from here on by itself. */
const FIRST = 32_768;
const SPAN = FIRST - LOWEST;

describe('free ports', () => {
  it('are below those that the system gives to connections, and differ', async () => {
    const ports = await freePorts(20, undefined, FIRST);
    assert.equal(new Set(ports).size, 20);
    assert.ok(LOWEST > 10_080, 'fetch refuses port 10080');
    for (const port of ports) assert.ok(port >= LOWEST && port < FIRST, `port ${port}`);
  });

  it('are not those on which a process listens', async () => {
    const [taken = 0] = await freePorts(1, undefined, FIRST);
    const server = createServer().listen(taken, '127.0.0.1');
    await once(server, 'listening');
    try {
      assert.equal(await listens(taken), true);
      const turns = [(taken - LOWEST + 0.5) / SPAN, Math.random()];
      const [found] = await freePorts(1, () => turns.shift() ?? Math.random(), FIRST);
      assert.notEqual(found, taken);
    } finally {
      server.close();
    }
  });

  it('are any of the system where its own range begins too low', async () => {
    const [port = 0] = await freePorts(1, () => assert.fail('it chose a port'), 1024);
    assert.ok(port > 0);
  });

  it('are an error where none is free', async () => {
    const [taken = 0] = await freePorts(1, undefined, FIRST);
    const server = createServer().listen(taken, '127.0.0.1');
    await once(server, 'listening');
    try {
      const same = (): number => (taken - LOWEST + 0.5) / SPAN;
      await assert.rejects(freePorts(1, same, FIRST), new RegExp(`^Error: no 1 free ports from ${LOWEST} to \\d+$`));
    } finally {
      server.close();
    }
  });
});

describe('the range of ports that the system takes', () => {
  it('is read from Linux, and is the usual one elsewhere', () => {
    const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-ports-'));
    try {
      const file = join(folder, 'range');
      assert.equal(firstDynamicPort(file), 32_768);
      writeFileSync(file, 'odd');
      assert.equal(firstDynamicPort(file), 32_768);
      writeFileSync(file, '20000\t60999\n');
      assert.equal(firstDynamicPort(file), 20_000);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
