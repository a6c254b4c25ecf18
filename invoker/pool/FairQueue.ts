import { Queue } from './Queue.js';

/** What the queue knows of an activation that waits. */
export interface Queued {
  readonly namespace: string;
  /** The action, in whatever revision: its activations keep their order. */
  readonly flow: string;
  /** What a turn costs. */
  readonly memoryMB: number;
  /** Its place among all that came: of two, the later one has the higher number. */
  readonly arrival: number;
}

/**
 * Activations that wait, by turns: first among namespaces, then among the actions of the namespace whose turn it is, each
 * by deficit round robin (Shreedhar and Varghese, 1995) over the memory that activations need. Within an action the first
 * one that came is the first one to go. Each step takes constant time, amortized over the activations that it serves.
 *
 * The states of a flow (a namespace, or an action within it):
 *
 *   from       to         when
 *   (absent)   waiting    its first activation comes: it joins the end of the round, without credit
 *              its turn   the same, where no other flow waits
 *   waiting    its turn   the round reaches it: it is credited with one quantum
 *   its turn   waiting    its credit does not pay for its first activation
 *   any        (absent)   its last activation is taken: its credit is lost
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

  /** Adds an activation behind those of its action. */
  push(item: T): void {
    this.#flowOf(item).items.push(item);
    this.#size++;
  }

  /** Returns an activation that was taken: it goes before those of its action that came later. */
  putBack(item: T): void {
    const { items } = this.#flowOf(item);
    const earlier: T[] = [];
    for (let first = items.first; first && first.arrival < item.arrival; first = items.first) {
      earlier.push(first);
      items.shift();
    }
    items.pushFront(item);
    for (let last = earlier.pop(); last; last = earlier.pop()) items.pushFront(last);
    this.#size++;
  }

  /** The activation whose turn it is; it stays in the queue. */
  next(): T | undefined {
    return this.#round.current?.actions.current?.items.first;
  }

  /** The first activation of an action. */
  firstOf(flow: string): T | undefined {
    return this.#actions.get(flow)?.items.first;
  }

  /** Removes and returns the first activation of an action, whose namespace and action pay for it, in turn or not. */
  take(flow: string): T | undefined {
    const action = this.#actions.get(flow);
    const item = action?.items.shift();
    if (!action || !item) return undefined;
    const { namespace } = action;
    this.#pay(action, item);
    this.#pay(namespace, item);
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

  /** Who is served out of turn owes at most one quantum: the round passes it over once. */
  #pay(flow: Flow, { memoryMB }: T): void {
    flow.credit = Math.max(flow.credit - memoryMB, -this.#quantum.memoryMB);
  }

  #flowOf(item: T): ActionFlow<T> {
    // The largest that waits: then one quantum pays for whatever is first.
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

/** What each flow is credited with when the round reaches it, in MB. */
interface Quantum {
  memoryMB: number;
}

/** A member of a round. */
interface Flow {
  credit: number;
  previous: Flow;
  next: Flow;
  /** What its first activation costs. */
  readonly cost: number;
}

class ActionFlow<T extends Queued> implements Flow {
  readonly items = new Queue<T>();
  readonly namespace: NamespaceFlow<T>;
  credit = 0;
  previous: Flow = this;
  next: Flow = this;

  constructor(namespace: NamespaceFlow<T>) {
    this.namespace = namespace;
  }

  get cost(): number {
    return this.items.first?.memoryMB ?? 0;
  }
}

class NamespaceFlow<T extends Queued> implements Flow {
  readonly name: string;
  readonly actions: Round<ActionFlow<T>>;
  credit = 0;
  previous: Flow = this;
  next: Flow = this;

  constructor(name: string, actions: Round<ActionFlow<T>>) {
    this.name = name;
    this.actions = actions;
  }

  get cost(): number {
    return this.actions.current?.cost ?? 0;
  }
}

/** Flows in a circle, one of which has its turn. */
class Round<F extends Flow> {
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
      flow = flow.next as F;
      flow.credit += this.#quantum.memoryMB;
    }
    this.#current = flow;
    return flow;
  }

  /** Adds a flow at the end of the round: before the one whose turn it is. */
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
    this.#current = flow.next as F;
    this.#current.credit += this.#quantum.memoryMB;
  }
}
