import type { Action } from '../../../shared/entities/documents.js';
import type { KeyValue } from '../../../shared/entities/keyvalue.js';

/**
 * An action as the API shows it: without the store's own fields.
 * @param parameters the action's, merged with those of its package.
 */
export function actionView(action: Action, parameters: readonly KeyValue[] = action.parameters): object {
  return {
    namespace: action.namespace,
    name: action.name,
    version: action.version,
    publish: action.publish,
    exec: action.exec,
    parameters,
    limits: action.limits,
    annotations: action.annotations,
    updated: action.updated,
  };
}

/** The action without its code, for `code=false`. */
export function withoutCode(action: Action): Action {
  const { code: _, ...exec } = action.exec;
  return { ...action, exec };
}
