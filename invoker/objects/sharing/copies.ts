import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';

/*
 * The copies of a namespace's replicated objects are in the memory of the second invoker as the objects of a namespace
 * of their own, so that they count and go like others.
 */

/** Ids of namespaces contain no control characters. */
const COPIES = '\ncopies';

export const copiesOf = ({ uuid, ...rest }: ObjectNamespace): ObjectNamespace => ({
  uuid: `${uuid}${COPIES}`,
  ...rest,
});

/** The namespace itself, of its copies or not. */
export const originalOf = ({ uuid, ...rest }: ObjectNamespace): ObjectNamespace => ({
  uuid: uuid.endsWith(COPIES) ? uuid.slice(0, -COPIES.length) : uuid,
  ...rest,
});
