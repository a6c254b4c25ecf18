import { withoutKey } from '../../invocation/parameters.js';
import { nextVersion } from '../../http/fields.js';
import { FIRST_VERSION } from '../entityWrites.js';
import type { Binding, PackageBody } from './packageBody.js';
import type { PackageDocument } from '../../../shared/entities/documents.js';
import type { KeyValue } from '../../../shared/entities/keyvalue.js';

/** Makes a new package or binding. `now` in ms since the epoch. */
export function newPackage(namespace: string, name: string, body: PackageBody, now: number): PackageDocument {
  return {
    _id: `${namespace}/${name}`,
    entityType: 'package',
    namespace,
    name,
    binding: body.binding ?? {},
    parameters: [...(body.parameters ?? [])],
    version: body.version ?? FIRST_VERSION,
    publish: body.publish ?? false,
    annotations: withBindingAnnotation(body.annotations ?? [], body.binding),
    updated: now,
  };
}

/** The package after an update. Missing fields keep their value. */
export function revisedPackage(old: PackageDocument, body: PackageBody, now: number): PackageDocument {
  const binding = body.binding ?? bindingOf(old);
  return {
    ...old,
    binding: binding ?? {},
    parameters: [...(body.parameters ?? old.parameters)],
    version: body.version ?? nextVersion(old.version),
    publish: body.publish ?? old.publish,
    annotations: withBindingAnnotation(body.annotations ?? old.annotations, binding),
    updated: now,
  };
}

/** The package that a binding refers to; undefined for a plain package. */
export function bindingOf({ binding: { namespace, name } }: PackageDocument): Binding | undefined {
  return namespace === undefined || name === undefined ? undefined : { namespace, name };
}

/** Clients recognize a binding in a list by this annotation. Callers cannot set it themselves. */
function withBindingAnnotation(annotations: readonly KeyValue[], binding: Binding | undefined): KeyValue[] {
  const others = withoutKey(annotations, 'binding');
  return binding ? [...others, { key: 'binding', value: { ...binding } }] : others;
}
