import type { TriggerDocument } from '../../../shared/entities/documents.js';

/** A trigger as the API shows it; `rules` is present if it ever had a rule. */
export function triggerView(trigger: TriggerDocument) {
  const { namespace, name, version, publish, annotations, parameters, limits, updated, rules } = trigger;
  const view = { namespace, name, version, publish, annotations, parameters, limits, updated };
  return rules === undefined ? view : { ...view, rules };
}
