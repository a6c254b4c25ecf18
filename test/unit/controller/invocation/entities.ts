import type { ActionReader } from '../../../../controller/invocation/resolve.js';
import type { Action, PackageDocument } from '../../../../shared/entities/documents.js';
import type { Exec } from '../../../../shared/entities/exec.js';
import type { KeyValue } from '../../../../shared/entities/keyvalue.js';

/** The entity of an id such as `ns/pkg/action`. */
function fields(id: string) {
  const parts = id.split('/');
  return {
    _id: id,
    _rev: '1-0',
    namespace: parts.slice(0, -1).join('/'),
    name: parts.at(-1) ?? '',
    version: '0.0.1',
    publish: false,
    annotations: [],
    updated: 0,
  };
}

export function action(id: string, more: Partial<Action> = {}): Action {
  return {
    ...fields(id),
    entityType: 'action',
    exec: { kind: 'nodejs:20', code: '' },
    parameters: [],
    limits: { timeout: 60_000, memory: 256, logs: 10, concurrency: 1 },
    ...more,
  };
}

export function sequence(id: string, components: string[], more: Partial<Action> = {}): Action {
  const exec: Exec = { kind: 'sequence', components };
  return action(id, { exec, parameters: [{ key: '_actions', value: components }], ...more });
}

export function pkg(id: string, parameters: KeyValue[] = [], bound?: string): PackageDocument {
  const [namespace, name] = bound?.split('/') ?? [];
  return { ...fields(id), entityType: 'package', binding: bound ? { namespace, name } : {}, parameters };
}

/** A source of these documents, by their ids. */
export function sourceOf(...documents: (Action | PackageDocument)[]): ActionReader & {
  set(document: Action | PackageDocument): void;
  delete(id: string): void;
} {
  const byId = new Map(documents.map((document) => [document._id, document]));
  return {
    set: (document) => void byId.set(document._id, document),
    delete: (id) => void byId.delete(id),
    getAction(id) {
      const found = byId.get(id);
      if (found && found.entityType !== 'action') return Promise.reject(new Error(`${id} is not an action`));
      return Promise.resolve(found);
    },
    getPackage(id) {
      const found = byId.get(id);
      if (found && found.entityType !== 'package') return Promise.reject(new Error(`${id} is not a package`));
      return Promise.resolve(found);
    },
  };
}
