import { at, increase, numberAt } from '../collections/at.js';
import { ReadyNodes } from './ReadyNodes.js';
import { DagError, indexDag, pathLengths, type Coloring, type Dag, type DagNode } from './Dag.js';
import { backOff, retry } from '../process/retry.js';

/** The client for `runDag`, such as `openwhisk()` of the npm package `openwhisk`. */
export interface InvokingClient {
  /** The calls of actions. */
  readonly actions: {
    /** Invokes an action and waits for it. Resolves to the record of the activation. */
    invoke(options: {
      name: string;
      params: object;
      blocking: true;
      headers: Record<string, string>;
    }): Promise<unknown>;
  };
  /** The calls of activations. */
  readonly activations: {
    /** Resolves to the record of the activation with the id `name`. */
    get(options: { name: string }): Promise<unknown>;
  };
}

/** The result of an action. */
export type NodeResult = unknown;

/** The invocation of a node. */
export interface NodeInvocation {
  /** The action, such as `/_/resize` or `package/action`. */
  readonly action: string;
  /** The parameters of the invocation. Missing: none. */
  readonly params?: object | undefined;
}

/** An invocation of a node succeeded, or failed and is retried. */
export interface Progress {
  /** The id of the node. */
  readonly node: string;
  /** The color of the node; undefined: none. */
  readonly color: string | undefined;
  /** The id of the activation; undefined if the response has none. */
  readonly activationId: string | undefined;
  /** The number of the attempt, from 1. */
  readonly attempt: number;
  /** The duration of this attempt. */
  readonly milliseconds: number;
  /** `done`: the node succeeded. `again`: the attempt failed, and the node is retried. */
  readonly outcome: 'done' | 'again';
  /** The number of finished nodes. */
  readonly done: number;
  /** The number of all nodes. */
  readonly total: number;
}

/** The options of `runDag`. */
export interface RunOptions<Node extends DagNode> {
  /** The invocation of a node. `inputs`: the results of its predecessors by id. */
  readonly invocation: (node: Node, inputs: ReadonlyMap<string, NodeResult>) => NodeInvocation;
  /** The most concurrent invocations; missing: 16. */
  readonly parallel?: number | undefined;
  /** The retries of a failed node; missing: 2. An error of the action itself is final. */
  readonly retries?: number | undefined;
  /** The delay before the first retry in ms; it doubles with each retry. Missing: 200. */
  readonly retryDelayMs?: number | undefined;
  /** The time limit in ms for an activation that outlasts its blocking request; missing: 10 minutes. */
  readonly patienceMs?: number | undefined;
  /** The policy that maps the colors to invokers; missing: `least-assigned`. */
  readonly policy?: string | undefined;
  /**
   * The longest expected wait of an invocation at its color's home, in ms; missing: 0, so that nodes that may run at
   * the same time do so.
   */
  readonly colorPatienceMs?: number | undefined;
  /**
   * Whether large results are kept as objects on the platform, and passed on by reference: `{ "$object": "color/key" }`.
   * The action of a successor gets the object itself. Missing: results go through this client.
   */
  readonly references?: boolean | ReferenceOptions | undefined;
  /** Is called for each finished node and each failed attempt. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** After an abort no node is submitted, and the run rejects when the running nodes have ended. */
  readonly signal?: AbortSignal | undefined;
}

/** How results are passed by reference. */
export interface ReferenceOptions {
  /** A result of more bytes is kept as an object; missing: 64 KB. */
  readonly overBytes?: number | undefined;
  /** Missing: `memory`. See docs/objects.md. */
  readonly persistence?: 'memory' | 'replicated' | 'stored' | undefined;
  /** How long the objects are kept, in seconds; missing: an hour. */
  readonly ttlS?: number | undefined;
}

/** A node failed after all retries. Its successors did not run. */
export class DagRunError extends Error {
  /** The name of the class. */
  override readonly name = 'DagRunError';
  /** The id of the node that failed. */
  readonly node: string;
  /** The results of the finished nodes, by id. */
  readonly results: ReadonlyMap<string, NodeResult>;
  constructor(node: string, results: ReadonlyMap<string, NodeResult>, cause: unknown) {
    super(`node ${node} failed: ${messageOf(cause)}`, { cause });
    this.node = node;
    this.results = results;
  }
}

