import assert from 'node:assert/strict';
import { testServer, type TestServer } from '../conformance/server.js';
import { eventually } from './eventually.js';

export type { TestServer };

/**
 * A server that takes invocations. Its actions run in plain processes: it is clients that are tested with it, not
 * containers.
 */
export async function clientServer(): Promise<TestServer> {
  const server = await testServer(['--process']);
  await eventually(async () => {
    const { status } = await fetch(`${server.base}/invokers/ready`);
    assert.equal(status, 200, 'no invoker is up');
  });
  return server;
}
