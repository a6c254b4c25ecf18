import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** The modules of a standalone server with processes as containers. */
const MODULES = ['server', 'controller', 'invoker', 'start'].map((name) =>
  new URL(`../../../../deploy/standalone/${name}.js`, import.meta.url).toString(),
);
/** Each of these has a hundred files or more, or is for engines that a standalone server does not use. */
const UNUSED = ['kafkajs', 'undici', 'nano'];

describe('the modules of a standalone server', () => {
  it('load no clients of Kafka and CouchDB, and no HTTP client', async () => {
    const script = `
      import { createRequire } from 'node:module';
      for (const path of ${JSON.stringify(MODULES)}) await import(path);
      const paths = Object.keys(createRequire(import.meta.url).cache);
      const packages = paths.map((path) => /.*node_modules.((?:@[^/\\\\]+.)?[^/\\\\]+)/.exec(path)?.[1] ?? path);
      console.log(JSON.stringify([...new Set(packages)]));
    `;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
    const loaded = JSON.parse(stdout) as string[];
    // The list is that of the server.
    assert.ok(loaded.includes('express'), stdout);
    assert.deepEqual(
      loaded.filter((name) => UNUSED.includes(name)),
      [],
    );
  });
});
