/*
 * Reads of elements that the caller knows to be there. The compiler does not know that an index is within bounds, and an
 * assertion would only hide a mistake: these functions name it. Lists and typed arrays have a function each, since V8
 * reads fast only where few kinds of array meet; the inner loops of choosing a home use a default instead of either.
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
 * Adds to the number of a typed array at an index from 0; takes away where `by` is negative.
 * @returns what it is afterwards.
 * @throws RangeError beyond its ends.
 */
export function increase(numbers: Numbers, index: number, by = 1): number {
  const number = numberAt(numbers, index) + by;
  numbers[index] = number;
  return number;
}

const outside = ({ length }: { readonly length: number }, index: number): RangeError =>
  new RangeError(`there is no element ${index} in a list of ${length}`);
