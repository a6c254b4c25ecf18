import assert from 'node:assert/strict';
import { eventually } from '../../e2e/eventually.js';
import { skipWithoutOwnBroker } from '../kafka/broker.js';
import { nodeAction, request, startCluster, type Cluster } from './cluster.js';

/** A killed member holds its group's place for 6 s, and controllers are seen to be gone after 5 s. */
const RECORDED_MS = 120_000;

describe('two controllers on one database', function () {
  this.timeout(600_000);
  let cluster: Cluster;
  let one: string;
  let other: string;

  before(async function () {
    skipWithoutOwnBroker(this);
    cluster = await startCluster({ environment: { CONTROLLER_STAND_IN_AFTER: '1 s' } });
    [one = '', other = ''] = cluster.topology.controllers.map(({ url }) => url);
    const slow = 'function main() { return new Promise((resolve) => setTimeout(resolve, 1500, {})); }';
    await created('actions/slow', nodeAction(slow));
    await created('actions/quick', nodeAction('function main() { return {}; }'));
    const components = ['/_/slow', '/_/slow'];
    await created('actions/twice', { exec: { kind: 'sequence', components } });
    await created('triggers/event', {});
  });
  after(() => (cluster as Cluster | undefined)?.close());

  async function created(path: string, body: object): Promise<void> {
    const put = await request(one, 'PUT', `${path}?overwrite=true`, body);
    assert.equal(put.status, 200, JSON.stringify(put.body));
  }
  const listed = async (collection: string): Promise<string[]> => {
    const { body } = await request(other, 'GET', `${collection}?limit=200`);
    return (body as unknown as { name: string; activationId?: string }[]).map(
      ({ name, activationId }) => activationId ?? name,
    );
  };

  it('answer nothing of what the other one has deleted, by its name, in a list or when it is fired', async () => {
    for (let round = 0; round < 10; round += 1) {
      await created('actions/gone', nodeAction('function main() { return {}; }'));
      await created('rules/broken', { trigger: '/_/event', action: '/_/gone' });
      for (const path of ['rules/broken', 'actions/gone', 'triggers/event']) {
        assert.equal((await request(other, 'GET', path)).status, 200, path);
      }
      assert.equal((await request(other, 'POST', 'triggers/event', {})).status, 202);
      for (const path of ['rules/broken', 'actions/gone']) {
        assert.equal((await request(one, 'DELETE', path)).status, 200, path);
        await eventually(async () => assert.equal((await request(other, 'GET', path)).status, 404, path));
        const [collection = '', name = ''] = path.split('/');
        assert.ok(!(await listed(collection)).includes(name), path);
      }
      assert.equal((await request(other, 'POST', 'triggers/event', {})).status, 204);
    }
  });

  it('list what they find by its id, wherever it was invoked', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { body } = await request(one, 'POST', 'actions/quick', {});
      const id = String(body['activationId']);
      await eventually(async () => assert.equal((await request(other, 'GET', `activations/${id}`)).status, 200));
      assert.ok((await listed('activations')).includes(id));
    }
  });

  it('answer a change although the bus is frozen, and the other one learns of it when it goes on', async () => {
    const version = async (): Promise<unknown> => (await request(other, 'GET', 'actions/changed')).body['version'];
    await created('actions/changed', nodeAction('function main() { return { a: 1 }; }'));
    await eventually(async () => assert.equal(await version(), '0.0.1'));
    await cluster.broker.freeze();
    try {
      await created('actions/changed', nodeAction('function main() { return { a: 2 }; }'));
    } finally {
      cluster.broker.thaw();
    }
    await eventually(async () => assert.equal(await version(), '0.0.2'));
    await cluster.topology.ready();
  });

  describe('of which one is killed', () => {
    /** The answers of what was accepted by the one before it was killed. */
    async function killedAmid(): Promise<string[]> {
      await created('rules/fired', { trigger: '/_/event', action: '/_/slow' });
      const asked = Array.from({ length: 24 }, (_, i) =>
        request(one, 'POST', i % 3 === 2 ? 'triggers/event' : 'actions/twice', {}),
      );
      const ids = (await Promise.all(asked)).map(({ status, body }) => {
        assert.equal(status, 202, JSON.stringify(body));
        return String(body['activationId']);
      });
      await cluster.topology.controllers[0]?.kill();
      return ids;
    }
    const recorded = async (ids: readonly string[]): Promise<string[]> => {
      const errors = new Set<string>();
      for (const id of ids) {
        const { body } = await eventually(async () => {
          const found = await request(other, 'GET', `activations/${id}`);
          assert.equal(found.status, 200, id);
          return found;
        }, RECORDED_MS);
        const { success, result } = body['response'] as { success: boolean; result: { error?: string } };
        if (!success) errors.add(String(result.error));
      }
      const all = await listed('activations');
      for (const id of ids) assert.equal(all.filter((each) => each === id).length, 1, id);
      return [...errors];
    };

    it('have a record of each sequence and each fired trigger that it had accepted', async () => {
      assert.deepEqual(await recorded(await killedAmid()), [
        'The server stopped before this activation ended. Parts of it may have run.',
      ]);
      await cluster.topology.controllers[0]?.start();
      await cluster.topology.ready();
    });

    it('have them, too, if it restarts before the other controller stands in for it', async () => {
      const ids = await killedAmid();
      await cluster.topology.controllers[0]?.start();
      await recorded(ids);
    });
  });
});
