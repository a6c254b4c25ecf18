import { Queue } from '../../shared/process/Queue.js';

/** The properties of a waiting activation that the queue uses. */
export interface Queued {
  readonly namespace: string;
  /** The action without its revision. The activations of a flow keep their order, but for `bringForward`. */
  readonly flow: string;
  /** The cost of a turn. */
  readonly memoryMB: number;
  /** The number of its arrival: higher for a later activation. */
  readonly arrival: number;
}

/**
 * Waiting activations that take turns: among namespaces, then among the actions of the current namespace. Both rounds
 * use deficit round robin (Shreedhar and Varghese, 1995) over the activations' memory. The activations of an action are
 * served in order of arrival, but for `bringForward`. Each step takes amortized constant time.
 *
 * The states of a flow (a namespace, or an action within it):
 *
 *   from       to         when
 *   (absent)   waiting    its first activation arrives: it joins the end of the round without credit
 *              its turn   the same, if no other flow waits
 *   waiting    its turn   the round reaches it: its credit increases by one quantum
 *   its turn   waiting    its credit is too small for its first activation
 *   any        (absent)   its last activation is taken: it loses its credit
 */
export class FairQueue<T extends Queued> {
  readonly #namespaces = new Map<string, NamespaceFlow<T>>();
  readonly #actions = new Map<string, ActionFlow<T>>();
  readonly #quantum: Quantum = { memoryMB: 1 };
  readonly #round = new Round<NamespaceFlow<T>>(this.#quantum);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds an activation after those of its action. */
  push(item: T): void {
    this.#flowOf(item).items.push(item);
    this.#size++;
  }

  /** Returns an activation that was taken. It comes before those of its action that arrived later. */
  putBack(item: T): void {
    this.#flowOf(item).items.insert(item, (other) => other.arrival < item.arrival);
    this.#size++;
  }

  /** The next activation, without removing it. */
  next(): T | undefined {
    return this.#round.current?.actions.current?.items.peek();
  }

  /** The first activation of an action. */
  firstOf(flow: string): T | undefined {
    return this.#actions.get(flow)?.items.peek();
  }

  /**
   * Moves an activation to the front of its action: the first of the action's first `among` activations for which `wanted` is true.
   * @returns whether there was one.
   */
  bringForward(flow: string, among: number, wanted: (item: T) => boolean): boolean {
    const items = this.#actions.get(flow)?.items;
    if (!items) return false;
    const end = Math.min(among, items.size);
    for (let index = 0; index < end; index++) {
      const item = items.at(index);
      if (item === undefined || !wanted(item)) continue;
      items.bringForward(index);
      return true;
    }
    return false;
  }

  /** Removes and returns the first activation of an action, in turn or not. Its namespace and action pay for it. */
  take(flow: string): T | undefined {
    return this.#remove(flow, true);
  }

  /** Removes and returns the first activation of an action. It costs no turn, since the activation does not start. */
  withdraw(flow: string): T | undefined {
    return this.#remove(flow, false);
  }

  #remove(flow: string, pays: boolean): T | undefined {
    const action = this.#actions.get(flow);
    const item = action?.items.shift();
    if (!action || !item) return undefined;
    const { namespace } = action;
    if (pays) {
      this.#pay(action, item);
      this.#pay(namespace, item);
    }
    if (action.items.size === 0) {
      namespace.actions.remove(action);
      this.#actions.delete(flow);
    }
    if (namespace.actions.isEmpty) {
      this.#round.remove(namespace);
      this.#namespaces.delete(namespace.name);
    }
    if (--this.#size === 0) this.#quantum.memoryMB = 1;
    return item;
  }

  /** Charges a flow. A flow that is served out of turn owes at most one quantum, so the round skips it once. */
  #pay(flow: { credit: number }, { memoryMB }: T): void {
    flow.credit = Math.max(flow.credit - memoryMB, -this.#quantum.memoryMB);
  }

  #flowOf(item: T): ActionFlow<T> {
    // The quantum is the largest waiting cost, so that one quantum pays for any first activation.
    this.#quantum.memoryMB = Math.max(this.#quantum.memoryMB, item.memoryMB);
    let action = this.#actions.get(item.flow);
    if (action) return action;
    let namespace = this.#namespaces.get(item.namespace);
    const isNew = namespace === undefined;
    if (!namespace) {
      namespace = new NamespaceFlow(item.namespace, new Round(this.#quantum));
      this.#namespaces.set(item.namespace, namespace);
    }
    action = new ActionFlow(namespace);
    this.#actions.set(item.flow, action);
    namespace.actions.add(action);
    if (isNew) this.#round.add(namespace);
    return action;
  }
}

/** The credit that each flow gets when the round reaches it, in MB. */
interface Quantum {
  memoryMB: number;
}

/** A member of a round. */
interface Flow<F> {
  credit: number;
  previous: F;
  next: F;
  /** The cost of its first activation. */
  readonly cost: number;
}

class ActionFlow<T extends Queued> implements Flow<ActionFlow<T>> {
  readonly items = new Queue<T>();
  readonly namespace: NamespaceFlow<T>;
  credit = 0;
  previous: ActionFlow<T> = this;
  next: ActionFlow<T> = this;

  constructor(namespace: NamespaceFlow<T>) {
    this.namespace = namespace;
  }

  get cost(): number {
    return this.items.peek()?.memoryMB ?? 0;
  }
}

class NamespaceFlow<T extends Queued> implements Flow<NamespaceFlow<T>> {
  readonly name: string;
  readonly actions: Round<ActionFlow<T>>;
  credit = 0;
  previous: NamespaceFlow<T> = this;
  next: NamespaceFlow<T> = this;

  constructor(name: string, actions: Round<ActionFlow<T>>) {
    this.name = name;
    this.actions = actions;
  }

  get cost(): number {
    return this.actions.current?.cost ?? 0;
  }
}

/** A circle of flows, one of which has its turn. */
class Round<F extends Flow<F>> {
  readonly #quantum: Quantum;
  #current: F | undefined;

  constructor(quantum: Quantum) {
    this.#quantum = quantum;
  }

  get isEmpty(): boolean {
    return this.#current === undefined;
  }

  /** The flow whose turn it is. */
  get current(): F | undefined {
    let flow = this.#current;
    if (!flow) return undefined;
    while (flow.credit < flow.cost) {
      flow = flow.next;
      flow.credit += this.#quantum.memoryMB;
    }
    this.#current = flow;
    return flow;
  }

  /** Adds a flow at the end of the round, before the current one. */
  add(flow: F): void {
    const current = this.#current;
    if (!current) {
      this.#current = flow;
      flow.credit += this.#quantum.memoryMB;
      return;
    }
    flow.next = current;
    flow.previous = current.previous;
    current.previous.next = flow;
    current.previous = flow;
  }

  remove(flow: F): void {
    if (flow.next === flow) {
      this.#current = undefined;
      return;
    }
    flow.previous.next = flow.next;
    flow.next.previous = flow.previous;
    if (this.#current !== flow) return;
    this.#current = flow.next;
    this.#current.credit += this.#quantum.memoryMB;
  }
}
