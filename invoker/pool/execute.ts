import type { ActivationResponse } from '../../shared/entities/activation.js';
import type { Identity } from '../../shared/entities/identity.js';
import type { Json } from '../../shared/entities/keyvalue.js';
import type { MessageReferences } from '../../shared/messages/references.js';
import { LargeCode } from '../../shared/entities/LargeCode.js';
import { MemoryShares, type Share } from '../../shared/process/MemoryShares.js';
import { within } from '../../shared/process/within.js';
import type { Logger } from '../../shared/logging/Logger.js';
import { applicationError, developerError, initFailure, runResponse, type Answer } from '../activations/response.js';
import { totalOf, type Execution, type Interval } from '../activations/record.js';
import { liveLines, type LiveLine } from '../activations/liveLines.js';
import * as texts from '../activations/texts.js';
import { unreadable } from '../activations/unreadable.js';
import {
  ContainerConnectionError,
  ContainerTimeoutError,
  type Container,
  type ContainerResponse,
  type PostOptions,
  type RequestBody,
} from '../containers/ContainerDriver.js';
import type { ReferenceParts } from '../objects/ReferenceParts.js';
import { InvokerStopsError, type StoreWaits } from './StoreWaits.js';
import type { Job } from './Job.js';
import type { ActivationJournal } from '../activations/BegunJournal.js';
import { argumentsOf, initBody, runBody } from './protocol.js';
import { isResult, keptResult, largeResults, referencedBody, UnresolvedReferenceError } from './references.js';

const MB = 1024 * 1024;

/** Memory for large code on its way into containers: one namespace leaves half of it to others. */
export function codeMemory(): MemoryShares {
  return new MemoryShares({
    total: 128 * MB,
    ofOne: 64 * MB,
    // Each has a container: the pool bounds them.
    maxHolders: Number.POSITIVE_INFINITY,
    maxHoldersOfOne: Number.POSITIVE_INFINITY,
    patienceMs: 60_000,
    errors: { tooBusy: tooMuchCode, tooMany: tooMuchCode, released: tooMuchCode },
  });
}

const tooMuchCode = (): Error => new Error('too many containers get large code at once');

/** The parts that `/init` and `/run` need in addition to the container and the activation. */
export interface ExecutionParts {
  /** The limit on a result, and the bytes to keep of a longer one. A namespace may have its own limits. */
  readonly responseLimits: (job: Job) => { readonly maxResponseBytes: number; readonly truncationBytes: number };
  /** Records that a container gets an activation, before the request, and that it did not take one. */
  readonly journal?: Pick<ActivationJournal, 'begin' | 'retract'> | undefined;
  readonly codeMemory: MemoryShares;
  /** The limits of the waits for that memory. */
  readonly waits: StoreWaits;
  /** Further environment variables of a namespace's containers. Missing: none. */
  readonly environmentFor?: ((user: Identity) => Readonly<Record<string, string>>) | undefined;
  /** The objects for parameters and results by reference; missing: the invoker has none. */
  readonly references?: ReferenceParts | undefined;
  /** Is told lines of logs while their activations run; missing: nobody wants to know. */
  readonly onLine?: ((line: LiveLine) => void) | undefined;
  readonly log: Logger;
  readonly now: () => number;
}

/**
 * The outcome of `/init`. `unsent`: the code did not reach the container, or the container is shutting down, so another
 * one may take the activation. `unread`: the store did not give the code. `left`: the invoker stopped before it did.
 */
export type Initialized =
  | { readonly kind: 'ok'; readonly interval: Interval }
  | { readonly kind: 'failed'; readonly response: ActivationResponse; readonly interval: Interval; timedOut: boolean }
  | { readonly kind: 'unsent' }
  | { readonly kind: 'unread'; readonly response: ActivationResponse }
  | { readonly kind: 'left' };

/** Initializes the container with the job's action. */
export async function initialize(parts: ExecutionParts, container: Container, job: Job): Promise<Initialized> {
  const { code } = job.action;
  if (!(code instanceof LargeCode)) return initializeWith(parts, container, job, undefined);
  let share: Share | undefined;
  try {
    share = parts.codeMemory.open(job.namespace);
    await waited(job, takeWithin(parts.waits, share, code.bytes, job.storeWaitMs));
    const bytes = await waited(job, code.read(job.storeWaitMs));
    if (!bytes) return { kind: 'unread', response: applicationError(texts.changedMeanwhile) };
    return await initializeWith(parts, container, job, bytes);
  } catch (error) {
    if (error instanceof InvokerStopsError) return { kind: 'left' };
    parts.log.error(`the code of ${job.action.path} could not be read`, { transid: job.message.transid, error });
    return { kind: 'unread', response: unreadable(error) };
  } finally {
    share?.release();
  }
}

