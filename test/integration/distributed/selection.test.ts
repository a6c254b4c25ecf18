import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { skipWithoutBroker } from '../kafka/broker.js';
import { eventually } from '../../e2e/eventually.js';
import { nodeAction, request, startTopology } from './cluster.js';

/*
 * Invokers for certain actions and namespaces, on processes over Kafka: invoker 0 is for all, 1 has the tag `gpu`, and 2 is
 * dedicated to the namespace `alice`.
 */

const ALICE = `${randomUUID()}:${'a'.repeat(64)}`;
const ROLES: readonly Readonly<Record<string, string>>[] = [
  {},
  { CONFIG_whisk_invoker_resource_tags: 'gpu,fast' },
  { CONFIG_whisk_invoker_dedicated_namespaces: 'alice' },
];

describe('an action on invokers with tags, and on one for a namespace', function () {
  this.timeout(600_000);
  let started: Awaited<ReturnType<typeof startTopology>> | undefined;
  let base: string;

  before(async function () {
    skipWithoutBroker(this);
    started = await startTopology({
      controllers: 1,
      invokers: ROLES.length,
      numbered: true,
      // An invoker that joins gets all its colors at once.
      environment: { COLOR_MOVE_TIME: '0 ms' },
      invokerEnvironment: (index) => ROLES[index] ?? {},
    });
    const { topology } = started;
    await topology.installUsers({ alice: ALICE });
    base = topology.controllers[0]?.url ?? assert.fail('no controller');
  });
  after(() => started?.close());

  const create = async (name: string, annotations: Readonly<Record<string, unknown>>, key?: string): Promise<void> => {
    const body = {
      ...nodeAction('const main = () => ({ ok: true });'),
      annotations: Object.entries(annotations).map(([key, value]) => ({ key, value })),
    };
    const { status } = await request(base, 'PUT', `actions/${name}?overwrite=true`, body, key);
    assert.equal(status, 200);
  };
  /** Invokes the action with twenty colors, so that the records name the invokers. @returns the numbers of the invokers that ran it. */
  const invokersOf = async (name: string, key?: string): Promise<number[]> => {
    const found = new Set<number>();
    for (let i = 0; i < 20; i++) {
      // On a busy machine the pings of the only invokers that may run it can be late.
      const body = await eventually(async () => {
        const answer = await request(base, 'POST', `actions/${name}?blocking=true`, { color: `c${i}` }, key);
        assert.equal(answer.status, 200, JSON.stringify(answer.body));
        return answer.body;
      }, 120_000);
      const annotations = body['annotations'] as { key: string; value: unknown }[];
      const invoker = annotations.find((one) => one.key === 'invoker')?.value;
      found.add(Number(/^invoker(\d+)$/.exec(String(invoker))?.[1]));
    }
    return [...found].toSorted((a, b) => a - b);
  };

  it('runs on the invokers that have all of its tags', async () => {
    await create('infer', { color: '{color}', 'invoker-resources': ['gpu'] });
    assert.deepEqual(await invokersOf('infer'), [1]);
    await create('both', { color: '{color}', 'invoker-resources': ['fast', 'gpu'] });
    assert.deepEqual(await invokersOf('both'), [1]);
  });

  it('runs on the invokers without tags if it has none', async () => {
    await create('plain', { color: '{color}' });
    assert.deepEqual(await invokersOf('plain'), [0]);
  });

  it('is refused with the missing tags, or runs elsewhere if they are only a wish', async () => {
    await create('more', { 'invoker-resources': ['gpu', 'tpu'] });
    const { status, body } = await request(base, 'POST', 'actions/more?blocking=true', {});
    assert.equal(status, 503);
    assert.match(String(body['error']), /^No invoker with the resources gpu, tpu is available\.$/);
    await create('wish', { color: '{color}', 'invoker-resources': ['tpu'], 'invoker-resources-strict-policy': false });
    assert.deepEqual(await invokersOf('wish'), [0]);
  });

  it('of the namespace also runs on its own invoker, and of others never there', async () => {
    await create('own', { color: '{color}' }, ALICE);
    assert.deepEqual(await invokersOf('own', ALICE), [0, 2]);
    assert.deepEqual(await invokersOf('plain'), [0]);
  });
});
