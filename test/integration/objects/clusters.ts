import assert from 'node:assert/strict';
import { ObjectBytes } from '../../../invoker/objects/memory/ObjectBytes.js';
import { GUEST, TestCluster, type Node } from '../../unit/invoker/objects/sharing/cluster.js';
import { eventually } from '../../e2e/eventually.js';
import { MapStore } from '../../unit/invoker/objects/sharing/MapStore.js';

export const REPLICATED = { 'x-palette-persistence': 'replicated' };
export const STORED = { 'x-palette-persistence': 'stored' };

/** The limit for what takes a moment on an idle machine, in ms: a busy one takes long. */
export const LIMIT_MS = 120_000;

/** Writes an object as a container of an invoker. @returns the status and the text of the response. */
export const put = (
  { container }: Node,
  path: string,
  body: string,
  headers: Record<string, string> = {},
): Promise<string> => container.text(path, { method: 'PUT', body, headers });

/** Evicts all objects of memory and stored ones that nobody holds, as if memory were short. Replicated ones stay. */
export function evict({ memory }: Node): void {
  const { boundBytes } = memory;
  memory.resize(0);
  memory.resize(boundBytes);
}

/** Waits until an invoker that is not the home any more does not own a color. */
export const untilGivenUp = ({ sharing }: Node, color: string): Promise<void> =>
  eventually(async () => {
    await sharing.locate(GUEST, color, undefined);
    assert.equal(sharing.owns(GUEST, color), false);
  }, LIMIT_MS);

const OTHER = { uuid: 'other', name: 'other', limitBytes: undefined };

/** Lets replicated objects of another namespace use all memory that they may have in an invoker. */
export function fillKept({ memory }: Node): void {
  const address = { color: 'blue', key: 'k' };
  const now = performance.now();
  const bytes = Buffer.alloc(memory.boundBytes / 2 - memory.keptBytes - 2000);
  const options = {
    condition: undefined,
    persistence: 'replicated',
    ttlMs: undefined,
    contentType: undefined,
  } as const;
  memory.put(OTHER, address, ObjectBytes.of(bytes), options, memory.reserve(OTHER, address, 0, now), now);
}
export const emptyKept = ({ memory }: Node): void => memory.clear(OTHER, 'blue');

/** A partition: the others do not reach the invoker, and it does not reach the controllers. */
export function cutOff(node: Node): void {
  node.proxy.drop();
  node.reachesControllers = false;
}
export function reconnect(node: Node): void {
  node.proxy.heal();
  node.reachesControllers = true;
}

/** A cluster and its store for each test. At the end of a test, no invoker may have had an internal error. */
export function eachWithCluster(): { readonly cluster: TestCluster; readonly store: MapStore } {
  const current = { store: new MapStore(), cluster: new TestCluster() };
  beforeEach(() => {
    current.store = new MapStore();
    current.cluster = new TestCluster(current.store);
  });
  afterEach(async () => {
    const faults = current.cluster.nodes.flatMap((node) => node.faults);
    await current.cluster.close();
    assert.deepEqual(faults, []);
  });
  return current;
}
