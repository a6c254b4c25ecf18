/*
 * A checker of histories (Wing and Gong 1993, with Lowe's memory of visited states, 2017): is there an order of all
 * operations, each at one point between its call and its return, in which a single thread would give the same results?
 */

/** One operation of a history. Times are unique and ascending numbers. */
export interface Operation<Input, Output> {
  readonly called: number;
  /** Infinity: it has not returned, or its outcome is unknown. */
  readonly returned: number;
  readonly input: Input;
  /** Undefined: unknown. The operation may have been executed or not. */
  readonly output: Output | undefined;
}

export interface Model<State, Input, Output> {
  readonly initial: State;
  /**
   * The state after an operation; undefined: it cannot have this output in this state.
   * @param output undefined: any.
   */
  step(state: State, input: Input, output: Output | undefined): State | undefined;
  /** Equal for equal states. */
  text(state: State): string;
}

/** The most states to look at: a history with many unknown outcomes has more orders than can be tried. */
const MAX_STATES = 3_000_000;

/**
 * Whether a history is linearizable.
 * @throws Error if that is not known after `MAX_STATES` states.
 */
export function isLinearizable<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
): boolean {
  const operations = history.toSorted((a, b) => a.called - b.called);
  const visited = new Set<string>();
  const done = operations.map(() => false);
  let certain = operations.filter(({ output }) => output !== undefined).length;

  const search = (first: number, state: State): boolean => {
    if (certain === 0) return true;
    while (done[first] === true) first++;
    const id = `${first} ${done.slice(first).map(Number).join('').replace(/0+$/, '')} ${model.text(state)}`;
    if (visited.has(id)) return false;
    if (visited.size >= MAX_STATES) throw new Error('undecided: the history has too many orders');
    visited.add(id);
    const tried = new Set<string>();
    // Operations of unknown outcome come last: most of them were not executed, or nobody noticed.
    for (const i of candidates(first).toSorted((a, b) => Number(isUnknown(a)) - Number(isUnknown(b)) || a - b)) {
      const operation = operations[i];
      const next = operation && model.step(state, operation.input, operation.output);
      if (next === undefined) continue;
      if (isUnknown(i)) {
        // One that changes nothing need not be executed, and of equal ones the first one can be in any place.
        const text = JSON.stringify(operation?.input);
        if (model.text(next) === model.text(state) || tried.has(text)) continue;
        tried.add(text);
      }
      done[i] = true;
      if (!isUnknown(i)) certain--;
      if (search(first, next)) return true;
      if (!isUnknown(i)) certain++;
      done[i] = false;
    }
    return false;
  };
  const isUnknown = (i: number): boolean => operations[i]?.output === undefined;
  /** The operations that may be next: those called before every other open one returned. */
  const candidates = (first: number): number[] => {
    const found: number[] = [];
    let limit = Infinity;
    for (let i = first; i < operations.length; i++) {
      const operation = operations[i];
      if (!operation || operation.called > limit) break;
      if (done[i] === true) continue;
      found.push(i);
      limit = Math.min(limit, operation.returned);
    }
    return found.filter((i) => (operations[i]?.called ?? Infinity) <= limit);
  };
  return search(0, model.initial);
}
