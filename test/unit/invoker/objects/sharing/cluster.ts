import type { AddressInfo } from 'node:net';
import type { CallClient } from '../../../../../invoker/objects/calls/CallClient.js';
import { ObjectMemory } from '../../../../../invoker/objects/memory/ObjectMemory.js';
import { ReadCopies } from '../../../../../invoker/objects/memory/ReadCopies.js';
import { bearerAuthentication } from '../../../../../invoker/objects/server/bearer.js';
import { ObjectHttpServer } from '../../../../../invoker/objects/server/ObjectHttpServer.js';
import { objectListener } from '../../../../../invoker/objects/server/objectListener.js';
import type { ObjectStore } from '../../../../../invoker/objects/sharing/ObjectStore.js';
import { isOfPeer, peerListener } from '../../../../../invoker/objects/sharing/peerListener.js';
import { Sharing } from '../../../../../invoker/objects/sharing/Sharing.js';
import type { HomesReply } from '../../../../../shared/objects/homesReply.js';
import type { InvokersReply } from '../../../../../shared/objects/invokersReply.js';
import type { Peer } from '../../../../../shared/objects/Locate.js';
import { ObjectTokens, type ObjectNamespace } from '../../../../../shared/objects/ObjectToken.js';
import { DroppingProxy } from '../../../../history/DroppingProxy.js';
import { ObjectError } from '../../../../../shared/objects/ObjectError.js';
import { parseObjectPath } from '../../../../../shared/objects/objectPath.js';
import { PERSISTENCES } from '../../../../../shared/objects/ObjectRequest.js';
import { connectedCalls } from '../calls/connectedCalls.js';
import { ObjectCaller, type Call } from '../callObjects.js';

const MB = 1024 * 1024;
export const SECRET = 'a secret of the cluster';
export const GUEST: ObjectNamespace = { uuid: 'u', name: 'guest', limitBytes: undefined };
/** Short, so that tests of partitions need not wait long. */
export const VALID_MS = 2000;

type InsideCall = (path: string, call: Call) => Promise<{ readonly status: number; readonly text: string } | undefined>;

/** One invoker's objects. */
export interface Node {
  readonly instance: number;
  /** Of its server. */
  readonly port: number;
  readonly memory: ObjectMemory;
  readonly copies: ReadCopies;
  readonly sharing: Sharing;
  /** As a container of the namespace GUEST in this invoker. */
  readonly container: ObjectCaller;
  /** The same over a single connection. */
  readonly single: ObjectCaller;
  /** As this invoker itself, by calls; undefined: such a request is none, or another invoker is the home. */
  readonly inside: InsideCall;
  /** What the other invokers reach it through. */
  readonly proxy: DroppingProxy;
  readonly faults: unknown[];
  /** What its log says. */
  readonly warnings: string[];
  state: 'up' | 'draining' | 'dead';
  /** Whether the controllers answer this invoker. */
  reachesControllers: boolean;
  /** For how long the controllers have not heard of it, in ms, if it is not up. */
  unheardMs: number;
}

/** Object memories of several invokers in this process, and a controller that knows which of them are up. */
export class TestCluster {
  readonly nodes: Node[] = [];
  readonly #storeOf: (instance: number) => ObjectStore | undefined;
  readonly #servers = new Map<Node, ObjectHttpServer>();
  readonly #killed = new Set<Node>();
  readonly #beats = new Map<Node, NodeJS.Timeout>();
  /** The ports of the invokers' servers. */
  readonly #ports = new Map<number, number>();
  #starts = 0;
  /** The proxies of former runs. */
  readonly #left: DroppingProxy[] = [];

  readonly #boundBytes: number;
  readonly #careMs: number | undefined;

  /**
   * @param store of all invokers, or of each one. A function is called at each start of an invoker.
   * @param boundBytes the memory of each invoker.
   * @param careMs see `SharingParts`.
   */
  constructor(store?: ObjectStore | ((instance: number) => ObjectStore), boundBytes = 80 * MB, careMs?: number) {
    this.#storeOf = typeof store === 'function' ? store : () => store;
    this.#boundBytes = boundBytes;
    this.#careMs = careMs;
  }

  async add(): Promise<Node> {
    const node = await this.#start(this.nodes.length);
    this.nodes.push(node);
    return node;
  }

  /**
   * Starts an invoker again, with an empty memory.
   * @param isMoved it has another address, and the former one is silent.
   */
  async restart(node: Node, { isMoved = false } = {}): Promise<Node> {
    await this.#stop(node);
    if (isMoved) node.proxy.drop();
    this.#left.push(node.proxy);
    const next = await this.#start(node.instance, isMoved ? undefined : node.proxy);
    this.nodes[this.nodes.indexOf(node)] = next;
    return next;
  }

