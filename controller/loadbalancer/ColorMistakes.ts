import { Counter, type Registry } from 'prom-client';
import type { Json } from '../../shared/entities/keyvalue.js';
import type { TemplateMistake } from '../../shared/colors/template.js';

/** An invalid annotation `color`, for operators. */
export interface SeenMistake extends TemplateMistake {
  /** The document's id: `namespace/name` or `namespace/package/name`. */
  readonly entity: string;
  /** The start of a long text; a placeholder for a list or an object. */
  readonly template: Json;
  /** Invocations without the annotation's color since this controller started. */
  readonly times: number;
}

/** The most mistakes to keep; the least recently met one is removed. */
const KEPT = 200;

/** The longest text to show, in UTF-16 units: an annotation may have a megabyte. */
const SHOWN = 1000;

/**
 * The mistakes in color annotations that invocations met. A mistake does not refuse an invocation; it is counted and
 * shown.
 */
export class ColorMistakes {
  readonly #seen = new Map<string, SeenMistake>();
  readonly #total: Counter;

  constructor(registry: Registry) {
    this.#total = new Counter({
      name: 'color_template_mistakes_total',
      help: 'Invocations whose annotation color is not a valid template',
      registers: [registry],
    });
  }

  note(entity: string, template: Json, mistake: TemplateMistake): void {
    this.#total.inc();
    const times = (this.#seen.get(entity)?.times ?? 0) + 1;
    this.#seen.delete(entity);
    this.#seen.set(entity, { entity, template: shown(template), at: mistake.at, message: mistake.message, times });
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > KEPT && oldest !== undefined) this.#seen.delete(oldest);
  }

  /** Newest first. */
  list(): SeenMistake[] {
    return [...this.#seen.values()].toReversed();
  }
}

function shown(template: Json): Json {
  // Copy through a buffer: the slice would keep the whole text in memory.
  if (typeof template === 'string') {
    return template.length <= SHOWN ? template : `${Buffer.from(template.slice(0, SHOWN)).toString()}…`;
  }
  if (Array.isArray(template)) return '[…]';
  return typeof template === 'object' && template !== null ? '{…}' : template;
}
