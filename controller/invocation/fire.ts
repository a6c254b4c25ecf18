import type { GivenColor } from './Invocation.js';
import type { Journal } from './Journal.js';
import { activateAction, type ActivationParts } from './activate.js';
import { interrupted } from './AcceptedRuns.js';
import { asObject } from './parameters.js';
import type { Explain } from '../refusals/refusals.js';
import { passedOn } from './requestedColor.js';
import { forwardedHeaders, inactiveRule, ruleLogLine, triggerRecord, type RuleResult } from './firedRules.js';
import { colorOf } from '../../shared/colors/colorOf.js';
import { StatusCode, type ActivationRecord } from '../../shared/entities/activation.js';
import { newActivationId } from '../../shared/entities/activationId.js';
import type { ReducedRule, TriggerDocument } from '../../shared/entities/documents.js';
import type { Identity } from '../../shared/entities/identity.js';
import { valueOf, type JsonObject } from '../../shared/entities/keyvalue.js';
import type { TransactionId } from '../../shared/entities/transaction.js';
import type { Logger } from '../../shared/logging/Logger.js';
import type { ColorMistakes } from '../loadbalancer/ColorMistakes.js';
import type { IncomingHttpHeaders } from 'node:http';

/** The parts that firing a trigger needs. */
export interface FireParts extends ActivationParts {
  readonly journal: Pick<Journal, 'accept' | 'keep' | 'track'>;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Explains refused actions in the trigger's record. */
  readonly explain: Explain;
  readonly colors?: { readonly mistakes: Pick<ColorMistakes, 'note'> } | undefined;
}

export interface Fire {
  readonly transid: TransactionId;
  readonly user: Identity;
  readonly trigger: TriggerDocument;
  readonly payload: JsonObject;
  /** The request's headers; an alarm has none. */
  readonly headers?: IncomingHttpHeaders | undefined;
  /** The request's color headers. */
  readonly color?: GivenColor | undefined;
}

/** A fired trigger. `done` resolves once its record is stored; it never rejects. */
export interface Fired {
  readonly activationId: string;
  /**
   * To be awaited before a caller gets the id.
   * @throws StoreError if the fire cannot be kept. No action was invoked then.
   */
  readonly accepted: Promise<void>;
  readonly done: Promise<void>;
}

/**
 * Fires a trigger: invokes the actions of its active rules without waiting for their results, and writes the outcome of
 * each rule to the trigger's record.
 * @returns undefined if no rule is active: then it writes no record.
 */
export function fireTrigger(parts: FireParts, fire: Fire): Fired | undefined {
  const rules = Object.entries(fire.trigger.rules ?? {});
  if (!rules.some(([, rule]) => rule.status === 'active')) return undefined;
  const activationId = newActivationId();
  const start = parts.clock();
  const accepted = parts.journal.accept(() => interruptedFire(fire, activationId, start), fire.user);
  const done = accepted
    .then(() => activateRules(parts, fire, rules, activationId, start))
    .catch((error: unknown) => {
      parts.log.error(`the trigger's activation ${activationId} failed`, { transid: fire.transid, error });
    });
  void parts.journal.track(done);
  return { activationId, accepted, done };
}

/** The record of a fire for the case that this process ends first. */
function interruptedFire({ trigger, user, payload }: Fire, activationId: string, start: number): ActivationRecord {
  const { name, version } = trigger;
  const record = triggerRecord({ activationId, user, name, version, start, payload, logs: [], color: undefined });
  return { ...record, response: interrupted() };
}

async function activateRules(
  parts: FireParts,
  fire: Fire,
  rules: readonly [string, ReducedRule][],
  activationId: string,
  start: number,
): Promise<void> {
  const { trigger, user, payload } = fire;
  const headers: JsonObject = fire.headers ? { __ow_headers: forwardedHeaders(fire.headers) } : {};
  const args: JsonObject = { ...asObject(trigger.parameters), ...headers, ...payload };
  const annotation = valueOf(trigger.annotations, 'color');
  const color = colorOf({
    header: fire.color?.fromHeader,
    annotation,
    parameters: args,
    activationId,
    onMistake: (mistake) => parts.colors?.mistakes.note(trigger._id, annotation ?? null, mistake),
  });
  const logs = await Promise.all(
    rules.map(async ([id, rule]) => {
      const result = rule.status === 'active' ? await activate(parts, fire, rule, args, color) : inactiveRule(id, rule);
      return ruleLogLine(id, rule, result);
    }),
  );
  const { name, version } = trigger;
  const record = triggerRecord({ activationId, user, name, version, start, payload, logs, color });
  await parts.journal.keep(record, user, fire.transid);
}

async function activate(
  parts: FireParts,
  { user, transid, color: given }: Fire,
  rule: ReducedRule,
  payload: JsonObject,
  color: string | undefined,
): Promise<RuleResult> {
  const { path, name } = rule.action;
  try {
    const outcome = await activateAction(
      parts,
      { path, name },
      {
        // Use the same transaction, so that operators find everything that a trigger caused by one id.
        transid: { ...transid, start: parts.clock() },
        user,
        payload,
        waitMs: undefined,
        color: passedOn(color, given),
      },
    );
    const activationId = outcome.kind === 'record' ? outcome.record.activationId : outcome.activationId;
    return { kind: 'invoked', activationId };
  } catch (error) {
    const { refused, message } = parts.explain(error);
    if (!refused)
      parts.log.error('could not invoke the action of a rule', { transid, error, action: `${path}/${name}` });
    const statusCode = refused ? StatusCode.applicationError : StatusCode.whiskError;
    return { kind: 'refused', statusCode, error: message };
  }
}
