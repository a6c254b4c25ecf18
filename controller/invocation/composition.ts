import { resolveAction } from './resolve.js';
import {
  COMPONENT_GRACE_MS,
  type CompositeParts,
  type CompositeRun,
  type Composites,
  type CompositionBudget,
} from './composite.js';
import { compositeRecord } from './compositeRecord.js';
import { compositionErrors, conductorPayload, readStep } from './compositionSteps.js';
import type { InvocationOutcome, ResolvedAction } from './Invocation.js';
import { passedOn, requestedColor } from './requestedColor.js';
import { failure, largest, memoryOf } from './sequenceAccounting.js';
import { StatusCode, type ActivationRecord, type ActivationResponse } from '../../shared/entities/activation.js';
import { SEQUENCE } from '../../shared/entities/exec.js';
import { isTruthy, type Json, type JsonObject } from '../../shared/entities/keyvalue.js';
import { documentId, type FullyQualifiedName } from '../../shared/entities/names.js';
import { KEEP_NONE } from '../../shared/messages/references.js';
import { childTransactionId, type TransactionId } from '../../shared/entities/transaction.js';

/**
 * Runs a conductor and its next component in turns, until the conductor names no further component. Keeps only the last
 * result in memory. Does not store the record.
 */
export async function runComposition(
  parts: CompositeParts,
  composites: Composites,
  run: CompositeRun,
  budget: CompositionBudget = { components: 0, conductors: 0 },
): Promise<ActivationRecord> {
  const composition = new Composition(parts, composites, run, budget);
  const response = await composition.run();
  return composition.record(response);
}

/** An error that ended a composition. */
class Aborted {
  readonly response: ActivationResponse;
  constructor(response: ActivationResponse) {
    this.response = response;
  }
}

class Composition {
  readonly #parts: CompositeParts;
  readonly #composites: Composites;
  readonly #run: CompositeRun;
  readonly #budget: CompositionBudget;
  readonly #start: number;
  readonly #color: string | undefined;
  readonly #activationIds: string[] = [];
  #duration = 0;
  #memory: number | undefined;

  constructor(parts: CompositeParts, composites: Composites, run: CompositeRun, budget: CompositionBudget) {
    this.#parts = parts;
    this.#composites = composites;
    this.#run = run;
    this.#budget = budget;
    this.#start = parts.clock();
    this.#memory = run.target.action.limits.memory;
    this.#color = requestedColor(run, run.activationId, parts.colorMistakes);
  }

