import * as z from 'zod';
import { alarmSchema, type Alarm } from './Alarm.js';
import type { Logger } from '../../../shared/logging/Logger.js';
import type { ArtifactStore, NewDocument } from '../../../shared/store/ArtifactStore.js';
import { retryConflicts } from '../../../shared/store/conflicts.js';

/** The number of documents that hold the alarms: few enough to read all, enough that two writers seldom conflict. */
export const PAGES = 64;
/**
 * The prefix of the documents' ids. An entity's id contains a slash, so it cannot match. No view contains these
 * documents.
 */
const PREFIX = 'palette-whisk:alarms:';
const ATTEMPTS = 10;

const pageSchema = z.object({ _id: z.string(), _rev: z.string(), alarms: z.record(z.string(), z.unknown()) });

interface PageDocument extends NewDocument {
  readonly alarms: Record<string, Alarm>;
}

interface Page {
  readonly revision: string | undefined;
  /** Alarms by their triggers' document ids. */
  readonly alarms: ReadonlyMap<string, Alarm>;
}

/** Changes a page's alarms in place. */
export type Edit = (alarms: Map<string, Alarm>) => void;

export interface AlarmStoreOptions {
  readonly store: Pick<ArtifactStore, 'get' | 'put'>;
  readonly log: Logger;
  /** Called after each change with the id of the document, so that other controllers can be told. */
  readonly onChange?: ((id: string) => void) | undefined;
}

/**
 * The alarms of an installation, in the database of entities. Each change replaces one revision of a page. If several
 * controllers make the same change (an alarm goes off), one of them succeeds, and the others read the result.
 */
export class AlarmStore {
  readonly #store: AlarmStoreOptions['store'];
  readonly #log: Logger;
  readonly #onChange: (id: string) => void;
  readonly #pages = new Map<string, Page>();

  constructor({ store, log, onChange }: AlarmStoreOptions) {
    this.#store = store;
    this.#log = log;
    this.#onChange = onChange ?? (() => {});
  }

  /** All alarms by page, as last read. */
  pages(): IterableIterator<[page: string, alarms: ReadonlyMap<string, Alarm>]> {
    return [...this.#pages].map(([id, page]) => [id, page.alarms] as [string, ReadonlyMap<string, Alarm>]).values();
  }

  /** The page of a trigger's alarm. */
  pageOf(trigger: string): string {
    let hash = 0;
    for (let i = 0; i < trigger.length; i++) hash = (Math.imul(hash, 31) + trigger.charCodeAt(i)) | 0;
    return `${PREFIX}${(hash >>> 0) % PAGES}`;
  }

  /** Whether a document is one of the pages. */
  isPage(id: string): boolean {
    return id.startsWith(PREFIX);
  }

  /** Reads all pages. */
  async load(): Promise<void> {
    await Promise.all(Array.from({ length: PAGES }, (_, i) => this.reload(`${PREFIX}${i}`)));
  }

  /** Reads a page again. */
  async reload(id: string): Promise<ReadonlyMap<string, Alarm>> {
    const page = this.#parse(await this.#store.get(id));
    this.#pages.set(id, page);
    return page.alarms;
  }

  /** Reads the trigger's alarm from the store. */
  async get(trigger: string): Promise<Alarm | undefined> {
    return (await this.reload(this.pageOf(trigger))).get(trigger);
  }

  /**
   * Changes a page. After a conflict `edit` runs again on the newest revision.
   * @throws DocumentConflictError after ten conflicts.
   */
  edit(id: string, edit: Edit): Promise<void> {
    return retryConflicts(ATTEMPTS, async (conflicts) => {
      if (conflicts > 0 || !this.#pages.has(id)) await this.reload(id);
      const page = this.#pages.get(id) ?? EMPTY;
      const alarms = new Map(page.alarms);
      edit(alarms);
      if (sameEntries(alarms, page.alarms)) return;
      const document: PageDocument = { _id: id, _rev: page.revision, alarms: Object.fromEntries(alarms) };
      const revision = await this.#store.put(document);
      this.#pages.set(id, { revision, alarms });
      this.#onChange(id);
    });
  }

  #parse(document: unknown): Page {
    if (document === undefined) return EMPTY;
    const { _id, _rev, alarms } = pageSchema.parse(document);
    const parsed = new Map<string, Alarm>();
    for (const [trigger, value] of Object.entries(alarms)) {
      const alarm = alarmSchema.safeParse(value);
      if (alarm.success) parsed.set(trigger, alarm.data);
      else this.#log.warn('ignored an alarm that cannot be read', { page: _id, trigger });
    }
    return { revision: _rev, alarms: parsed };
  }
}

const EMPTY: Page = { revision: undefined, alarms: new Map() };

function sameEntries(a: ReadonlyMap<string, Alarm>, b: ReadonlyMap<string, Alarm>): boolean {
  return a.size === b.size && [...a].every(([key, alarm]) => b.get(key) === alarm);
}
