import { resolveActionName, type ActionReader } from '../../invocation/resolve.js';
import { readQualifiedName } from '../../invocation/qualifiedNames.js';
import { SEQUENCE } from '../../../shared/entities/exec.js';
import { documentId, type FullyQualifiedName } from '../../../shared/entities/names.js';

/** Why a sequence is refused. */
export type SequenceFault = 'empty' | 'too long' | 'cyclic' | 'component missing';

/**
 * Checks that a sequence has components, that all of them exist, that it does not contain itself directly or through
 * other sequences, and that it has at most `limit` actions after inner sequences are expanded. Names in `components`
 * are absolute. `sequence` does not need to exist yet.
 */
export async function checkSequence(
  source: ActionReader,
  sequence: FullyQualifiedName,
  components: readonly FullyQualifiedName[],
  limit: number,
): Promise<SequenceFault | undefined> {
  if (components.length > limit) return 'too long';
  if (components.length === 0) return 'empty';
  const own = await resolveActionName(source, sequence);
  if (!own) return 'component missing';
  const walk = new SequenceWalk(source, documentId(own), limit);
  const count = await walk.count(components);
  if (typeof count === 'string') return count;
  return count > limit ? 'too long' : undefined;
}

/** Counts the actions of nested sequences. It reads each sequence only once, even if it occurs several times. */
class SequenceWalk {
  readonly #source: ActionReader;
  readonly #own: string;
  readonly #limit: number;
  readonly #counted = new Map<string, number>();
  /** The sequences from the outermost one down to the current one. */
  readonly #open = new Set<string>();

  constructor(source: ActionReader, own: string, limit: number) {
    this.#source = source;
    this.#own = own;
    this.#limit = limit;
  }

  async count(components: readonly FullyQualifiedName[]): Promise<number | SequenceFault> {
    if (components.length > this.#limit) return 'too long';
    let total = 0;
    for (const component of components) {
      const count = await this.#countOne(component);
      if (typeof count === 'string') return count;
      total += count;
    }
    return total;
  }

  async #countOne(component: FullyQualifiedName): Promise<number | SequenceFault> {
    const name = await resolveActionName(this.#source, component);
    if (!name) return 'component missing';
    const id = documentId(name);
    // Two sequences that are written at the same time may refer to each other although each was checked.
    if (id === this.#own || this.#open.has(id)) return 'cyclic';
    const known = this.#counted.get(id);
    if (known !== undefined) return known;
    const action = await this.#source.getAction(id);
    if (!action) return 'component missing';
    if (action.exec.kind !== SEQUENCE) {
      this.#counted.set(id, 1);
      return 1;
    }
    this.#open.add(id);
    const count = await this.count((action.exec.components ?? []).map((name) => readQualifiedName(name)));
    this.#open.delete(id);
    if (typeof count === 'number') this.#counted.set(id, count);
    return count;
  }
}
