import type { Json } from '../../shared/entities/keyvalue.js';

/**
 * The most bytes of indentation. A value of 1 MB with a depth of 1000 would get 1 GB of indentation, so a value that
 * exceeds the bound is written without indentation.
 */
const MAX_INDENTATION = 4 * 1024 * 1024;

/** JSON in lines, indented by two spaces, for `.json` and a JSON body of `.http`. */
export function indentedJson(value: Json): string {
  return isLaidOutCheaply(value) ? JSON.stringify(value, undefined, 2) : JSON.stringify(value);
}

/**
 * JSON in OpenWhisk's layout for text: objects in lines with sorted keys, indented by two spaces, and arrays in one
 * line.
 */
export function prettyJson(value: Json): string {
  if (!isLaidOutCheaply(value)) return JSON.stringify(value);
  const out: string[] = [];
  write(value, '', out);
  return out.join('');
}

function write(value: Json, indent: string, out: string[]): void {
  if (value === null || typeof value !== 'object') {
    out.push(JSON.stringify(value));
  } else if (Array.isArray(value)) {
    out.push('[');
    for (const [index, item] of value.entries()) {
      if (index > 0) out.push(', ');
      write(item, indent, out);
    }
    out.push(']');
  } else {
    const inner = `${indent}  `;
    const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
    out.push('{\n');
    for (const [index, [key, member]] of members.entries()) {
      if (index > 0) out.push(',\n');
      out.push(inner, JSON.stringify(key), ': ');
      write(member, inner, out);
    }
    out.push(`\n${indent}}`);
  }
}

function isLaidOutCheaply(value: Json): boolean {
  return indentation(value, 1, MAX_INDENTATION) >= 0;
}

/** The rest of `budget` after the indentation of a value's members; negative if the budget is too small. */
function indentation(value: Json, depth: number, budget: number): number {
  if (value === null || typeof value !== 'object') return budget;
  let left = budget;
  for (const member of Array.isArray(value) ? value : Object.values(value)) {
    left = indentation(member, depth + 1, left - 2 * depth);
    if (left < 0) break;
  }
  return left;
}
