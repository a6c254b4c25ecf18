import type { FullyQualifiedName } from '../../../shared/entities/names.js';
import type { RuleDocument, RuleStatus, TriggerDocument } from '../../../shared/entities/documents.js';

/*
 * A rule's action and status are kept in its trigger, so that a fire reads one document. Changing them makes a new
 * revision of the trigger, but neither a new version nor a new time of update.
 */

/** The trigger with the rule (by its document id) in it. */
export function withRule(
  trigger: TriggerDocument,
  rule: string,
  action: FullyQualifiedName,
  status: RuleStatus,
): TriggerDocument {
  return { ...trigger, rules: { ...trigger.rules, [rule]: { action, status } } };
}

/** The trigger without the rule; the same one where it has no such rule. */
export function withoutRule(trigger: TriggerDocument, rule: string): TriggerDocument {
  if (!trigger.rules || !Object.hasOwn(trigger.rules, rule)) return trigger;
  const { [rule]: _, ...rules } = trigger.rules;
  return { ...trigger, rules };
}

/** The rule's status; one whose trigger is gone, or does not know it, is inactive. */
export function statusOf(trigger: TriggerDocument | undefined, rule: string): RuleStatus {
  const rules = trigger?.rules;
  return rules && Object.hasOwn(rules, rule) ? (rules[rule]?.status ?? 'inactive') : 'inactive';
}

/** A rule as the API shows it. */
export function ruleView(rule: RuleDocument, status: RuleStatus) {
  const { namespace, name, version, publish, annotations, trigger, action, updated } = rule;
  return { namespace, name, status, trigger, action, version, publish, annotations, updated };
}
