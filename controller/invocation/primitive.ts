import { argumentsOf } from './parameters.js';
import type { ColorMistakes } from '../loadbalancer/ColorMistakes.js';
import type { ColorRequest, LoadBalancer, SchedulableAction } from '../loadbalancer/LoadBalancer.js';
import type { Action } from '../../shared/entities/documents.js';
import { BLACKBOX } from '../../shared/entities/exec.js';
import { valueOf, type Json, type KeyValue } from '../../shared/entities/keyvalue.js';
import type { Logger } from '../../shared/logging/Logger.js';
import type { ActivationMessage } from '../../shared/messages/activation.js';
import type { MessageReferences } from '../../shared/messages/references.js';
import type { ControllerInstance } from '../../shared/messages/instances.js';
import { pullsImage, type Runtimes } from '../../shared/runtimes/manifest.js';
import { isReference, withoutSize } from '../../shared/objects/reference.js';
import type { ActivationStore } from '../../shared/store/ActivationStore.js';
import { NoInstancesError } from '../refusals/refusals.js';
import type { Invocation, InvocationRequest } from './Invocation.js';
import { requestedPolicy } from './colorPolicy.js';
import { requestedColor } from './requestedColor.js';
import { waitForResult } from './resultWait.js';

export interface PrimitiveParts {
  readonly balancer: Pick<LoadBalancer, 'publish'>;
  readonly activations: Pick<ActivationStore, 'get'>;
  readonly runtimes: Runtimes;
  readonly controller: ControllerInstance;
  readonly newActivationId: () => string;
  readonly log: Logger;
  /** A clock in ms that never goes back; missing: the process's. */
  readonly now?: (() => number) | undefined;
  /** Records annotations `color` that are not valid templates. */
  readonly colorMistakes?: Pick<ColorMistakes, 'note'> | undefined;
}

/** Runs primitive actions: sends a message to an invoker, and waits for the result if the caller waits. */
export function createPrimitive(parts: PrimitiveParts): Invocation {
  const describe = actionDescriptions(parts.runtimes);
  const now = parts.now ?? (() => performance.now());
  return {
    async invoke(request) {
      const activationId = parts.newActivationId();
      // As in OpenWhisk, the limit may be stored, but nothing can run.
      if (request.target.action.limits.instances === 0) throw new NoInstancesError();
      const { transid, user, target, payload, waitMs, references } = request;
      const begun = now();
      const content = argumentsOf(
        target.parameters,
        references && isReference(payload) ? withoutSize(payload) : payload,
      );
      const message = activationMessage(request, activationId, content, parts.controller);
      const color = colorRequest(request, activationId, parts.colorMistakes);
      const pending = await parts.balancer.publish(describe(target.action), message, color);
      if (waitMs === undefined) return { kind: 'accepted', activationId };
      if (parts.log.debugEnabled) parts.log.debug(`waiting ${waitMs} ms for ${activationId}`, { transid });
      // While Kafka is away, the message itself may wait for half a minute: the caller has one limit for both.
      return await waitForResult(pending, Math.max(0, waitMs - (now() - begun)), {
        fetch: () => parts.activations.get(user.namespace.name, activationId),
        transid,
        log: parts.log,
      });
    },
  };
}

/** The message for the invoker. `content`: the arguments of the action. */
function activationMessage(
  request: InvocationRequest,
  activationId: string,
  content: Json,
  controller: ControllerInstance,
): ActivationMessage {
  const { transid, user, target, payload, waitMs, cause } = request;
  const { action, parameters } = target;
  const references = referencesFor(request);
  const message: ActivationMessage = {
    transid,
    action: { path: action.namespace, name: action.name, version: action.version },
    revision: action._rev ?? null,
    user,
    activationId,
    rootControllerIndex: controller,
    blocking: waitMs !== undefined,
    content,
    initArgs: initArguments(parameters),
    lockedArgs: lockedArguments(parameters, payload),
  };
  if (target.binding !== undefined) message.action.binding = target.binding;
  if (cause !== undefined) message.cause = cause;
  if (references !== undefined) message.references = references;
  return message;
}

/** What the invoker must know of references: see `MessageReferences.preset`. */
function referencesFor({ references, target, payload }: InvocationRequest): MessageReferences | undefined {
  if (!references || !isReference(payload)) return references;
  const given = withoutSize(payload);
  const preset = target.parameters.map(({ key }) => key).filter((key) => !Object.hasOwn(given, key));
  return { ...references, preset };
}

/** The names of the arguments that become environment variables at `/init`. */
function initArguments(parameters: readonly KeyValue[]): string[] {
  const names: string[] = [];
  for (const { key, init } of parameters) if (init === true) names.push(key);
  return names;
}

/** The ciphers of the encrypted arguments, without those that the payload overrides. */
function lockedArguments(parameters: readonly KeyValue[], payload: Json | undefined): Record<string, string> {
  const locked: Record<string, string> = {};
  const given = payload !== null && typeof payload === 'object' && !Array.isArray(payload) ? payload : undefined;
  for (const { key, encryption } of parameters) {
    if (encryption !== undefined && !(given && Object.hasOwn(given, key))) locked[key] = encryption;
  }
  return locked;
}

function colorRequest(
  request: InvocationRequest,
  activationId: string,
  mistakes: PrimitiveParts['colorMistakes'],
): ColorRequest | undefined {
  const value = requestedColor(request, activationId, mistakes);
  if (value === undefined) return undefined;
  return { value, ...requestedPolicy(request.color?.policy, request.target.action.annotations) };
}

/** Describes actions for the balancer. Caches the description of each document. */
function actionDescriptions(runtimes: Runtimes): (action: Action) => SchedulableAction {
  const known = new WeakMap<Action, SchedulableAction>();
  return (action) => {
    let described = known.get(action);
    if (!described) {
      const { limits, exec } = action;
      described = {
        name: { path: action.namespace, name: action.name, version: action.version },
        kind: exec.kind,
        memory: limits.memory,
        logs: limits.logs,
        concurrency: limits.concurrency,
        ...(limits.instances === undefined ? {} : { instances: limits.instances }),
        timeout: limits.timeout,
        ...requiredTags(action.annotations),
        blackbox: exec.kind === BLACKBOX && pullsImage(runtimes, exec.image ?? ''),
      };
      known.set(action, described);
    }
    return described;
  };
}

/**
 * The tags that an action requires of its invoker (annotation `invoker-resources`), and whether they are mandatory
 * (`invoker-resources-strict-policy`, true by default). As in OpenWhisk, a list with an element that is not text is
 * ignored.
 */
function requiredTags(annotations: readonly KeyValue[]): Pick<SchedulableAction, 'tags' | 'tagsStrict'> {
  const tags = valueOf(annotations, 'invoker-resources');
  if (!Array.isArray(tags) || tags.length === 0) return {};
  const texts = tags.filter((tag) => typeof tag === 'string');
  if (texts.length < tags.length) return {};
  return { tags: texts, tagsStrict: valueOf(annotations, 'invoker-resources-strict-policy') !== false };
}
