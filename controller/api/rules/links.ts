import type { FullyQualifiedName } from '../../../shared/entities/names.js';
import type { RuleDocument, RuleStatus, TriggerDocument } from '../../../shared/entities/documents.js';

/*
 * A trigger contains the action and the status of its rules, so that a fire reads only one document. A change of them
 * makes a new revision of the trigger, but changes neither its version nor its time of update.
 */

/** The trigger with the rule added, by the rule's document id. */
export function withRule(
  trigger: TriggerDocument,
  rule: string,
  action: FullyQualifiedName,
  status: RuleStatus,
): TriggerDocument {
  return { ...trigger, rules: { ...trigger.rules, [rule]: { action, status } } };
}

/** The trigger without the rule; the same object if it does not contain the rule. */
export function withoutRule(trigger: TriggerDocument, rule: string): TriggerDocument {
  if (!trigger.rules || !Object.hasOwn(trigger.rules, rule)) return trigger;
  const { [rule]: _, ...rules } = trigger.rules;
  return { ...trigger, rules };
}

/** The rule's status: inactive if the trigger is missing or does not contain the rule. */
export function statusOf(trigger: TriggerDocument | undefined, rule: string): RuleStatus {
  const rules = trigger?.rules;
  return rules && Object.hasOwn(rules, rule) ? (rules[rule]?.status ?? 'inactive') : 'inactive';
}

/** A rule as the API shows it. */
export function ruleView(rule: RuleDocument, status: RuleStatus) {
  const { namespace, name, version, publish, annotations, trigger, action, updated } = rule;
  return { namespace, name, status, trigger, action, version, publish, annotations, updated };
}
