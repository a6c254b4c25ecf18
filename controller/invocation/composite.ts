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
  /** Runs one action that is neither a sequence nor a conductor, or a conductor as a plain action. */
  readonly primitive: Invocation;
  readonly actions: ActionReader;
  readonly entitlement: Pick<Entitlement, 'check'>;
  readonly journal: Pick<Journal, 'accept' | 'beforeAnswer' | 'keep' | 'track'>;
  readonly log: Logger;
  readonly clock: () => number;
  readonly newActivationId: () => string;
  /** Components of a sequence, and steps of a composition. */
  readonly maxSteps: number;
  /** Notes annotations `color` that are not templates. */
  readonly colorMistakes?: Pick<ColorMistakes, 'note'> | undefined;
}

/** One run of a sequence or a composition. Its caller always waits for it. */
export interface CompositeRun extends Pick<
  InvocationRequest,
  'transid' | 'user' | 'target' | 'payload' | 'cause' | 'color'
> {
  readonly activationId: string;
}

/** Runs components of every kind; sequences and compositions reach each other through this. */
export interface Composites {
  /**
   * `actionCount`: how many actions (sequences not counted) the enclosing sequences have run.
   * Never rejects: an error is in the record.
   */
  sequence(run: CompositeRun, actionCount: number): Promise<{ record: ActivationRecord; actionCount: number }>;
  /**
   * Runs an action that is not a sequence as a component: a conductor until it is done, any other for at most `waitMs`.
   * `budget` is that of the enclosing composition, if any. @throws the errors of the invocation of a primitive action.
   */
  action(request: InvocationRequest, budget?: CompositionBudget): Promise<InvocationOutcome>;
  /** `budget`: shared with the enclosing composition, if any. Never rejects. */
  composition(run: CompositeRun, budget?: CompositionBudget): Promise<ActivationRecord>;
}

/** How much of the limit on steps a composition and those in it have used. Shared, and so changed in place. */
export interface CompositionBudget {
  components: number;
  conductors: number;
}

/** How long a component is waited for beyond its own time limit, ms. */
export const COMPONENT_GRACE_MS = 60_000;

/**
 * Whether sequences and compositions in each other are nested deeper than they could be if none of them contained
 * itself. One may, where two were changed at the same time; and if it runs nothing else, no count of actions stops it.
 */
export function isTooDeep(transid: TransactionId, maxSteps: number): boolean {
  // Each sequence adds one transaction, each composition two.
  let left = 3 * maxSteps;
  for (let at = transid.parent; at !== undefined; at = at.parent) if (--left < 0) return true;
  return false;
}
