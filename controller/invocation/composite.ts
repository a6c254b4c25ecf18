import type { ColorMistakes } from '../loadbalancer/ColorMistakes.js';
import type { Entitlement } from '../entitlement/Entitlement.js';
import type { ActionReader } from './resolve.js';
import type { Journal } from './Journal.js';
import type { Invocation, InvocationOutcome, InvocationRequest } from './Invocation.js';
import type { ActivationRecord } from '../../shared/entities/activation.js';
import type { TransactionId } from '../../shared/entities/transaction.js';
import type { Logger } from '../../shared/logging/Logger.js';

/** The parts that sequences and compositions need. */
export interface CompositeParts {
  /** Runs one action that is neither a sequence nor a conductor, or one step of a conductor. */
  readonly primitive: Invocation;
  readonly actions: ActionReader;
  readonly entitlement: Pick<Entitlement, 'check'>;
  readonly journal: Pick<Journal, 'accept' | 'beforeAnswer' | 'keep' | 'track'>;
  readonly log: Logger;
  readonly clock: () => number;
  readonly newActivationId: () => string;
  /** The limit on the components of a sequence and the steps of a composition. */
  readonly maxSteps: number;
  /** The longest wait for a durable record after the end of a caller's wait, in ms; missing: 5 s. */
  readonly keepLateMs?: number | undefined;
  /** Records annotations `color` that are not valid templates. */
  readonly colorMistakes?: Pick<ColorMistakes, 'note'> | undefined;
}

/** One run of a sequence or a composition. The caller of these functions always waits for it. */
export interface CompositeRun extends Pick<
  InvocationRequest,
  'transid' | 'user' | 'target' | 'payload' | 'cause' | 'color' | 'references'
> {
  readonly activationId: string;
}

/** Runs components of all kinds. Sequences and compositions call each other through it. */
export interface Composites {
  /**
   * Runs a sequence. Never rejects: the record contains the error.
   * @param actionCount the number of actions, without sequences, that the enclosing sequences have run.
   */
  sequence(run: CompositeRun, actionCount: number): Promise<{ record: ActivationRecord; actionCount: number }>;
  /**
   * Runs an action that is not a sequence as a component: a conductor until it is done, any other action for at most
   * `waitMs`.
   * @param budget of the enclosing composition, if any.
   * @throws the errors of the invocation of a primitive action.
   */
  action(request: InvocationRequest, budget?: CompositionBudget): Promise<InvocationOutcome>;
  /** Runs a composition. Never rejects. @param budget of the enclosing composition, if any. */
  composition(run: CompositeRun, budget?: CompositionBudget): Promise<ActivationRecord>;
}

/** The steps that a composition and its inner compositions have used. They share the object and change it in place. */
export interface CompositionBudget {
  components: number;
  conductors: number;
}

/** The additional wait for a component after its own time limit, in ms. */
export const COMPONENT_GRACE_MS = 60_000;

/**
 * Whether nested sequences and compositions are so deep that one of them must contain itself. That can happen when two
 * of them are changed at the same time. If such a cycle runs no other action, the limit on actions does not stop it.
 */
export function isTooDeep(transid: TransactionId, maxSteps: number): boolean {
  // Each sequence adds one transaction, each composition adds two.
  let left = 3 * maxSteps;
  for (let at = transid.parent; at !== undefined; at = at.parent) if (--left < 0) return true;
  return false;
}
