/*
 * Reads of elements at valid indexes. The compiler cannot check an index, and an assertion would hide a mistake; these
 * functions throw instead. Lists and typed arrays have separate functions, since V8 optimizes only code with few kinds
 * of arrays. The inner loops of the choice of a home use a default value instead.
 */

/** An array of numbers. */
export type Numbers = Float64Array | Int32Array | Uint32Array | Uint16Array | Uint8Array;

/**
 * The element of a list at an index from 0.
 * @throws RangeError beyond its ends, and for an element that is undefined.
 */
export function at<T>(list: readonly T[], index: number): T & ({} | null) {
  const element = list[index];
  if (element === undefined) throw outside(list, index);
  return element;
}

/**
 * The number of a typed array at an index from 0.
 * @throws RangeError beyond its ends.
 */
export function numberAt(numbers: Numbers, index: number): number {
  const number = numbers[index];
  if (number === undefined) throw outside(numbers, index);
  return number;
}

/**
 * Adds `by` to the number of a typed array at an index from 0.
 * @returns the new number.
 * @throws RangeError beyond its ends.
 */
export function increase(numbers: Numbers, index: number, by = 1): number {
  const number = numberAt(numbers, index) + by;
  numbers[index] = number;
  return number;
}

const outside = ({ length }: { readonly length: number }, index: number): RangeError =>
  new RangeError(`index ${index} is out of the range of a list of ${length}`);
