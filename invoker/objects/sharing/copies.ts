import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';

/*
 * The copies of a namespace's replicated objects are in the memory of the second invoker as the objects of a namespace
 * of their own, so that their memory counts. They need not be within the limit of the namespace: the objects were, in the invoker of the
 * owner. If that limit becomes lower, another set must be possible before an object can be deleted.
 */

/** Ids of namespaces contain no control characters. */
const COPIES = '\ncopies';
const FETCHED = '\nfetched';

export const copiesOf = ({ uuid, ...rest }: ObjectNamespace): ObjectNamespace => ({
  uuid: `${uuid}${COPIES}`,
  ...rest,
  limitBytes: undefined,
});

/** The copies that are being fetched from another invoker, and are not part of a set yet. @param fetch its number. */
export const fetchedOf = ({ uuid, ...rest }: ObjectNamespace, fetch: number): ObjectNamespace => ({
  uuid: `${uuid}${FETCHED}${fetch}`,
  ...rest,
});

/** The namespace itself, of its copies or not. */
export const originalOf = ({ uuid, ...rest }: ObjectNamespace): ObjectNamespace => ({
  uuid: uuid.replace(/\n(copies|fetched\d+)$/, ''),
  ...rest,
});
