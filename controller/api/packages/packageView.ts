import type { PackageDocument } from '../../../shared/entities/documents.js';
import { isObject, type JsonObject, type KeyValue } from '../../../shared/entities/keyvalue.js';

/** A package as the API shows it: without the store's own fields. */
export function packageView(pkg: PackageDocument, parameters: readonly KeyValue[] = pkg.parameters) {
  const { namespace, name, version, publish, annotations, binding, updated } = pkg;
  return { namespace, name, version, publish, annotations, binding, parameters, updated };
}

/** Splits the summaries of a package's actions (from the store) into actions and feeds, by the annotation `feed`. */
export function actionsAndFeeds(summaries: readonly JsonObject[]): { actions: JsonObject[]; feeds: JsonObject[] } {
  const actions: JsonObject[] = [];
  const feeds: JsonObject[] = [];
  for (const { name = '', version = '', annotations = [] } of summaries) {
    const isFeed = Array.isArray(annotations) && annotations.some((one) => isObject(one) && one['key'] === 'feed');
    (isFeed ? feeds : actions).push({ name, version, annotations });
  }
  return { actions, feeds };
}
