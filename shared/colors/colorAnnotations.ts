import type { KeyValue } from '../entities/keyvalue.js';
import type { MessageColor } from '../messages/activation.js';

/**
 * What the record of an activation says of its color: the color, where it ran, and whether it met its home. Nothing for
 * an uncolored one, whose record is OpenWhisk's.
 * @param invoker the invoker's name, such as `invoker0`.
 * @param container undefined where it reached none.
 */
export function colorAnnotations(color: MessageColor | undefined, invoker: string, container?: string): KeyValue[] {
  if (!color) return [];
  return [
    { key: 'color', value: color.value },
    { key: 'invoker', value: invoker },
    ...(container === undefined ? [] : [{ key: 'container', value: container }]),
    { key: 'colorHit', value: color.hit },
  ];
}
