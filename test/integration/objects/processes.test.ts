import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalProcess } from '../../../deploy/local/LocalProcess.js';
import type { Topology } from '../../../deploy/local/Topology.js';
import { NO_CONTACT } from '../../../invoker/objects/sharing/Sharing.js';
import { WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';
import { eventually } from '../../e2e/eventually.js';
import { ObjectHistory, randomNumbers, type SendCall } from '../../history/ObjectHistory.js';
import { startTopology } from '../distributed/cluster.js';
import { skipWithoutBroker } from '../kafka/broker.js';

const COLORS = ['red', 'green', 'blue'];
const KINDS = ['memory', 'replicated', 'stored'];
const CLIENTS = 6;
/** An invoker counts as down after 10 s. A busy machine takes longer. */
const NOTICED_MS = 120_000;
const GUEST = `Basic ${Buffer.from(WELL_KNOWN_USERS.guest).toString('base64')}`;

describe('the history of each object is linearizable over Kafka', function () {
  this.timeout(600_000);
  let topology: Topology;
  let started: Awaited<ReturnType<typeof startTopology>> | undefined;
  let history: ObjectHistory;
  let running: Promise<void>[];
  let run: { stopped: boolean };
  let tests = 0;
  /** How many homes a test has frozen so long that they lose their contact, and losses of contact before the test. */
  let frozen: number;
  let lapsesBefore: number;

  before(async function () {
    skipWithoutBroker(this);
    const environment = {
      CONFIG_whisk_objects_secret: 'a secret of the cluster',
      CONFIG_whisk_loadbalancer_invokerOffline: '10 s',
    };
    started = await startTopology({ environment, invokers: 3, numbered: true });
    ({ topology } = started);
  });
  after(() => started?.close());

  const sendTo =
    (url: string): SendCall =>
    async ({ path, ...call }) => {
      try {
        const response = await fetch(`${url}/api/v1/namespaces/_/objects${path}`, {
          method: call.method,
          headers: { authorization: GUEST, ...call.headers },
          ...(call.body === undefined ? {} : { body: call.body }),
          signal: AbortSignal.timeout(20_000),
        });
        return { status: response.status, text: await response.text() };
      } catch {
        return undefined;
      }
    };

  beforeEach(async () => {
    const seed = Number(process.env['HISTORY_SEED'] ?? 1);
    // Each test has objects of its own, since a history begins without an object.
    tests++;
    frozen = 0;
    lapsesBefore = lapses();
    const places = COLORS.flatMap((color) => KINDS.map((kind) => `${color}/${kind}/${tests}`));
    history = new ObjectHistory(randomNumbers(seed), places, (place) => String(place.split('/')[1]));
    const own = { stopped: false };
    run = own;
    const client = async (send: SendCall): Promise<void> => {
      while (!own.stopped) {
        await history.step(send);
        await sleep(20);
      }
    };
    const urls = topology.controllers.map(({ url }) => url);
    running = Array.from({ length: CLIENTS }, (_, i) => client(sendTo(urls[i % urls.length] ?? '')));
    await more(30);
  });

  afterEach(async () => {
    await more(30);
    run.stopped = true;
    await Promise.all(running);
    // A machine can be so busy that an invoker which lives is cut off: docs/objects.md says what that loses.
    const busy = lapses() - lapsesBefore - frozen;
    if (busy > 0)
      console.error(`    the machine is so busy that invokers lost their contact to the controllers ${busy} times`);
    for (let i = 0; i < busy; i++) history.mayHaveLost();
    const faults = history.faults();
    assert.equal(faults.length, 0, faults.join('\n'));
  });

  /** How often invokers have lost their contact to the controllers, as their logs say. */
  function lapses(): number {
    const logs = topology.invokers.map(({ name }) => readFileSync(join(started?.folder ?? '', `${name}.log`), 'utf8'));
    return logs.reduce((sum, log) => sum + log.split(NO_CONTACT).length - 1, 0);
  }

  /** Waits for more reads and increments. */
  async function more(count: number): Promise<void> {
    const end = history.successes + count;
    await eventually(async () => {
      assert.ok(history.successes >= end, JSON.stringify([...history.statuses]));
    }, NOTICED_MS);
  }

  async function homeOf(color: string): Promise<LocalProcess> {
    const palette = await fetch(`${topology.controllers[0]?.url}/palette?namespace=guest&color=${color}`);
    const [{ homes }] = (await palette.json()) as [{ homes: number[] }];
    const home = topology.invokers[homes[0] ?? -1];
    assert.ok(home);
    return home;
  }

  /** Waits until all controllers see that an invoker is up, or that it is not. */
  const seen = (invoker: LocalProcess, up: boolean): Promise<void> =>
    eventually(async () => {
      for (const { url } of topology.controllers) {
        const states = (await (await fetch(`${url}/invokers`)).json()) as Record<string, string>;
        const number = topology.invokers.indexOf(invoker);
        const state = Object.entries(states).find(([name]) => name.startsWith(`invoker${number}/`))?.[1];
        assert.equal(state === 'up', up, JSON.stringify(states));
      }
    }, NOTICED_MS);

  it('while homes are frozen, and go on after others have taken their colors over', async () => {
    for (const color of ['red', 'green']) {
      const home = await homeOf(color);
      history.mayLose();
      home.signal('SIGSTOP');
      try {
        await seen(home, false);
        frozen++;
        await more(60);
      } finally {
        home.signal('SIGCONT');
      }
      await seen(home, true);
      await more(60);
    }
  });

  it('while homes are killed and started again', async () => {
    for (const color of ['red', 'blue']) {
      const home = await homeOf(color);
      history.mayLose();
      await home.kill();
      await seen(home, false);
      await more(60);
      await home.start();
      await seen(home, true);
      await more(60);
    }
  });

  it('while a home is frozen for a moment', async () => {
    const home = await homeOf('red');
    history.mayLose();
    // Without a reply in between, the three times are one long one.
    frozen++;
    for (let i = 0; i < 3; i++) {
      home.signal('SIGSTOP');
      await sleep(3000);
      home.signal('SIGCONT');
      await more(20);
    }
  });
});
