import type { Model } from './linearizable.js';

/** An operation on one object. */
export type ObjectInput =
  | { readonly kind: 'get' }
  | { readonly kind: 'put'; readonly value: string; readonly ifAbsent?: true }
  | { readonly kind: 'increment' }
  | { readonly kind: 'delete' };

/** What it returned: the value of a read, the sum of an increment, or whether a change was made. */
export type ObjectOutput =
  | { readonly kind: 'value'; readonly value: string | undefined }
  | { readonly kind: 'changed'; readonly changed: boolean };

/** A register that counts, too: the state is the text of the object, or `missing`. */
export const objectModel: Model<{ readonly value: string | undefined }, ObjectInput, ObjectOutput> = {
  initial: { value: undefined },
  text: ({ value }) => value ?? '-',
  step(state, input, output) {
    const { value } = state;
    if (input.kind === 'get') {
      return output === undefined || (output.kind === 'value' && output.value === value) ? state : undefined;
    }
    if (input.kind === 'increment') {
      const sum = String(Number(value ?? '0') + 1);
      const fits = output === undefined || (output.kind === 'value' && output.value === sum);
      return fits ? { value: sum } : undefined;
    }
    const changes = input.kind === 'put' ? input.ifAbsent !== true || value === undefined : value !== undefined;
    if (output !== undefined && !(output.kind === 'changed' && output.changed === changes)) return undefined;
    if (!changes) return state;
    return { value: input.kind === 'put' ? input.value : undefined };
  },
};