  record(response: ActivationResponse): ActivationRecord {
    return compositeRecord(this.#run, {
      response,
      components: this.#activationIds,
      duration: this.#duration,
      memory: this.#memory,
      start: this.#start,
      end: this.#parts.clock(),
      conductor: true,
      color: this.#color,
    });
  }

  async run(): Promise<ActivationResponse> {
    const { maxSteps } = this.#parts;
    const namespace = this.#run.user.namespace.name;
    let payload: Json | undefined = this.#run.payload;
    let state: JsonObject | undefined;
    for (;;) {
      // A sequence of n actions takes n components and n + 1 runs of the conductor. The limit is twice that, for
      // errors.
      if (this.#budget.conductors > 2 * maxSteps) {
        return failure(StatusCode.applicationError, compositionErrors.tooLong);
      }
      this.#budget.conductors += 1;
      const transid = childTransactionId(this.#run.transid, this.#parts.clock());
      const conducted = await this.#conduct(transid, conductorPayload(payload, state));
      if (conducted instanceof Aborted) return conducted.response;
      const step = readStep(conducted.response.result, namespace);
      if (step.kind === 'done') return { statusCode: conducted.response.statusCode, result: step.result };
      state = step.state;
      if (step.kind === 'misnamed') payload = { error: compositionErrors.misnamed(step.action) };
      else if (this.#budget.components >= maxSteps) payload = { error: compositionErrors.tooLong };
      else {
        const result = await this.#component(
          step.action,
          step.params,
          childTransactionId(transid, this.#parts.clock()),
        );
        if (result instanceof Aborted) return result.response;
        payload = result;
      }
    }
  }

  #conduct(transid: TransactionId, payload: Json | undefined): Promise<ActivationRecord | Aborted> {
    const { target } = this.#run;
    const waitMs = target.action.limits.timeout + COMPONENT_GRACE_MS;
    // A step of the conductor always has the color of the run, not the color of the annotation for this step.
    const color = { ...passedOn(this.#color, this.#run.color), settled: true };
    const caused = this.#caused(transid, target, payload);
    // Its result is for the controller, which must read it.
    const references = caused.references && { ...caused.references, over: KEEP_NONE };
    const step = { ...caused, references, waitMs, color };
    return this.#waitFor(() => this.#parts.primitive.invoke(step));
  }

  /** Runs a component. Returns its result, an error for the conductor to handle, or the end of the composition. */
  async #component(
    name: FullyQualifiedName,
    params: JsonObject | undefined,
    transid: TransactionId,
  ): Promise<Json | undefined | Aborted> {
    const found = await this.#find(name, transid);
    if ('refusal' in found) return { error: found.refusal };
    const record = await this.#waitFor(() => this.#invoke(found.target, params, transid));
    return record instanceof Aborted ? record : record.response.result;
  }

  async #find(
    name: FullyQualifiedName,
    transid: TransactionId,
  ): Promise<{ target: ResolvedAction } | { refusal: string }> {
    const { entitlement, actions, log } = this.#parts;
    const printed = documentId(name);
    const resource = { path: name.path, collection: 'actions', name: name.name } as const;
    try {
      // The composition already counts against the caller's limits.
      await entitlement.check(this.#run.user, 'ACTIVATE', [resource], { throttle: false });
    } catch (error) {
      if (log.debugEnabled) log.debug('component of a composition refused', { transid, error, action: printed });
      return { refusal: compositionErrors.forbidden(printed) };
    }
    try {
      const target = await resolveAction(actions, name);
      if (target) return { target };
    } catch (error) {
      log.warn('component of a composition could not be read', { transid, error, action: printed });
    }
    return { refusal: compositionErrors.missing(printed) };
  }

  async #invoke(
    target: ResolvedAction,
    params: JsonObject | undefined,
    transid: TransactionId,
  ): Promise<InvocationOutcome> {
    const caused = this.#caused(transid, target, params);
    if (target.action.exec.kind === SEQUENCE) {
      this.#budget.components += 1;
      const { record } = await this.#composites.sequence({ ...caused, activationId: this.#parts.newActivationId() }, 0);
      return { kind: 'record', record };
    }
    // The components of an inner composition count, not the composition itself.
    if (!isTruthy(target.action.annotations, 'conductor')) this.#budget.components += 1;
    const waitMs = target.action.limits.timeout + COMPONENT_GRACE_MS;
    return this.#composites.action({ ...caused, waitMs }, this.#budget);
  }

  #caused(transid: TransactionId, target: ResolvedAction, payload: Json | undefined) {
    const color = passedOn(this.#color, this.#run.color);
    const { user, activationId: cause, references } = this.#run;
    return { transid, user, target, payload, cause, color, references };
  }

  /** Waits for a conductor or a component and adds it to the record. */
  async #waitFor(invoke: () => Promise<InvocationOutcome>): Promise<ActivationRecord | Aborted> {
    const { log } = this.#parts;
    const { transid, activationId: composition } = this.#run;
    let outcome: InvocationOutcome;
    try {
      outcome = await invoke();
    } catch (error) {
      log.error('activation in a composition failed', { transid, error, composition });
      return new Aborted(failure(StatusCode.whiskError, compositionErrors.failed));
    }
    if (outcome.kind === 'accepted') {
      this.#activationIds.push(outcome.activationId);
      log.error('activation in a composition timed out', { transid, composition, activationId: outcome.activationId });
      return new Aborted(failure(StatusCode.whiskError, compositionErrors.timedOut(outcome.activationId)));
    }
    const { record } = outcome;
    this.#activationIds.push(record.activationId);
    this.#duration += record.duration ?? record.end - record.start;
    this.#memory = largest(this.#memory, memoryOf(record));
    return record;
  }
}
