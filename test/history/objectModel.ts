import type { Model } from './linearizable.js';

/** An operation on one object. */
export type ObjectInput =
  | { readonly kind: 'get' }
  /** @param ttl the name of its time; missing: it has none. */
  | { readonly kind: 'put'; readonly value: string; readonly ifAbsent?: true; readonly ttl?: string }
  | { readonly kind: 'increment' }
  | { readonly kind: 'delete' }
  /** The time of a write is over. An increment keeps it. */
  | { readonly kind: 'expire'; readonly ttl: string };

/** What it returned: the value of a read, the sum of an increment, or whether a change was made. */
export type ObjectOutput =
  | { readonly kind: 'value'; readonly value: string | undefined }
  | { readonly kind: 'changed'; readonly changed: boolean };

interface ObjectState {
  readonly value: string | undefined;
  /** The name of its time. */
  readonly ttl?: string | undefined;
}

/** A register that counts, too: the state is the text of the object, or `missing`. */
export const objectModel: Model<ObjectState, ObjectInput, ObjectOutput> = {
  initial: { value: undefined },
  text: ({ value, ttl = '' }) => `${value ?? '-'} ${ttl}`,
  step(state, input, output) {
    const { value, ttl } = state;
    if (input.kind === 'expire') return ttl === input.ttl ? { value: undefined } : state;
    if (input.kind === 'get') {
      return output === undefined || (output.kind === 'value' && output.value === value) ? state : undefined;
    }
    if (input.kind === 'increment') {
      const sum = String(Number(value ?? '0') + 1);
      const fits = output === undefined || (output.kind === 'value' && output.value === sum);
      return fits ? { value: sum, ttl } : undefined;
    }
    const changes = input.kind === 'put' ? input.ifAbsent !== true || value === undefined : value !== undefined;
    if (output !== undefined && !(output.kind === 'changed' && output.changed === changes)) return undefined;
    if (!changes) return state;
    return input.kind === 'put' ? { value: input.value, ttl: input.ttl } : { value: undefined };
  },
};