/** Waits for memory within the job's limits. */
function takeWithin(waits: StoreWaits, share: Share, bytes: number, waitedMs: number): Promise<void> {
  return waits.within(() => share.take(bytes), waitedMs, { late: tooMuchCode });
}

/** Adds the time of a wait to what the job has waited. */
async function waited<R>(job: Job, wait: Promise<R>): Promise<R> {
  const start = performance.now();
  try {
    return await wait;
  } finally {
    job.storeWaitMs += performance.now() - start;
  }
}

async function initializeWith(
  parts: ExecutionParts,
  container: Container,
  job: Job,
  large: Uint8Array | undefined,
): Promise<Initialized> {
  const { message, action } = job;
  const start = parts.now();
  const { environment } = argumentsOf(message);
  const more = parts.environmentFor?.(message.user);
  const body = await initBody(message, action, environment, start + action.timeoutMs, large, more);
  const answer = await post(parts, container, '/init', body, job);
  const interval = intervalFrom(start, parts.now(), answer, action.timeoutMs);
  if (isUnsent(answer)) {
    parts.journal?.retract(message.activationId);
    return { kind: 'unsent' };
  }
  if (answer.kind === 'response' && answer.response.status === 200 && !answer.response.truncated) {
    return { kind: 'ok', interval };
  }
  const timedOut = interval.end - interval.start >= action.timeoutMs;
  const response = initFailure(timedOut ? { kind: 'timeout' } : answer, action.timeoutMs);
  return { kind: 'failed', response, interval, timedOut };
}

/**
 * Runs an activation in an initialized container. Resolves to undefined if the activation did not start, because the
 * request did not reach the container or the runtime has stopped. Another container may take it then.
 * @param init the interval of `/init`, if this activation initialized the container.
 * @param others returns the number of the container's other activations at the response.
 */
export async function run(
  parts: ExecutionParts,
  container: Container,
  job: Job,
  init: Interval | undefined,
  others: () => number,
): Promise<Execution | undefined> {
  const { message, action } = job;
  const { parameters } = argumentsOf(message);
  const start = parts.now();
  const deadline = start + action.timeoutMs;
  let settled: ActivationResponse | undefined;
  let answer: Answer;
  if (message.references === undefined) {
    answer = await post(parts, container, '/run', runBody(message, action, parameters, deadline), job);
  } else {
    const ran = await runWithReferences(parts, container, job, message.references, parameters, deadline);
    ({ answer, response: settled } = ran);
  }
  // A container that took its code and does not listen has ended itself. A retry would do the same.
  const untaken = isShuttingDown(answer) || (init === undefined && isUnsent(answer));
  if (untaken || (action.concurrency > 1 && isStopped(answer))) {
    parts.journal?.retract(message.activationId);
    return undefined;
  }
  const interval = intervalFrom(start, parts.now(), answer, action.timeoutMs);
  const timedOut = interval.end - interval.start >= action.timeoutMs;
  const shared = answer.kind === 'failure' && answer.failure !== 'outOfMemory' ? others() : 0;
  const response = timedOut
    ? developerError(texts.timedOut(action.timeoutMs, false))
    : shared > 0
      ? developerError(texts.sharedContainerEnded(shared))
      : (settled ?? runResponse(answer, action.timeoutMs));
  return {
    response,
    total: totalOf(interval, init),
    init,
    timedOut,
    silent: answer.kind === 'response' && answer.response.silent === true,
    containerId: container.id,
    colorHit: job.colorHit,
  };
}

/** The container's answer. `response`: the response of the activation, if it does not follow from the answer alone. */
interface Ran {
  readonly answer: Answer;
  readonly response?: ActivationResponse | undefined;
}

/** The answer of an activation that did not reach the container, since its parameters could not be read. */
const UNSENT: Answer = { kind: 'response', response: { status: 200, body: '{}' } };

