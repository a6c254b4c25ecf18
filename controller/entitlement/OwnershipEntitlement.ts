import type { Identity } from '../../shared/entities/identity.js';
import { KindNotAllowedError, NotAuthorizedError } from '../refusals/refusals.js';
import { fullName, type Entitlement, type Privilege, type Resource } from './Entitlement.js';
import { mayReadPackage, type PackageReader } from './packageRead.js';
import { implicitRight } from './rights.js';
import type { Throttles } from './Throttles.js';

export interface EntitlementParts {
  readonly packages: PackageReader;
  readonly throttles: Throttles;
  /** The kinds that every user may use; undefined: all kinds. */
  readonly allowedKinds?: readonly string[] | undefined;
}

/**
 * OpenWhisk's local entitlement: the owner of a namespace has all privileges in it; others may read and run the actions
 * of published packages.
 */
export class OwnershipEntitlement implements Entitlement {
  readonly #parts: EntitlementParts;

  constructor(parts: EntitlementParts) {
    this.#parts = parts;
  }

  check(
    user: Identity,
    privilege: Privilege,
    resources: readonly Resource[],
    options: { readonly throttle?: boolean | undefined } = {},
  ): Promise<void> {
    try {
      if (!user.rights.includes(privilege)) throw forbidden(resources);
      if (privilege === 'ACTIVATE' && options.throttle !== false) this.#throttle(user, resources);
    } catch (error) {
      return Promise.reject(error);
    }
    // As a rule, the caller owns all of them.
    const { name } = user.namespace;
    return resources.every((resource) => implicitRight(name, privilege, resource) === 'yes')
      ? ALLOWED
      : this.#checkEach(user, privilege, resources);
  }

  async #checkEach(user: Identity, privilege: Privilege, resources: readonly Resource[]): Promise<void> {
    const refused: Resource[] = [];
    for (const resource of resources) {
      const right = implicitRight(user.namespace.name, privilege, resource);
      if (right === 'yes') continue;
      if (right === 'no') refused.push(resource);
      else if (!(await mayReadPackage(this.#parts.packages, user.namespace.name, right.package))) {
        // The refusal names the package, not the action in it.
        if (resource.collection === 'actions') throw new NotAuthorizedError([right.package]);
        refused.push(resource);
      }
    }
    if (refused.length > 0) throw forbidden(refused);
  }

  checkThrottles(user: Identity): void {
    this.#parts.throttles.invocation(user);
  }

  checkConcurrency(user: Identity): void {
    this.#parts.throttles.concurrency(user);
  }

  checkKind(user: Identity, kind: string): void {
    if (isKindAllowed(kind, user.limits.allowedKinds, this.#parts.allowedKinds)) return;
    throw new KindNotAllowedError(kind);
  }

  /** Counts one request, even for several actions (a sequence, a rule). @throws ThrottledError */
  #throttle(user: Identity, resources: readonly Resource[]): void {
    if (resources.some((r) => r.collection === 'actions')) this.#parts.throttles.invocation(user);
    else if (resources.some((r) => r.collection === 'triggers')) this.#parts.throttles.fire(user);
  }
}

const ALLOWED = Promise.resolve();

/** A kind is allowed if one of the lists contains it, or if both are empty or missing. */
function isKindAllowed(
  kind: string,
  own: readonly string[] | undefined,
  everybody: readonly string[] | undefined,
): boolean {
  const listed = (own?.length ?? 0) + (everybody?.length ?? 0) > 0;
  return !listed || own?.includes(kind) === true || everybody?.includes(kind) === true;
}

function forbidden(resources: readonly Resource[]): NotAuthorizedError {
  return new NotAuthorizedError([...new Set(resources.map(fullName).toSorted())]);
}