  /** @param formerProxy of its former run, which keeps its address. */
  async #start(instance: number, formerProxy?: DroppingProxy): Promise<Node> {
    const copies = new ReadCopies();
    const memory = new ObjectMemory({ epoch: `e${instance}x${this.#starts++}x`, boundBytes: this.#boundBytes, copies });
    const tokens = new ObjectTokens(new Uint8Array(32), `invoker${instance}`);
    const now = (): number => performance.now();
    const faults: unknown[] = [];
    const warnings: string[] = [];
    const onFault = (_: string, error: unknown): void => void faults.push(error);
    const sharing = new Sharing({
      instance,
      secret: SECRET,
      memory,
      copies,
      askHomes: async (_, color, policy) => {
        if (!node.reachesControllers) throw new Error('no controller answers');
        return this.homes(color, policy);
      },
      askInvokers: async () => {
        if (!node.reachesControllers) throw new Error('no controller answers');
        return this.invokers();
      },
      store: this.#storeOf(instance),
      now,
      onWarning: (text) => void warnings.push(text),
      careMs: this.#careMs,
    });
    const authenticate = bearerAuthentication(tokens);
    const containers = objectListener({ memory, authenticate, elsewhere: sharing, now, onFault });
    const peers = peerListener({ memory, sharing, secret: SECRET, figures: () => memory.counts(), now, onFault });
    const calls = connectedCalls({ memory, elsewhere: sharing, now, onFault });
    const server = new ObjectHttpServer((request, ...rest) =>
      isOfPeer(request) ? peers(request, ...rest) : containers(request, ...rest),
    );
    const { port } = (await server.listen({ host: '127.0.0.1', port: 0 })).address() as AddressInfo;
    this.#ports.set(instance, port);
    const target = { host: '127.0.0.1' };
    const proxy =
      formerProxy ?? (await DroppingProxy.start(() => ({ ...target, port: this.#ports.get(instance) ?? 1 })));
    const container = new ObjectCaller({ host: '127.0.0.1', port }, tokens.make(GUEST));
    const single = new ObjectCaller({ host: '127.0.0.1', port }, tokens.make(GUEST), 1);
    const node: Node = {
      instance,
      port,
      memory,
      copies,
      sharing,
      container,
      single,
      inside: insideCall(calls, () => !this.#killed.has(node)),
      proxy,
      faults,
      warnings,
      state: 'up',
      reachesControllers: true,
      unheardMs: 0,
    };
    this.#beats.set(
      node,
      setInterval(() => sharing.beat(), VALID_MS / 8),
    );
    this.#servers.set(node, server);
    return node;
  }

  /**
   * The homes as a controller names them. The latest invoker comes first: each one that joins takes over all colors, apart
   * from those that begin with `old` or have the policy `oldest`.
   */
  homes(color: string, policy?: string): HomesReply {
    const ordered = color.startsWith('old') || policy === 'oldest' ? this.nodes : this.nodes.toReversed();
    return {
      policy: 'test',
      homes: ordered
        .filter(({ state }) => state === 'up')
        .map(peer)
        .slice(0, 4),
      // The invokers that are gone for good come last.
      away: ordered
        .filter(({ state }) => state !== 'up')
        .toSorted((a, b) => Number(this.#killed.has(a)) - Number(this.#killed.has(b)))
        .map(peer)
        .slice(0, 4),
      validMs: VALID_MS,
    };
  }

  /** All invokers as a controller names them. */
  invokers(): InvokersReply {
    return {
      up: this.nodes.filter(({ state }) => state === 'up').map(peer),
      away: this.nodes
        .filter(({ state }) => state !== 'up')
        .map((node) => ({ ...peer(node), silentMs: node.unheardMs })),
    };
  }

  /** Takes an invoker out of service, and waits until its objects are at their new homes. */
  async drain(node: Node, limitMs = 30_000): Promise<{ moved: number; left: number }> {
    node.state = 'draining';
    return node.sharing.drain(AbortSignal.timeout(limitMs));
  }

  /** Ends an invoker at once. The controllers notice it when it is told to them. */
  async kill(node: Node): Promise<void> {
    node.proxy.close();
    await this.#stop(node);
  }

  async #stop(node: Node): Promise<void> {
    this.#killed.add(node);
    clearInterval(this.#beats.get(node));
    await this.#servers.get(node)?.close(0);
    this.#servers.delete(node);
    await node.sharing.close();
    node.container.close();
    node.single.close();
  }

  notice(node: Node): void {
    node.state = 'dead';
  }

  async close(): Promise<void> {
    for (const proxy of this.#left) proxy.close();
    for (const node of this.nodes) if (this.#servers.has(node)) await this.kill(node);
  }
}

const peer = ({ instance, proxy }: Node): Peer => ({ instance, url: `http://127.0.0.1:${proxy.port}` });

const insideCall =
  (calls: CallClient, isAlive: () => boolean): InsideCall =>
  async (path, { method, headers = {}, body }) => {
    if (!isAlive()) return undefined;
    const { color, key } = parseObjectPath(path.split('?', 1)[0] ?? '');
    if (key === undefined || path.includes('?') || headers['if-none-match'] !== undefined) return undefined;
    const object = { namespace: GUEST, address: { color, key }, policy: undefined };
    try {
      if (method === 'GET') {
        const found = await calls.read(object, MB, async () => undefined);
        return found && isAlive() ? { status: 200, text: found.bytes.toString() } : undefined;
      }
      if (method !== 'PUT' || body === undefined) return undefined;
      const persistence = PERSISTENCES.find((name) => name === headers['x-palette-persistence']) ?? 'memory';
      const properties = { contentType: 'text/plain', persistence, ttlMs: 3_600_000 };
      const left = await calls.write(object, Buffer.from(body), properties);
      return left || !isAlive() ? undefined : { status: 200, text: '' };
    } catch (error) {
      if (error instanceof ObjectError) return { status: error.status, text: error.message };
      throw error;
    }
  };
