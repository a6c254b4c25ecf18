import type { ColorChoice, ColorPolicy, PolicyMaker, Room, SharedState } from './ColorPolicy.js';

/** Reports a rule that a policy broke. */
export type OnFault = (fault: string, error?: unknown) => void;

/**
 * Makes policies of a user whose faults do no harm. The contract is checked at the start, but a policy may break a rule
 * later. A color is a hint, so an invocation must not fail then: if the policy throws, or chooses an invoker that did
 * not accept, the invocation is placed like one without a color.
 */
export function guarded(make: PolicyMaker, onFault: OnFault): PolicyMaker {
  return (surroundings) => {
    const attempt = attempts(onFault);
    const policy: ColorPolicy | null | undefined = attempt('cannot be made', () => make(surroundings), undefined);
    if (typeof policy === 'object' && policy !== null) return guard(policy, attempt, onFault);
    if (policy !== undefined) onFault(`cannot be made: its maker returns ${shown(policy)}`);
    return { ...NO_POLICY };
  };
}

type Attempt = <T>(fault: string, work: () => T, otherwise: T) => T;

const attempts =
  (onFault: OnFault): Attempt =>
  (fault, work, otherwise) => {
    try {
      const result = work();
      // A method that should not be asynchronous may reject later.
      if (result instanceof Promise) result.catch((error: unknown) => onFault(fault, error));
      return result;
    } catch (error) {
      onFault(fault, error);
      return otherwise;
    }
  };

/** Chooses no invoker. */
const NO_POLICY: ColorPolicy = {
  name: 'none',
  moves: 0,
  assign: () => undefined,
  joined: () => undefined,
  left: () => undefined,
  homes: () => [],
  census: () => [],
};

function guard(policy: ColorPolicy, attempt: Attempt, onFault: OnFault): ColorPolicy {
  const members = new Set<number>();
  const shared = attempt('throws in shared', () => policy.shared, undefined);
  return {
    name: policy.name,
    get moves() {
      const moves = attempt('throws in moves', () => policy.moves, 0);
      return Number.isFinite(moves) ? moves : 0;
    },
    assign(color, room) {
      const accepted = new Map<number, number>();
      const choice: unknown = attempt('throws in assign', () => policy.assign(color, asked(room, accepted)), undefined);
      if (choice === undefined) return undefined;
      const found = choiceOf(choice, accepted);
      if (!found) onFault(`chooses ${shown(choice)}, which did not accept`);
      return found;
    },
    joined(invokers) {
      for (const invoker of invokers) members.add(invoker);
      attempt('throws in joined', () => policy.joined(invokers), undefined);
    },
    left(invoker) {
      members.delete(invoker);
      attempt('throws in left', () => policy.left(invoker), undefined);
    },
    becameHealthy: (invoker, healthy) =>
      attempt('throws in becameHealthy', () => policy.becameHealthy?.(invoker, healthy), undefined),
    loadReport: (loads, leads) => attempt('throws in loadReport', () => policy.loadReport?.(loads, leads), undefined),
    homes(color) {
      const homes: unknown = attempt('throws in homes', () => policy.homes(color), []);
      const isMember = (home: unknown): home is number => typeof home === 'number' && members.has(home);
      if (Array.isArray(homes) && homes.every(isMember)) return homes;
      onFault(`returns the homes ${shown(homes)}, which are not all invokers of this pool`);
      return [];
    },
    census() {
      const rows = attempt('throws in census', () => policy.census(), []);
      // That of an asynchronous method is a promise.
      return attempt('returns no list from census', () => [...rows], []);
    },
    // Without it, all shares are equal.
    ...(policy.weigh === undefined
      ? {}
      : { weigh: (weights) => attempt('throws in weigh', () => policy.weigh?.(weights), undefined) }),
    ...(shared === undefined ? {} : { shared: guardShared(shared, attempt) }),
  };

  /** A room that refuses invokers which are not there, and notes those that accept. */
  function asked(room: Room, accepted: Map<number, number>): Room {
    return {
      accepts(invoker, rank) {
        if (!members.has(invoker)) {
          onFault(`asks about ${shown(invoker)}, which is not an invoker of this pool`);
          return false;
        }
        const accepts = room.accepts(invoker, rank);
        if (accepts) accepted.set(invoker, rank);
        return accepts;
      },
      underWay: (invoker) => room.underWay(invoker),
      totalUnderWay: room.totalUnderWay,
    };
  }
}

/** The choice if its invoker accepted at its rank. */
function choiceOf(choice: unknown, accepted: ReadonlyMap<number, number>): ColorChoice | undefined {
  if (typeof choice !== 'object' || choice === null || !('invoker' in choice) || !('rank' in choice)) return undefined;
  const { invoker, rank } = choice;
  if (typeof invoker !== 'number' || typeof rank !== 'number' || accepted.get(invoker) !== rank) return undefined;
  return { invoker, rank };
}

function guardShared(shared: SharedState, attempt: Attempt): SharedState {
  return {
    adopt: (update, ageMs) => attempt('throws in shared.adopt', () => shared.adopt(update, ageMs), undefined),
    holds: (update) => attempt('throws in shared.holds', () => shared.holds(update), false),
    summary: () => attempt('throws in shared.summary', () => shared.summary?.(), undefined),
  };
}

/** The longest text of a value in a message. */
const SHOWN_CHARACTERS = 80;

function shown(value: unknown): string {
  try {
    return (JSON.stringify(value) ?? String(value)).slice(0, SHOWN_CHARACTERS);
  } catch {
    return typeof value;
  }
}
