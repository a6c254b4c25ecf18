import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '../e2e/eventually.js';
import { commandBlocks, runPage } from './docs/runPage.js';
import { Workplace } from './docs/Workplace.js';
import { startServerProcess, type ServerProcess } from './standalone/serverProcess.js';

/** What the examples print. */
const PRINTED = {
  cache: { invocations: 10, same: true, queries: 1 },
  timelines: { home: { posts: 6, fromDatabase: 6 }, wall: { posts: 4, fromDatabase: 1 } },
  election: { terms: [1, 2, 3, 4, 5], mostLeadersAtOnce: 1 },
  training: { lossBefore: 0.69, lossAfter: 0.21, sameAsAlone: true, pipelineSameAsAlone: true },
  analytics: {
    scanned: 10_500,
    joined: 7500,
    total: { AUTOMOBILE: 8_872_682, BUILDING: 8_159_202, FURNITURE: 7_981_198 },
    same: true,
  },
};

describe('the examples', function () {
  this.timeout(600_000);
  let server: ServerProcess;
  let url: string;
  const data = mkdtempSync(join(tmpdir(), 'palette-whisk-examples-'));

  before(async () => {
    server = startServerProcess(['--port', '0', '--data', data, '--process', '--no-catalog', '--invokers', '2']);
    url = await server.ready();
  });
  after(async () => {
    server.signal('SIGTERM');
    await server.exited();
    rmSync(data, { recursive: true, force: true });
  });

  for (const [name, printed] of Object.entries(PRINTED)) {
    it(`${name} does what its README says`, async () => {
      const run = promisify(execFile)(process.execPath, [join('examples', name, 'run.mjs')], {
        env: { ...process.env, __OW_API_HOST: url },
        timeout: 150_000,
      });
      const { stdout } = await run.catch((error: Error) => assert.fail(`${error.message}\n${server.output()}`));
      assert.deepEqual(JSON.parse(stdout), printed);
    });
  }
});

/** The examples that are deployed by `palette-whisk`. Their READMEs show the commands and what these print. */
const FIRST_FUNCTIONS = ['form', 'dependencies', 'cron', 'pipeline', 'color-cache'];

describe('the first examples', function () {
  this.timeout(600_000);
  let workplace: Workplace;

  before(() => {
    workplace = new Workplace(['--invokers', '2']);
  });
  after(() => workplace.close());

  for (const name of FIRST_FUNCTIONS) {
    it(`${name} does what its README shows`, async () => {
      const page = `examples/${name}/README.md`;
      const blocks = commandBlocks(page).length;
      assert.ok(blocks > 0);
      assert.deepEqual(await runPage(page, workplace), { run: blocks, marked: 0 });
    });
  }

  it('cron runs its function by its alarm', async () => {
    await workplace.startServer();
    workplace.beginSession();
    const deployed = await workplace.run('palette-whisk dev examples/cron');
    assert.equal(deployed.code, 0, deployed.output);
    await eventually(async () => {
      const { output } = await workplace.run('palette-whisk activation list --limit 10');
      assert.match(
        output,
        /guest\/every-two-seconds[^]*success +guest\/clean-up|success +guest\/clean-up[^]*guest\/every-two-seconds/,
      );
    });
  });
});
