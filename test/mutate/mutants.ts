import { parse, type Node } from 'acorn';

/** One small change of a program. */
export interface Mutant {
  /** Where it is in the text: `[start, end)` is replaced. */
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
  /** Number of the line, from 1. */
  readonly line: number;
  /** `a > b` becomes `a >= b`, as `> to >=`. */
  readonly change: string;
}

const SWAPS: Readonly<Record<string, string>> = {
  '>': '>=',
  '>=': '>',
  '<': '<=',
  '<=': '<',
  '===': '!==',
  '!==': '===',
  '&&': '||',
  '||': '&&',
  '+': '-',
  '-': '+',
  '+=': '-=',
  '-=': '+=',
  '++': '--',
  '--': '++',
};

interface Located extends Node {
  readonly operator?: unknown;
  readonly left?: Located;
  readonly right?: Located;
  readonly argument?: Located;
  readonly prefix?: boolean;
  readonly value?: unknown;
  readonly test?: Located | null;
}

/** Larger numbers are settings, such as a retention in ms, of which no test holds the exact value. */
const LARGEST_CHANGED = 3;

/** Every mutant of a JavaScript module: operators swapped, conditions negated, booleans and small numbers changed. */
export function mutantsOf(source: string): Mutant[] {
  const mutants: Mutant[] = [];
  const add = (start: number, end: number, replacement: string, change: string): void => {
    mutants.push({ start, end, replacement, line: source.slice(0, start).split('\n').length, change });
  };
  const swap = (from: number, to: number, operator: string): void => {
    const other = SWAPS[operator];
    const at = source.indexOf(operator, from);
    if (other !== undefined && at >= 0 && at < to) add(at, at + operator.length, other, `${operator} to ${other}`);
  };
  visit(parse(source, { ecmaVersion: 'latest', sourceType: 'module' }), (node: Located) => {
    switch (node.type) {
      case 'BinaryExpression':
      case 'LogicalExpression':
      case 'AssignmentExpression':
        if (node.left && node.right) swap(node.left.end, node.right.start, String(node.operator));
        break;
      case 'UpdateExpression':
        if (node.prefix) swap(node.start, node.end, String(node.operator));
        else if (node.argument) swap(node.argument.end, node.end, String(node.operator));
        break;
      case 'IfStatement':
      case 'ConditionalExpression':
        if (node.test)
          add(node.test.start, node.test.end, `!(${source.slice(node.test.start, node.test.end)})`, 'negated');
        break;
      case 'Literal':
        if (typeof node.value === 'boolean')
          add(node.start, node.end, String(!node.value), `${node.value} to ${!node.value}`);
        if (typeof node.value === 'number' && node.value <= LARGEST_CHANGED)
          add(node.start, node.end, String(node.value + 1), `${node.value} to ${node.value + 1}`);
        break;
      default:
    }
  });
  return mutants;
}

export const applied = (source: string, { start, end, replacement }: Mutant): string =>
  source.slice(0, start) + replacement + source.slice(end);

/** The line of a mutant before and after, without the space around it. */
export function linesOf(source: string, mutant: Mutant): { readonly line: string; readonly becomes: string } {
  const begin = source.lastIndexOf('\n', mutant.start - 1) + 1;
  const after = source.indexOf('\n', mutant.end);
  const end = after < 0 ? source.length : after;
  const becomes = source.slice(begin, mutant.start) + mutant.replacement + source.slice(mutant.end, end);
  return { line: source.slice(begin, end).trim(), becomes: becomes.trim() };
}

function visit(node: Node, act: (node: Node) => void): void {
  act(node);
  for (const value of Object.values(node) as unknown[]) {
    for (const child of Array.isArray(value) ? (value as unknown[]) : [value]) if (isNode(child)) visit(child, act);
  }
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string' && 'start' in value;