/**
 * Runs a graph. Each node is an invocation with its color, submitted when all of its predecessors are done. Of the
 * ready nodes, the one with the longest path ahead comes first. Resolves to the result of each node.
 *
 * An attempt whose response was lost may have run, so the actions should be idempotent.
 *
 * @param coloring from `chainColoring` or `virtualWorkers`; a node without a color runs uncolored.
 * @throws DagError for an invalid graph, before any node runs; DagRunError.
 */
export async function runDag<Node extends DagNode>(
  client: InvokingClient,
  dag: Dag & { readonly nodes: readonly Node[] },
  coloring: Coloring,
  options: RunOptions<Node>,
): Promise<ReadonlyMap<string, NodeResult>> {
  const indexed = indexDag(dag);
  const { ids, from, to, incoming, incomingStart, outgoing, outgoingStart } = indexed;
  const { from: ahead } = pathLengths(indexed);
  const parallel = options.parallel ?? 16;
  if (!(parallel >= 1)) throw new DagError(`'parallel' must be at least 1, not ${parallel}`, []);
  const results = new Map<string, NodeResult>();
  const missing = Int32Array.from(ids, (_, i) => numberAt(incomingStart, i + 1) - numberAt(incomingStart, i));
  const ready = new ReadyNodes(ahead);
  missing.forEach((count, i) => {
    if (count === 0) ready.add(i);
  });
  let failure: DagRunError | undefined;
  let running = 0;

  await new Promise<void>((resolve) => {
    const submit = (): void => {
      while (running < parallel && !failure && options.signal?.aborted !== true) {
        const i = ready.take();
        if (i === undefined) break;
        running++;
        void run(i).then(() => {
          running--;
          submit();
        });
      }
      if (running === 0) resolve();
    };
    submit();
  });
  if (failure) throw failure;
  options.signal?.throwIfAborted();
  return results;

  async function run(i: number): Promise<void> {
    const id = at(ids, i);
    try {
      const edges = incoming.subarray(incomingStart[i], incomingStart[i + 1]);
      const inputs = new Map(Array.from(edges, (e) => inputOf(at(ids, numberAt(from, e)))));
      const invocation = options.invocation(at<Node>(dag.nodes, i), inputs);
      const done = (): number => results.size;
      results.set(id, await invokeNode(client, id, coloring.get(id), invocation, options, done, ids.length));
    } catch (error) {
      failure ??= new DagRunError(id, results, error);
      return;
    }
    for (const e of outgoing.subarray(outgoingStart[i], outgoingStart[i + 1])) {
      const next = numberAt(to, e);
      if (increase(missing, next, -1) === 0) ready.add(next);
    }
  }

  function inputOf(id: string): [string, NodeResult] {
    return [id, results.get(id)];
  }
}

/** Invokes a node with retries. A response of the action itself is final. */
function invokeNode<Node extends DagNode>(
  client: InvokingClient,
  node: string,
  color: string | undefined,
  { action, params }: NodeInvocation,
  options: RunOptions<Node>,
  done: () => number,
  total: number,
): Promise<NodeResult> {
  const { retries = 2, retryDelayMs = 200, patienceMs = 600_000, onProgress, signal } = options;
  let begun = 0;
  const report = (outcome: 'done' | 'again', attempt: number, activationId: string | undefined): void =>
    onProgress?.({
      node,
      color,
      activationId,
      attempt,
      milliseconds: performance.now() - begun,
      outcome,
      done: done() + (outcome === 'done' ? 1 : 0),
      total,
    });
  const invoke = async (failures: number): Promise<NodeResult> => {
    begun = performance.now();
    const headers = {
      ...(color === undefined ? {} : colorHeaders(color, options)),
      ...resultHeader(options.references),
    };
    const answer = await client.actions.invoke({ name: action, params: params ?? {}, blocking: true, headers });
    const activation = isFinished(answer) ? answer : await poll(client, answer, patienceMs);
    report('done', failures + 1, activation.activationId);
    return activation.response.result;
  };
  return retry(invoke, {
    delayMs: backOff(retryDelayMs, Number.POSITIVE_INFINITY, retries),
    isFinal: (error) => !isTransient(error),
    onFailure: (_, failures) => report('again', failures, undefined),
    signal,
  });
}

