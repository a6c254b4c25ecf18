import { Counter, type Registry } from 'prom-client';
import type { Json } from '../../shared/entities/keyvalue.js';
import type { TemplateMistake } from '../../shared/colors/template.js';

/** An annotation `color` that is no template, as operators see it. */
export interface SeenMistake extends TemplateMistake {
  /** The document's id: `namespace/name` or `namespace/package/name`. */
  readonly entity: string;
  /** Its beginning, where it is long; of a list or an object only that it is one. */
  readonly template: Json;
  /** Invocations that it left without the annotation's color, since this controller started. */
  readonly times: number;
}

/** At most so many are kept; the ones met longest ago go. */
const KEPT = 200;

/** An annotation may have a megabyte; of a text so much is shown, in UTF-16 units. */
const SHOWN = 1000;

/** The mistakes in color annotations that invocations met. A mistake never refuses anything: it is counted and shown. */
export class ColorMistakes {
  readonly #seen = new Map<string, SeenMistake>();
  readonly #total: Counter;

  constructor(registry: Registry) {
    this.#total = new Counter({
      name: 'color_template_mistakes_total',
      help: 'Invocations of what has an annotation color that is no template',
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
  // Through a buffer, or the slice would hold all of the text.
  if (typeof template === 'string') {
    return template.length <= SHOWN ? template : `${Buffer.from(template.slice(0, SHOWN)).toString()}…`;
  }
  if (Array.isArray(template)) return '[…]';
  return typeof template === 'object' && template !== null ? '{…}' : template;
}
