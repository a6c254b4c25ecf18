import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { testServer } from '../conformance/server.js';
import { startTopology } from '../integration/distributed/cluster.js';
import { startFront } from '../../deploy/local/Front.js';
import { skipWithoutBroker } from '../integration/kafka/broker.js';
import { eventually } from './eventually.js';
import { GUEST_KEY } from './keys.js';

/** A server as its clients see it. */
export interface ClientServer {
  readonly base: string;
  /** A user whose namespace has nothing in it yet. */
  readonly user: User;
}

interface User {
  readonly name: string;
  readonly key: string;
}

type Start = (context: Mocha.Context) => Promise<ClientServer & { stop(): Promise<void> }>;

/** One that runs already (`BASE_URL`), or both of ours. Actions run in plain processes: it is clients that are tested. */
const SERVERS: Readonly<Record<string, Start>> = process.env['BASE_URL']
  ? { [process.env['BASE_URL']]: standalone }
  : { standalone, 'two controllers and two invokers': distributed };

/** Tests of a client, against each kind of server. */
export function clientSuite(title: string, suite: (this: Mocha.Suite, server: ClientServer) => void): void {
  for (const [name, start] of Object.entries(SERVERS)) {
    describe(`${title} (${name})`, function () {
      let started: Awaited<ReturnType<Start>> | undefined;
      const running = () => started ?? assert.fail('no server was started');
      before(async function () {
        this.timeout(START_MS);
        started = await start(this);
      });
      after(() => started?.stop());
      suite.call(this, {
        get base() {
          return running().base;
        },
        get user() {
          return running().user;
        },
      });
    });
  }
}

const START_MS = 600_000;

/** A standalone server for one suite, or the one that runs. */
async function standalone(): ReturnType<Start> {
  const server = await testServer(['--process']);
  await eventually(async () => {
    const { status } = await fetch(`${server.base}/invokers/ready`);
    assert.equal(status, 200, 'no invoker is up');
  });
  return { ...server, user: { name: 'guest', key: GUEST_KEY } };
}

/** Its start takes a while: all suites share one installation, each as a user of its own. */
async function distributed(context: Mocha.Context): ReturnType<Start> {
  skipWithoutBroker(context);
  installation ??= startInstallation();
  const running = await installation;
  return { base: running.base, user: await running.addUser(), stop: () => Promise.resolve() };
}

let installation: ReturnType<typeof startInstallation> | undefined;

/** Controllers behind one address, which take requests in turns and tell actions that address. */
async function startInstallation() {
  const front = await startFront();
  const environment = {
    SYSTEM_CATALOG: 'true',
    WHISK_API_HOST_PROTO: 'http',
    WHISK_API_HOST_NAME: '127.0.0.1',
    WHISK_API_HOST_PORT: String(front.port),
  };
  const started = await startTopology({ environment }).catch((error: unknown) => {
    front.close();
    throw error;
  });
  front.forwardTo(started.topology.controllers.map(({ url }) => url));
  return {
    base: front.base,
    async addUser(): Promise<User> {
      const user = { name: `user-${randomUUID()}`, key: `${randomUUID()}:${randomBytes(32).toString('hex')}` };
      await started.topology.installUsers({ [user.name]: user.key });
      return user;
    },
    async close() {
      front.close();
      await started.close();
    },
  };
}

// At the end of the whole run, not of a suite.
after(async function () {
  this.timeout(START_MS);
  const running = await installation?.catch(() => undefined);
  await running?.close();
});
