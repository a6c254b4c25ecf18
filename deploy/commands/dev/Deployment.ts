import * as z from 'zod';
import { valueOf, type JsonObject } from '../../../shared/entities/keyvalue.js';
import { RefusedError, type Api } from '../client/Api.js';
import { CommandError } from '../client/CommandError.js';
import { annotationsIn } from '../client/entities.js';
import { entityName, entityPath } from '../client/names.js';
import { callFeed } from '../verbs/trigger.js';
import { COLLECTIONS, hashOf, keyOf, type Entity } from './entities.js';

/** The annotation of entities that `dev` deployed. Its value identifies the folder. */
const DEPLOYED_FROM = 'palette-whisk-dev';

/** What happened to an entity. */
export interface Change {
  readonly entity: Entity;
  readonly what: 'deployed' | 'updated' | 'removed' | 'failed';
  /** The reason, if it failed. */
  readonly reason?: string | undefined;
  readonly ms: number;
}

export interface DeploymentOptions {
  readonly api: Api;
  /** The value of the annotation `DEPLOYED_FROM`. */
  readonly owner: string;
  /** Whether to replace entities that were not deployed from this folder. */
  readonly force: boolean;
  /** Milliseconds, for durations. */
  readonly now: () => number;
}

/** Brings the entities of a server in line with those of a folder. */
export class Deployment {
  readonly #options: DeploymentOptions;
  /** What this run has deployed, by key. */
  readonly #deployed = new Map<string, { readonly entity: Entity; readonly hash: string }>();

  constructor(options: DeploymentOptions) {
    this.#options = options;
  }

  /**
   * Deploys the entities that differ from what this run has deployed, and removes those that it has deployed and that are
   * gone. A failure does not stop the others.
   * @param kept the keys of entities that stay although they are not in `wanted`; `'all'`: nothing is removed.
   */
  async apply(wanted: readonly Entity[], kept: ReadonlySet<string> | 'all'): Promise<Change[]> {
    const changes: Change[] = [];
    const keys = new Set(wanted.map(keyOf));
    const gone = [...this.#deployed.values()]
      .map(({ entity }) => entity)
      .filter((entity) => kept !== 'all' && !keys.has(keyOf(entity)) && !kept.has(keyOf(entity)));
    // Rules name triggers and actions, so they are removed first and deployed last.
    for (const entity of inOrder(gone).toReversed())
      changes.push(await this.#timed(entity, () => this.#remove(entity)));
    for (const entity of inOrder(wanted)) {
      const hash = hashOf(entity);
      const before = this.#deployed.get(keyOf(entity));
      if (before?.hash === hash) continue;
      changes.push(
        await this.#timed(entity, async () => {
          await this.#put(entity, before?.entity);
          this.#deployed.set(keyOf(entity), { entity, hash });
          return before ? 'updated' : 'deployed';
        }),
      );
    }
    return changes;
  }

  async #timed(entity: Entity, work: () => Promise<Change['what']>): Promise<Change> {
    const { now } = this.#options;
    const began = now();
    try {
      return { entity, what: await work(), ms: now() - began };
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      return { entity, what: 'failed', reason: error.message, ms: now() - began };
    }
  }

  async #put(entity: Entity, before: Entity | undefined): Promise<void> {
    const { api } = this.#options;
    const path = pathOf(entity);
    const existing = await this.#existing(entity);
    if (existing === 'foreign' && !this.#options.force) {
      throw new CommandError(`it exists and was not deployed from this folder: delete it, or replace it with --force`);
    }
    await api.call('PUT', `${path}?overwrite=true`, { body: this.#marked(entity.body) });
    // A rule whose trigger was deleted and made again stays inactive.
    if (entity.collection === 'rules' && existing) await api.call('POST', path, { body: { status: 'active' } });
    const { feed } = entity;
    if (feed === undefined || sameFeed(before, entity)) return;
    const trigger = entityName(entity.name);
    const oldFeed = before?.feed ?? (existing === undefined ? undefined : feed);
    if (oldFeed) await callFeed(api, oldFeed.action, 'DELETE', trigger, []).catch(ignoreFailure);
    try {
      await callFeed(api, feed.action, 'CREATE', trigger, feed.parameters);
    } catch (error) {
      // A trigger without its feed would never fire.
      if (!before) await api.call('DELETE', path, { accepted: [404] });
      throw error;
    }
  }

  async #remove(entity: Entity): Promise<'removed'> {
    const { api } = this.#options;
    // Somebody may have replaced it since.
    if ((await this.#existing(entity)) === 'own') {
      if (entity.feed)
        await callFeed(api, entity.feed.action, 'DELETE', entityName(entity.name), []).catch(ignoreFailure);
      await api.call('DELETE', pathOf(entity), { accepted: [404] });
    }
    this.#deployed.delete(keyOf(entity));
    return 'removed';
  }

  /** Whether an entity exists and was deployed from this folder. */
  async #existing(entity: Entity): Promise<'own' | 'foreign' | undefined> {
    const query = entity.collection === 'actions' ? '?code=false' : '';
    const { status, body } = await this.#options.api.call('GET', `${pathOf(entity)}${query}`, { accepted: [404] });
    if (status === 404) return undefined;
    return valueOf(annotationsIn(body), DEPLOYED_FROM) === this.#options.owner ? 'own' : 'foreign';
  }

  #marked(body: JsonObject): JsonObject {
    const annotations = z.array(z.json()).parse(body['annotations'] ?? []);
    return { ...body, annotations: [...annotations, { key: DEPLOYED_FROM, value: this.#options.owner }] };
  }
}

const pathOf = ({ collection, name }: Entity): string => entityPath(entityName(name), collection);

const sameFeed = (before: Entity | undefined, after: Entity): boolean =>
  before?.feed !== undefined && JSON.stringify(before.feed) === JSON.stringify(after.feed);

/** A feed that is gone cannot be told. The trigger changes all the same. */
function ignoreFailure(error: unknown): void {
  if (!(error instanceof RefusedError || error instanceof CommandError)) throw error;
}

function inOrder(entities: readonly Entity[]): Entity[] {
  // Sequences name other actions, so they come after them.
  const rank = ({ collection, body }: Entity): number =>
    COLLECTIONS.indexOf(collection) * 2 +
    (JSON.stringify(body['exec'] ?? null).startsWith('{"kind":"sequence"') ? 1 : 0);
  return entities.toSorted((a, b) => rank(a) - rank(b));
}