/** `/run` with objects in the places of references, and a large result kept as an object. */
async function runWithReferences(
  parts: ExecutionParts,
  container: Container,
  job: Job,
  references: MessageReferences,
  parameters: Json,
  deadline: number,
): Promise<Ran> {
  const { references: objects } = parts;
  if (!objects) return { answer: UNSENT, response: applicationError(texts.noObjects) };
  const share = parts.codeMemory.open(job.namespace);
  try {
    const resolved = referencedBody(objects, job, references, parameters, deadline, share);
    const left = (): number => Math.max(1, deadline - parts.now());
    const body = await within(resolved, left(), () => {
      throw new UnresolvedReferenceError(texts.referencesTooSlow(job.action.timeoutMs));
    });
    const large = largeResults(references, share, parts.responseLimits(job).maxResponseBytes);
    const answer = await post(parts, container, '/run', body, job, { timeoutMs: left(), ...large });
    const bytes = answer.kind === 'response' ? answer.response.bytes : undefined;
    if (answer.kind !== 'response' || !bytes) return { answer };
    const { response } = answer;
    if (response.status !== 200 || !(await isResult(bytes))) {
      return { answer: { kind: 'response', response: asText(response, bytes, parts.responseLimits(job)) } };
    }
    return { answer, response: await keptResult(objects, job, references, bytes) };
  } catch (error) {
    if (!(error instanceof UnresolvedReferenceError)) throw error;
    return { answer: UNSENT, response: applicationError(error.message) };
  } finally {
    share.release();
  }
}

/** A response that was kept as bytes, as it is without references. */
function asText(
  response: ContainerResponse,
  bytes: Buffer,
  { maxResponseBytes: limit, truncationBytes }: ReturnType<ExecutionParts['responseLimits']>,
): ContainerResponse {
  const { length } = bytes;
  const { bytes: _kept, ...rest } = response;
  if (length <= limit) return { ...rest, body: bytes.toString() };
  return { ...rest, body: bytes.toString('utf8', 0, truncationBytes), truncated: { length, limit } };
}

async function post(
  parts: ExecutionParts,
  container: Container,
  path: '/init' | '/run',
  body: RequestBody,
  job: Job,
  more?: Pick<PostOptions, 'timeoutMs' | 'maxResponseBytes' | 'large'>,
): Promise<Answer> {
  const { maxResponseBytes, truncationBytes } = parts.responseLimits(job);
  const { onLine } = parts;
  const { activationId } = job.message;
  const { timeoutMs, logsMB, path: actionPath } = job.action;
  const listens = onLine !== undefined && logsMB > 0;
  const options: PostOptions = {
    timeoutMs: more?.timeoutMs ?? timeoutMs,
    maxResponseBytes: more?.maxResponseBytes ?? maxResponseBytes,
    truncationBytes,
    onLine: listens ? liveLines({ activationId, path: actionPath }, onLine, parts.now) : undefined,
    large: more?.large,
  };
  parts.journal?.begin(activationId);
  try {
    return { kind: 'response', response: await container.post(path, body, options) };
  } catch (error) {
    if (error instanceof ContainerTimeoutError) return { kind: 'timeout' };
    if (error instanceof ContainerConnectionError) return { kind: 'failure', failure: error.failure };
    parts.log.error(`${path} of container ${container.id} failed`, { transid: job.message.transid, error });
    return { kind: 'failure', failure: 'broken' };
  }
}

/** Whether the container did not start the activation. A runtime that shuts down responds 503. */
function isUnsent(answer: Answer): boolean {
  return answer.kind === 'failure' ? answer.failure === 'refused' : isShuttingDown(answer);
}

function isShuttingDown(answer: Answer): boolean {
  return answer.kind === 'response' && answer.response.status === 503;
}

/**
 * Whether another activation has failed in a way after which OpenWhisk's runtimes run no more activations. They refuse
 * with status 403 and this text.
 */
function isStopped(answer: Answer): boolean {
  if (answer.kind !== 'response' || answer.response.status !== 403) return false;
  return /^\s*\{\s*"error"\s*:\s*"System not ready, status is /.test(answer.response.body);
}

/** The interval of a request. A timeout lasts at least as long as the limit, despite the rounding of the clock. */
function intervalFrom(start: number, end: number, answer: Answer, timeoutMs: number): Interval {
  return { start, end: answer.kind === 'timeout' ? Math.max(end, start + timeoutMs) : Math.max(end, start) };
}
