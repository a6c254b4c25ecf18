import type { PackageDocument } from '../../../shared/entities/documents.js';
import { valueOf, type JsonObject, type KeyValue } from '../../../shared/entities/keyvalue.js';

/** A package as the API shows it: without the store's own fields. */
export function packageView(pkg: PackageDocument, parameters: readonly KeyValue[] = pkg.parameters) {
  const { namespace, name, version, publish, annotations, binding, updated } = pkg;
  return { namespace, name, version, publish, annotations, binding, parameters, updated };
}

/** The actions of a package, as it is shown with them: those with an annotation `feed` are feeds. `summaries` from the store. */
export function actionsAndFeeds(summaries: readonly JsonObject[]): { actions: JsonObject[]; feeds: JsonObject[] } {
  const actions: JsonObject[] = [];
  const feeds: JsonObject[] = [];
  for (const { name = '', version = '', annotations = [] } of summaries) {
    const isFeed = Array.isArray(annotations) && valueOf(annotations as unknown as KeyValue[], 'feed') !== undefined;
    (isFeed ? feeds : actions).push({ name, version, annotations });
  }
  return { actions, feeds };
}
