import type { HomesReply } from '../../shared/objects/homesReply.js';
import type { ObjectNamespace } from '../../shared/objects/ObjectToken.js';

/** The most namespaces to remember. */
const MAX_NAMESPACES = 10_000;

/**
 * The limits of namespaces as the controllers said last. The limit in a token is that of the start of its container, which
 * may live for days.
 */
export class CurrentLimits {
  /** By the name of the namespace; the earliest one comes first. */
  readonly #limits = new Map<string, number | null>();

  /** Notes the limit in a reply of a controller for a color of the namespace. */
  note(name: string, { limitBytes }: HomesReply): void {
    if (limitBytes === undefined || this.#limits.get(name) === limitBytes) return;
    this.#limits.delete(name);
    this.#limits.set(name, limitBytes);
    const [oldest] = this.#limits.keys();
    if (this.#limits.size > MAX_NAMESPACES && oldest !== undefined) this.#limits.delete(oldest);
  }

  /** The namespace of a token with its limit as it is now. */
  applyTo(namespace: ObjectNamespace): ObjectNamespace {
    const noted = this.#limits.get(namespace.name);
    if (noted === undefined) return namespace;
    const limitBytes = noted ?? undefined;
    return limitBytes === namespace.limitBytes ? namespace : { ...namespace, limitBytes };
  }
}
