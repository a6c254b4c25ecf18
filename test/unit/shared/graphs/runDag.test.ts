import assert from 'node:assert/strict';
import {
  chainColoring,
  DagError,
  DagRunError,
  runDag,
  type Dag,
  type DagNode,
  type InvokingClient,
  type Progress,
  type RunOptions,
} from '../../../../shared/graphs/index.js';

/*
 * How `runDag` orders, bounds, repeats and gives up. The client here answers as the `openwhisk` client does; with that
 * client itself and a server it runs in test/integration/colors.test.ts.
 */

type Options = Parameters<InvokingClient['actions']['invoke']>[0];

class Answering implements InvokingClient {
  readonly calls: Options[] = [];
  underWay = 0;
  most = 0;
  readonly #answer: (options: Options, call: number) => unknown;
  readonly #records: Map<string, unknown>;

  constructor(answer: (options: Options, call: number) => unknown, records = new Map<string, unknown>()) {
    this.#answer = answer;
    this.#records = records;
  }

  readonly actions = {
    invoke: async (options: Options): Promise<unknown> => {
      this.calls.push(options);
      const call = this.calls.length;
      this.most = Math.max(this.most, ++this.underWay);
      await new Promise((resolve) => setTimeout(resolve, 2));
      this.underWay--;
      const answer = this.#answer(options, call);
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };

  readonly activations = {
    get: ({ name }: { name: string }): Promise<unknown> => {
      const record = this.#records.get(name);
      return record === undefined
        ? Promise.reject(Object.assign(new Error('not found'), { statusCode: 404 }))
        : Promise.resolve(record);
    },
  };
}

const ended = (result: unknown) => ({ activationId: 'a'.repeat(32), response: { result, success: true } });
const failing = (statusCode: number | undefined, body: unknown = {}): Error =>
  Object.assign(new Error(statusCode === undefined ? 'connect ECONNREFUSED' : 'failed'), { statusCode, error: body });

const DIAMOND: Dag = {
  nodes: [{ id: 'a' }, { id: 'b' }, { id: 'c', weight: 9 }, { id: 'd' }],
  edges: [
    { from: 'a', to: 'b' },
    { from: 'a', to: 'c' },
    { from: 'b', to: 'd' },
    { from: 'c', to: 'd' },
  ],
};
const invocation = (node: { id: string }, inputs: ReadonlyMap<string, unknown>) => ({
  action: `step-${node.id}`,
  params: { inputs: Object.fromEntries(inputs) },
});
const fast = { invocation, retryDelayMs: 1 };

describe('running a graph', () => {
  it('invokes each node once, with its color and its inputs', async () => {
    const client = new Answering(({ name }) => ended(name));
    const coloring = chainColoring(DIAMOND);
    const results = await runDag(client, DIAMOND, coloring, fast);
    assert.deepEqual(Object.fromEntries(results), { a: 'step-a', b: 'step-b', c: 'step-c', d: 'step-d' });
    assert.deepEqual(
      client.calls.map(({ name }) => name),
      ['step-a', 'step-c', 'step-b', 'step-d'],
      'the longest path ahead first',
    );
    for (const { name, headers, blocking } of client.calls) {
      assert.deepEqual(headers, {
        'X-OpenWhisk-Color': coloring.get(name.slice('step-'.length)),
        'X-OpenWhisk-Color-Policy': 'least-assigned; patience=0',
      });
      assert.equal(blocking, true);
    }
    assert.deepEqual(client.calls[3]?.params, { inputs: { b: 'step-b', c: 'step-c' } });
  });

  it('invokes a node without a color without one, and a color beyond ASCII in UTF-8', async () => {
    const client = new Answering(() => ended(1));
    await runDag(client, { nodes: [{ id: 'a' }, { id: 'b' }], edges: [] }, new Map([['a', 'blü']]), fast);
    assert.deepEqual(
      client.calls.map(({ headers }) => headers),
      [{ 'X-OpenWhisk-Color': 'blÃ¼', 'X-OpenWhisk-Color-Policy': 'least-assigned; patience=0' }, {}],
    );
  });

  it('asks for results by reference if it is told to', async () => {
    const header = async (references: RunOptions<DagNode>['references']) => {
      const client = new Answering(() => ended(1));
      await runDag(client, { nodes: [{ id: 'a' }], edges: [] }, new Map(), { ...fast, references });
      return client.calls[0]?.headers['X-OpenWhisk-Result'];
    };
    assert.equal(await header(undefined), undefined);
    assert.equal(await header(false), undefined);
    assert.equal(await header(true), 'reference');
    assert.equal(
      await header({ overBytes: 1000, persistence: 'stored', ttlS: 60 }),
      'reference; over=1000; persistence=stored; ttl=60',
    );
  });

  it('has no more under way than it may', async () => {
    const wide = { nodes: Array.from({ length: 20 }, (_, i) => ({ id: `${i}` })), edges: [] };
    const client = new Answering(() => ended(1));
    await runDag(client, wide, new Map(), { ...fast, parallel: 3 });
    assert.equal(client.most, 3);
    assert.equal(client.calls.length, 20);
    await assert.rejects(runDag(client, wide, new Map(), { ...fast, parallel: 0 }), DagError);
  });

  it('retries attempts that may succeed later, and reports each retry', async () => {
    for (const error of [failing(429), failing(503), failing(502, { error: 'bad gateway' }), failing(undefined)]) {
      const seen: Progress[] = [];
      const client = new Answering((_, call) => (call < 3 ? error : ended('well')));
      const one = { nodes: [{ id: 'a' }], edges: [] };
      const results = await runDag(client, one, new Map([['a', 'blue']]), { ...fast, onProgress: (p) => seen.push(p) });
      assert.equal(results.get('a'), 'well');
      assert.deepEqual(
        seen.map(({ outcome, attempt, done, total, color }) => [outcome, attempt, done, total, color]),
        [
          ['again', 1, 0, 1, 'blue'],
          ['again', 2, 0, 1, 'blue'],
          ['done', 3, 1, 1, 'blue'],
        ],
      );
    }
  });

  it('gives up after the last retry, and runs nothing that needs the node', async () => {
    const client = new Answering(({ name }) => (name === 'step-c' ? failing(503) : ended(name)));
    await assert.rejects(runDag(client, DIAMOND, new Map(), { ...fast, retries: 1 }), (error) => {
      assert.ok(error instanceof DagRunError);
      assert.equal(error.node, 'c');
      assert.equal(error.results.get('a'), 'step-a');
      return true;
    });
    assert.equal(client.calls.filter(({ name }) => name === 'step-c').length, 2);
    assert.equal(
      client.calls.some(({ name }) => name === 'step-d'),
      false,
    );
  });

  it('does not repeat an action that failed by itself, nor a request that is wrong', async () => {
    const own = failing(502, { activationId: 'b'.repeat(32), response: { result: { error: 'no' }, success: false } });
    for (const error of [own, failing(404), failing(400)]) {
      const client = new Answering(() => error);
      await assert.rejects(runDag(client, { nodes: [{ id: 'a' }], edges: [] }, new Map(), fast), DagRunError);
      assert.equal(client.calls.length, 1);
    }
  });

  it('asks for an activation that outlasts its request', async () => {
    const records = new Map<string, unknown>();
    const client = new Answering(() => ({ activationId: 'c'.repeat(32) }), records);
    setTimeout(() => records.set('c'.repeat(32), ended('late')), 100);
    const results = await runDag(client, { nodes: [{ id: 'a' }], edges: [] }, new Map(), fast);
    assert.equal(results.get('a'), 'late');
    records.set('c'.repeat(32), { activationId: 'c'.repeat(32), response: { success: false, result: { error: 'x' } } });
    await assert.rejects(runDag(client, { nodes: [{ id: 'a' }], edges: [] }, new Map(), fast), /x/);
  });

  it('stops submitting when it is told to', async () => {
    const stop = new AbortController();
    const client = new Answering(() => {
      stop.abort(new Error('enough'));
      return ended(1);
    });
    await assert.rejects(runDag(client, DIAMOND, new Map(), { ...fast, signal: stop.signal }), /enough/);
    assert.equal(client.calls.length, 1);
  });

  it('does not retry after an abort, and submits nothing if it was aborted before', async () => {
    const stop = new AbortController();
    const client = new Answering(() => failing(503));
    const one = { nodes: [{ id: 'a' }], edges: [] };
    // Told while it waits for the next attempt.
    const onProgress = (): void => void setTimeout(() => stop.abort(new Error('enough')), 1);
    const options = { invocation, retryDelayMs: 50, onProgress, signal: stop.signal };
    await assert.rejects(runDag(client, one, new Map(), options), DagRunError);
    assert.equal(client.calls.length, 1);
    await assert.rejects(runDag(client, one, new Map(), options), /enough/);
    assert.equal(client.calls.length, 1);
  });

  it('refuses a graph with a cycle before anything runs', async () => {
    const client = new Answering(() => ended(1));
    const cyclic = { nodes: [{ id: 'a' }], edges: [{ from: 'a', to: 'a' }] };
    await assert.rejects(runDag(client, cyclic, new Map(), fast), DagError);
    assert.equal(client.calls.length, 0);
  });
});
