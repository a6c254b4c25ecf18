import type { Task, TaskGraph } from './TaskGraph.js';
import { uniform } from './uniform.js';

/**
 * The patterns of Task Bench (Slaughter et al., SC'20), by the definitions in `core/core.cc` of
 * https://github.com/StanfordLegion/task-bench (bf4ad198). `random_spread` has a name there and no definition: here it
 * is `spread` of which each dependency but the first exists with probability `fraction`.
 */
export const TASK_BENCH_PATTERNS = [
  'trivial',
  'no_comm',
  'stencil_1d',
  'stencil_1d_periodic',
  'dom',
  'tree',
  'fft',
  'all_to_all',
  'nearest',
  'spread',
  'random_nearest',
  'random_spread',
] as const;
/** The name of a dependency pattern of Task Bench. */
export type TaskBenchPattern = (typeof TASK_BENCH_PATTERNS)[number];

/** The size of a graph of Task Bench. */
export interface TaskBenchOptions {
  /** The number of points of a step. */
  readonly width: number;
  /** The number of steps. */
  readonly steps: number;
  /** `nearest`, `spread` and the random patterns: the most dependencies of a point. Missing: 3, as in Task Bench. */
  readonly radix?: number | undefined;
  /** `spread` and the random patterns: the dependencies repeat after this number of steps. Missing: 3, as in Task Bench. */
  readonly period?: number | undefined;
  /** The random patterns: the probability of a dependency, from 0 to 1. Missing: 0.25, as in Task Bench. */
  readonly fraction?: number | undefined;
}

type Sizes = Required<{ [Key in keyof TaskBenchOptions]: number }>;

/** The points from `first` to `last` that exist at a step: `dom` is a diamond, `tree` doubles. */
export function pointsAt(
  pattern: TaskBenchPattern,
  step: number,
  { width, steps }: TaskBenchOptions,
): { readonly first: number; readonly last: number } {
  if (step < 0) return { first: 0, last: -1 };
  if (pattern === 'dom') {
    const first = Math.max(0, step + width - steps);
    return { first, last: first + Math.min(width, step + 1, steps - step) - 1 };
  }
  if (pattern === 'tree') return { first: 0, last: Math.min(width, 2 ** step) - 1 };
  return { first: 0, last: width - 1 };
}

/** The points of the step before that a point reads, ascending, as far as they exist. */
export function dependencies(
  pattern: TaskBenchPattern,
  step: number,
  point: number,
  options: TaskBenchOptions,
): number[] {
  const { radix = 3, period = 3, fraction = 0.25 } = options;
  const before = pointsAt(pattern, step - 1, options);
  const named = inputsOf(pattern, step, point, { ...options, radix, period, fraction });
  return [...new Set(named)].filter((other) => other >= before.first && other <= before.last).toSorted((a, b) => a - b);
}

const range = (first: number, last: number): number[] =>
  Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);

function inputsOf(pattern: TaskBenchPattern, step: number, point: number, sizes: Sizes): number[] {
  const { width, radix, period, fraction } = sizes;
  const nearest = (): number[] => range(point - Math.floor(radix / 2), point + Math.floor((radix - 1) / 2));
  const spread = (set: number): number[] =>
    range(0, radix - 1).map((i) => (point + Math.floor((i * width) / radix) + (i > 0 ? set : 0)) % width);
  switch (pattern) {
    case 'trivial':
      return [];
    case 'no_comm':
      return [point];
    case 'stencil_1d':
      return [point - 1, point, point + 1];
    case 'stencil_1d_periodic':
      return [(point - 1 + width) % width, point, (point + 1) % width];
    case 'dom':
      return [point - 1, point];
    case 'tree':
      return [Math.floor(point / 2)];
    case 'fft': {
      const sets = Math.ceil(Math.log2(width));
      const distance = 2 ** ((step + sets - 1) % sets);
      return [point - distance, point, point + distance];
    }
    case 'all_to_all':
      return range(0, width - 1);
    case 'nearest':
      return nearest();
    case 'spread':
      return spread(step % period);
    case 'random_nearest': {
      const set = step % period;
      return nearest().filter((i) => i === point || uniform([0, radix, set, i, point]) < fraction);
    }
    case 'random_spread': {
      const set = step % period;
      return spread(set).filter((i, n) => n === 0 || uniform([0, radix, set, i, point]) < fraction);
    }
    default:
      throw new RangeError(`unknown pattern ${String(pattern satisfies never)}`);
  }
}

/**
 * The graph of a pattern.
 * @param ms the duration of each task.
 * @param bytes the size of each result.
 */
export function taskBench(pattern: TaskBenchPattern, options: TaskBenchOptions, ms: number, bytes: number): TaskGraph {
  const tasks: Task[] = [];
  let before = new Map<number, number>();
  for (let step = 0; step < options.steps; step++) {
    const now = new Map<number, number>();
    const { first, last } = pointsAt(pattern, step, options);
    for (let point = first; point <= last; point++) {
      const inputs = dependencies(pattern, step, point, options).map((other) => before.get(other) ?? 0);
      now.set(point, tasks.push({ id: `${step}.${point}`, ms, bytes, inputs }) - 1);
    }
    before = now;
  }
  return { name: pattern, tasks };
}
