import type { Logger } from '../logging/Logger.js';
import { within } from '../process/within.js';
import type { Runtime, Runtimes } from './manifest.js';

/** Why actions of a kind cannot run on this machine; undefined if they can run. Rejects if it is unknown. */
export type KindProbe = (runtime: Pick<Runtime, 'kind' | 'reference'>) => Promise<string | undefined>;

export interface KindAvailabilityParts {
  readonly runtimes: Pick<Runtimes, 'kinds'>;
  readonly probe: KindProbe;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** The delay before another check of a kind that cannot run, in ms. */
  readonly freshMs?: number | undefined;
}

/**
 * The time for which a finding is valid, in ms: an image may be added, or a registry may be unavailable for a moment.
 */
const FRESH_MS = 10_000;

/**
 * Checks which kinds cannot run. Logs them once at the start, and gives the reason for a user who creates such an
 * action.
 */
export class KindAvailability {
  readonly #parts: KindAvailabilityParts;
  /** The findings by kind. Kinds that can run are not checked again. */
  readonly #found = new Map<string, Finding>();

  constructor(parts: KindAvailabilityParts) {
    this.#parts = parts;
  }

  /** Logs one line about all kinds that cannot run. Never rejects. */
  async announce(): Promise<void> {
    const { log } = this.#parts;
    const reasons = await Promise.all(
      this.#current().map(async ({ kind }) => ({ kind, reason: await this.reason(kind) })),
    );
    const byReason = new Map<string, string[]>();
    for (const { kind, reason } of reasons) {
      if (reason !== undefined) byReason.set(reason, [...(byReason.get(reason) ?? []), kind]);
    }
    const missing = [...byReason].map(([reason, names]) => `${names.join(', ')} (${reason})`);
    if (missing.length > 0) log.warn(`actions of these kinds cannot run: ${missing.join('; ')}`);
  }

  /** Why actions of the kind cannot run; undefined if they can run, or if it is unknown. Never rejects. */
  async reason(kind: string): Promise<string | undefined> {
    const runtime = this.#parts.runtimes.kinds.get(kind);
    if (!runtime) return undefined;
    const finding = this.#found.get(runtime.kind) ?? this.#find(runtime);
    const reason = await finding.reason;
    // The kind may be available by now: check again for the next call.
    const { now, freshMs = FRESH_MS } = this.#parts;
    if (reason !== undefined && now() - finding.at >= freshMs && !finding.again) {
      finding.again = true;
      void this.#find(runtime, finding);
    }
    return reason;
  }

  /** Like `reason`, but undefined if it is unknown after `limitMs`. */
  reasonWithin(kind: string, limitMs: number): Promise<string | undefined> {
    return within(this.reason(kind), limitMs, () => undefined);
  }

  /** All kinds that cannot run, with the reasons; undefined during the first check. */
  unavailable(): Record<string, string> | undefined {
    const kinds: Record<string, string> = {};
    let complete = true;
    for (const { kind } of this.#current()) {
      void this.reason(kind);
      const known = this.#found.get(kind)?.known;
      if (!known) complete = false;
      else if (known.reason !== undefined) kinds[kind] = known.reason;
    }
    return complete ? kinds : undefined;
  }

  /** The kinds that are not deprecated. */
  #current(): Runtime[] {
    return [...this.#parts.runtimes.kinds.values()].filter(({ deprecated }) => !deprecated);
  }

  #find(runtime: Runtime, earlier?: Finding): Finding {
    const { probe, now } = this.#parts;
    const finding: Finding = { at: now(), reason: probe(runtime).catch(() => undefined), again: false };
    void finding.reason.then((reason) => (finding.known = { reason }));
    if (!earlier) this.#found.set(runtime.kind, finding);
    else {
      void finding.reason.then(() => {
        finding.at = now();
        this.#found.set(runtime.kind, finding);
      });
    }
    return finding;
  }
}

interface Finding {
  at: number;
  readonly reason: Promise<string | undefined>;
  /** The result of `reason`. */
  known?: { readonly reason: string | undefined };
  /** Whether another check is running. */
  again: boolean;
}
