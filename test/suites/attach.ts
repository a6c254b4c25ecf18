import type { ArtifactStore } from '../../shared/store/ArtifactStore.js';

/** Adds an attachment to a document of that revision, as OpenWhisk's controllers do; resolves to the new revision. */
export async function attach(
  store: ArtifactStore,
  id: string,
  revision: string,
  name: string,
  contentType: string,
  bytes: Uint8Array,
): Promise<string> {
  const document = await store.get(id);
  return store.put({ ...document, _id: id, _rev: revision }, { name, contentType, bytes });
}