function colorHeaders(
  color: string,
  { policy = 'least-assigned', colorPatienceMs = 0 }: Pick<RunOptions<DagNode>, 'policy' | 'colorPatienceMs'>,
): Record<string, string> {
  return {
    'X-OpenWhisk-Color': encodeHeader(color),
    'X-OpenWhisk-Color-Policy': `${policy}; patience=${colorPatienceMs}`,
  };
}

const NO_OPTIONS: ReferenceOptions = {};

function resultHeader(references: RunOptions<DagNode>['references']): Record<string, string> {
  if (references === undefined || references === false) return {};
  const { overBytes, persistence, ttlS } = references === true ? NO_OPTIONS : references;
  const options = Object.entries({ over: overBytes, persistence, ttl: ttlS }).flatMap(([name, value]) =>
    value === undefined ? [] : [`; ${name}=${value}`],
  );
  return { 'X-OpenWhisk-Result': `reference${options.join('')}` };
}

interface FinishedActivation {
  readonly activationId: string;
  readonly response: { readonly result?: unknown; readonly success?: boolean };
}

function isFinished(answer: unknown): answer is FinishedActivation {
  return isObject(answer) && typeof answer['activationId'] === 'string' && isObject(answer['response']);
}

/** Waits for the record of an activation that outlasted its blocking request. */
async function poll(client: InvokingClient, accepted: unknown, patienceMs: number): Promise<FinishedActivation> {
  const activationId = isObject(accepted) ? accepted['activationId'] : undefined;
  if (typeof activationId !== 'string') throw new TypeError('the response to an invocation has no activation id');
  const begun = performance.now();
  for (let pause = 250; ; pause = Math.min(5000, pause * 1.5)) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    try {
      const record = await client.activations.get({ name: activationId });
      if (isFinished(record)) {
        if (record.response.success === false) throw new ActivationFailure(record);
        return record;
      }
    } catch (error) {
      if (statusOf(error) !== 404 && !isTransient(error)) throw error;
    }
    if (performance.now() - begun > patienceMs) throw new Error(`activation ${activationId} did not end in time`);
  }
}

/** The action itself failed. The message is the same as for a blocking request. */
class ActivationFailure extends Error {
  override readonly name = 'ActivationFailure';
  readonly statusCode = 502;
  readonly error: FinishedActivation;
  constructor(record: FinishedActivation) {
    const { result } = record.response;
    super(isObject(result) ? messageOf(result['error']) : 'the activation failed');
    this.error = record;
  }
}

/** Whether a retry may succeed: too many requests, no invoker, or a failed server or connection. */
function isTransient(error: unknown): boolean {
  // The response for a failed action is 502 with its activation. The response of a failed gateway has no activation.
  if (isObject(error) && isFinished(error['error'])) return false;
  const status = statusOf(error);
  return status === undefined ? isNetworkError(error) : status === 408 || status === 429 || status >= 500;
}

function statusOf(error: unknown): number | undefined {
  const status = isObject(error) ? error['statusCode'] : undefined;
  return typeof status === 'number' ? status : undefined;
}

function isNetworkError(error: unknown): boolean {
  if (!isObject(error)) return false;
  if (typeof error['code'] === 'string') return true;
  // The client's errors contain only the message of a network error.
  return /ECONN|EPIPE|ETIMEDOUT|ENETUNREACH|EAI_AGAIN|socket hang up/.test(messageOf(error));
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  if (typeof error === 'string') return error;
  return isObject(error) && typeof error['message'] === 'string' ? error['message'] : 'unknown error';
}

/** Encodes a header as UTF-8 bytes, since Node writes and reads headers as Latin-1. */
const encodeHeader = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
