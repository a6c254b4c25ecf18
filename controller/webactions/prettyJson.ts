import type { Json } from '../../shared/entities/keyvalue.js';

/**
 * JSON laid out as OpenWhisk prints it where it is sent as text: objects in lines, indented by two and their keys
 * sorted, arrays in one line.
 */
export function prettyJson(value: Json, indent = ''): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) return `[${value.map((item) => prettyJson(item, indent)).join(', ')}]`;
  const members = Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${inner}${JSON.stringify(key)}: ${prettyJson(member, inner)}`);
  return `{\n${members.join(',\n')}\n${indent}}`;
}
