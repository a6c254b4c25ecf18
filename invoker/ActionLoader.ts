import type { ActivationResponse } from '../shared/entities/activation.js';
import type { Action } from '../shared/entities/documents.js';
import { bytesOfText } from '../shared/entities/codeText.js';
import { BLACKBOX, SEQUENCE } from '../shared/entities/exec.js';
import type { UserLimits } from '../shared/entities/identity.js';
import { LargeCode } from '../shared/entities/LargeCode.js';
import { documentId } from '../shared/entities/names.js';
import { limitsViolation, namespaceLimits } from '../shared/config/namespaceLimits.js';
import type { Limits } from '../shared/config/limits.js';
import type { Logger } from '../shared/logging/Logger.js';
import type { ActivationMessage } from '../shared/messages/activation.js';
import { isSkeleton } from '../shared/runtimes/image.js';
import { pullsImage, type Runtimes } from '../shared/runtimes/manifest.js';
import type { EntityStore } from '../shared/store/EntityStore.js';
import { executableAction, type ExecutableAction, type RuntimeOfKind } from './activations/ExecutableAction.js';
import { applicationError, developerError } from './activations/response.js';
import * as texts from './activations/texts.js';
import { unreadable } from './activations/unreadable.js';
import { InvokerStopsError, type StoreWaits } from './pool/StoreWaits.js';

/**
 * The action of a message, and how long the activation has waited by now in ms; or the response if it cannot run. Left: the
 * invoker stops before the store has answered.
 */
export type FetchedAction =
  | { readonly kind: 'action'; readonly action: ExecutableAction; readonly waitedMs: number }
  | { readonly kind: 'none'; readonly response: ActivationResponse }
  | { readonly kind: 'left' };

export interface ActionLoaderParts {
  readonly entities: Pick<EntityStore, 'getActionWithCode'>;
  readonly runtimes: Runtimes;
  readonly limits: Limits;
  readonly log: Logger;
  /** The waits for a store that does not answer. While they are stopped, messages that need the store are left. */
  readonly waits: StoreWaits;
}

/**
 * Reads the actions of messages, at the revision in the message. If that revision is gone, it reads the newest one.
 *
 * It waits for a store that does not answer, since the activation was accepted. Only a store that is away for longer causes an
 * internal error, which counts against the invoker. Errors that users cause, by
 * changes of the action after its invocation or by the content of the document, are application or developer errors.
 */
export class ActionLoader {
  readonly #parts: ActionLoaderParts;
  /** Derived actions, for as long as the store's cache holds the documents. */
  readonly #known = new WeakMap<Action, ExecutableAction | undefined>();
  /** The limits of namespaces that the actions were last within. Both are frozen, and the same for many messages. */
  readonly #within = new WeakMap<Action, UserLimits>();
  readonly #waits: StoreWaits;

  constructor(parts: ActionLoaderParts) {
    this.#parts = parts;
    this.#waits = parts.waits;
  }

  /**
   * Never rejects: an error becomes the activation's response.
   * @param waitedMs how long the activation has waited before.
   */
  async fetch(message: ActivationMessage, waitedMs = 0): Promise<FetchedAction> {
    const { entities, log } = this.#parts;
    const id = documentId(message.action);
    const start = performance.now();
    let action: Action | undefined;
    try {
      action = await this.#waits.untilAnswered(() => entities.getActionWithCode(id, message.revision), waitedMs);
    } catch (error) {
      if (error instanceof InvokerStopsError) return { kind: 'left' };
      log.error(`could not read action ${id}`, { transid: message.transid, error });
      return none(unreadable(error));
    }
    if (!action) return none(applicationError(texts.actionRemoved));
    const violation = this.#violation(action, message);
    if (violation !== undefined) return none(applicationError(violation));
    const { kind } = action.exec;
    // The document was an action at the time of the invocation.
    if (kind === SEQUENCE) return none(applicationError(texts.becameSequence));
    const executable = this.#executable(action);
    if (executable) return { kind: 'action', action: executable, waitedMs: waitedMs + performance.now() - start };
    return none(developerError(kind === BLACKBOX ? texts.withoutImage : texts.unknownKind(kind)));
  }

  /**
   * The action's violation of a limit: installation and namespace may have lowered limits after the action was created.
   */
  #violation(action: Action, { user: { limits } }: ActivationMessage): string | undefined {
    if (this.#within.get(action) === limits) return undefined;
    const violation = limitsViolation(action.limits, namespaceLimits(this.#parts.limits, limits));
    if (violation === undefined) this.#within.set(action, limits);
    return violation;
  }

  #executable(action: Action): ExecutableAction | undefined {
    if (this.#known.has(action)) return this.#known.get(action);
    const runtime = this.#runtime(action);
    const executable = runtime && executableAction(this.#withLastingCode(action), runtime);
    this.#known.set(action, executable);
    return executable;
  }

  /** Large code is read when a container needs it. If the action was changed by then, the newest code runs. */
  #withLastingCode(action: Action): Action {
    const { exec } = action;
    const { code } = exec;
    if (!(code instanceof LargeCode)) return action;
    const read = async (): Promise<Uint8Array | undefined> => (await code.read()) ?? this.#newestCode(action);
    const lasting = new LargeCode(code.bytes, (waitedMs) => this.#waits.untilAnswered(read, waitedMs));
    return { ...action, exec: { ...exec, code: lasting } };
  }

  async #newestCode({ _id, exec }: Action): Promise<Uint8Array | undefined> {
    const newest = (await this.#parts.entities.getActionWithCode(_id, null))?.exec;
    if (!newest || newest.kind !== exec.kind || newest.binary !== exec.binary) return undefined;
    const { code } = newest;
    return typeof code === 'string' ? bytesOfText(code, newest.binary ? 'base64' : 'utf8') : code?.read();
  }

  #runtime({ exec }: Action): RuntimeOfKind | undefined {
    const { runtimes } = this.#parts;
    if (exec.kind === BLACKBOX) {
      if (exec.image === undefined) return undefined;
      const pull = pullsImage(runtimes, exec.image);
      // `dockerskeleton` ends its logs, as runtimes do; other images of users need not.
      return {
        image: { kind: BLACKBOX, reference: exec.image, pull },
        sentinelled: !pull || isSkeleton(exec.image),
      };
    }
    const runtime = runtimes.kinds.get(exec.kind);
    if (!runtime) return undefined;
    return {
      image: { kind: runtime.kind, reference: runtime.reference, pull: false },
      sentinelled: runtime.sentinelledLogs,
    };
  }
}

function none(response: ActivationResponse): FetchedAction {
  return { kind: 'none', response };
}
