import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, extname, join, relative, resolve } from 'node:path';
import type { JsonObject } from '../../../shared/entities/keyvalue.js';
import { codeOf, messageOf } from '../../../shared/errors/reasons.js';
import { SKELETON_IMAGE } from '../../../shared/runtimes/image.js';
import { isFolder, readExec, signatureOf, type CodeOptions } from '../client/artifact.js';
import { CommandError } from '../client/CommandError.js';
import { sourceKind } from '../client/kinds.js';
import { checkSource, SourceMistake } from './check.js';
import { annotationList, markedAnnotations, ruleBody, sequenceBody, triggerContent } from './entityBodies.js';
import { keyValueJson, type Collection, type Entity, type Fault } from './entities.js';
import {
  limitsBody,
  ManifestError,
  MANIFESTS,
  parametersOf,
  parseManifest,
  type ManifestAction,
  type ManifestDependency,
  type ManifestPackage,
  type Variables,
} from './manifest.js';

/** What a folder describes. Of an entity with a fault the deployed version stays. */
export interface Project {
  readonly entities: readonly Entity[];
  readonly faults: readonly Fault[];
  /** The keys of entities that exist in the folder but have a fault. */
  readonly faulty: ReadonlySet<string>;
}

/** Files with the extension of a source that are not functions. */
const NO_FUNCTION = /^[._]|\.(?:test|spec|config|d)\.[cm]?[jt]s$|^test_.*\.py$|_test\.py$/;

/**
 * Reads the functions of a folder: those of its manifest, or else each source and each folder with a `package.json` (or a
 * `__main__.py`) in it.
 */
export async function discover(folder: string, variables: Variables, cache = new CodeCache()): Promise<Project> {
  const manifest = MANIFESTS.find((name) => existsSync(join(folder, name)));
  const reader = new Reader(folder, variables, cache);
  if (manifest !== undefined) await reader.addManifest(manifest);
  else await reader.addFiles();
  return reader;
}

/** For each route of a package's `apis`, how its action is called instead. */
function routesNotServed(owner: string, apis: NonNullable<ManifestPackage['apis']>): string[] {
  const routes: string[] = [];
  for (const bases of Object.values(apis)) {
    for (const [base, paths] of Object.entries(bases)) {
      for (const [path, actions] of Object.entries(paths)) {
        for (const [action, { method, response = 'json' }] of Object.entries(actions)) {
          const verb = method.toUpperCase();
          const route = [base, path].map((part) => part.replaceAll(/^\/+|\/+$/g, '')).filter((part) => part !== '');
          routes.push(
            `packages.${owner}.apis: ${verb} /${route.join('/')} is not served, since there is no API gateway; call the web action ('web: true'): ${verb} /api/v1/web/NAMESPACE/${owner}/${action}.${response}`,
          );
        }
      }
    }
  }
  return routes;
}

/** The code of sources. A source that did not change is neither checked nor packed again. */
export class CodeCache {
  readonly #execs = new Map<string, { readonly signature: string; readonly exec: JsonObject }>();

  /** @throws CommandError if the code cannot be read or has a mistake. */
  async exec(source: string, options: CodeOptions): Promise<JsonObject> {
    const signature = `${signatureOf(source)} ${JSON.stringify(options)}`;
    const known = this.#execs.get(source);
    if (known?.signature === signature) return known.exec;
    this.#execs.delete(source);
    const exec = await readExec(source, options);
    await checkSource(source);
    this.#execs.set(source, { signature, exec });
    return exec;
  }
}

class Reader implements Project {
  readonly entities: Entity[] = [];
  readonly faults: Fault[] = [];
  readonly faulty = new Set<string>();
  readonly #folder: string;
  readonly #variables: Variables;
  readonly #cache: CodeCache;

  constructor(folder: string, variables: Variables, cache: CodeCache) {
    this.#folder = folder;
    this.#variables = variables;
    this.#cache = cache;
  }

  async addFiles(): Promise<void> {
    // A folder that is itself a package with an entry point is one function.
    if (isEntryPackage(this.#folder)) {
      await this.#addAction(basename(resolve(this.#folder)), this.#folder, {});
      return;
    }
    for (const { name } of readdirSync(this.#folder, { withFileTypes: true }).toSorted((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      if (NO_FUNCTION.test(name) || name === 'node_modules') continue;
      const path = join(this.#folder, name);
      if (isFolder(path)) {
        if (existsSync(join(path, 'package.json')) || existsSync(join(path, '__main__.py'))) {
          await this.#addAction(name, path, {});
        }
      } else if (sourceKind(path)) await this.#addAction(basename(name, extname(name)), path, {});
    }
  }

  async addManifest(file: string): Promise<void> {
    try {
      const packages = await parseManifest(readFileSync(join(this.#folder, file), 'utf8'));
      for (const [name, content] of packages) await this.#addPackage(file, name, content);
    } catch (error) {
      if (!(error instanceof ManifestError)) throw error;
      this.faults.push({ file, reason: error.message });
      // What the manifest says is unknown, so nothing is removed.
      this.faulty.add(EVERYTHING);
    }
  }

  async #addPackage(manifest: string, name: string, content: ManifestPackage): Promise<void> {
    const isDefault = name === 'default';
    const prefix = isDefault ? '' : `${name}/`;
    if (!isDefault) {
      this.entities.push({
        collection: 'packages',
        name,
        body: {
          ...this.#parameters(content),
          annotations: annotationList(content).map(keyValueJson),
          ...(content.public === undefined ? {} : { publish: content.public }),
        },
      });
    }
    for (const reason of routesNotServed(name, content.apis ?? {})) this.faults.push({ file: manifest, reason });
    for (const [dependency, said] of Object.entries(content.dependencies ?? {})) {
      this.#addDependency(manifest, name, dependency, said);
    }
    for (const [action, said] of Object.entries(content.actions ?? {})) {
      const source = said.function === undefined ? undefined : resolve(this.#folder, said.function);
      await this.#addAction(`${prefix}${action}`, source, said, manifest);
    }
    for (const [sequence, said] of Object.entries(content.sequences ?? {})) {
      this.#add(manifest, 'actions', `${prefix}${sequence}`, () => sequenceBody(said, prefix));
    }
    for (const [trigger, said] of Object.entries(content.triggers ?? {})) {
      this.#add(manifest, 'triggers', trigger, () => triggerContent(said ?? {}, this.#variables));
    }
    for (const [rule, said] of Object.entries(content.rules ?? {})) {
      this.#add(manifest, 'rules', rule, () => ruleBody(said, prefix));
    }
  }

  /** Adds an entity of the manifest, or a fault of the manifest. */
  #add(manifest: string, collection: Collection, name: string, content: () => Pick<Entity, 'body' | 'feed'>): void {
    const fault = (reason: string): void => {
      this.faults.push({ file: manifest, reason: `${collection.slice(0, -1)} ${name}: ${reason}` });
      this.faulty.add(`${collection}/${name}`);
    };
    if (this.entities.some((other) => other.collection === collection && other.name === name)) {
      fault('the manifest has two with this name: rename one');
      return;
    }
    try {
      this.entities.push({ collection, name, ...content() });
    } catch (error) {
      if (!(error instanceof CommandError || error instanceof ManifestError)) throw error;
      fault(error.message);
    }
  }

  /** Adds a binding to a package of another namespace. Code of a repository is not fetched. */
  #addDependency(manifest: string, owner: string, name: string, said: ManifestDependency): void {
    const [, namespace, target] = /^\/([^/]+)\/([^/]+)$/.exec(said.location) ?? [];
    if (namespace === undefined || target === undefined) {
      const reason = `packages.${owner}.dependencies.${name}: '${said.location}' is not a package such as /whisk.system/utils; clone a repository yourself, and deploy it with 'palette-whisk dev'`;
      this.faults.push({ file: manifest, reason });
      this.faulty.add(`packages/${name}`);
      return;
    }
    this.entities.push({
      collection: 'packages',
      name,
      body: {
        binding: { namespace, name: target },
        ...this.#parameters(said),
        annotations: annotationList(said).map(keyValueJson),
      },
    });
  }

  /** Adds an action, or a fault of its file. */
  async #addAction(name: string, source: string | undefined, said: ManifestAction, manifest = ''): Promise<void> {
    const file = source === undefined ? manifest : relative(this.#folder, source) || '.';
    try {
      const existing = this.entities.find((entity) => entity.collection === 'actions' && entity.name === name);
      if (existing) {
        const other = existing.source === undefined ? manifest : relative(this.#folder, existing.source);
        throw new CommandError(`the action ${name} is also in ${other}: rename one of the two`);
      }
      const exec = await this.#exec(source, said);
      const body: JsonObject = {
        exec,
        ...this.#parameters(said),
        annotations: markedAnnotations(said).map(keyValueJson),
        ...(said.limits === undefined ? {} : { limits: limitsBody(said.limits) }),
      };
      this.entities.push({ collection: 'actions', name, body, source });
    } catch (error) {
      // The file system's errors, such as a folder that this user may not read, concern this function only.
      if (!(error instanceof CommandError || error instanceof ManifestError || codeOf(error) !== undefined))
        throw error;
      const place = error instanceof SourceMistake ? this.#place(error) : file;
      this.faults.push({ file: place, reason: messageOf(error) });
      this.faulty.add(`actions/${name}`);
    }
  }

  /** `src/hello.js:3` */
  #place({ path, line }: SourceMistake): string {
    const file = relative(this.#folder, path);
    return line === undefined ? file : `${file}:${line}`;
  }

  async #exec(source: string | undefined, said: ManifestAction): Promise<JsonObject> {
    const { main, code } = said;
    const docker = said.native === true ? SKELETON_IMAGE : said.docker;
    const kind = said.kind ?? said.runtime;
    if (source === undefined) {
      if (docker !== undefined) return { kind: 'blackbox', image: docker };
      if (code === undefined) throw new ManifestError("an action needs 'function', the file or folder of its code");
      if (kind === undefined) throw new ManifestError("an action with 'code' needs 'runtime', such as nodejs:default");
      return { kind, code, ...(main === undefined ? {} : { main }) };
    }
    return this.#cache.exec(source, { kind, main, image: docker });
  }

  #parameters(said: Pick<ManifestAction, 'inputs' | 'parameters'>): JsonObject {
    return { parameters: parametersOf(said, this.#variables).map(keyValueJson) };
  }
}

/** In `faulty`: the manifest cannot be read, so it is not known which entities exist. */
export const EVERYTHING = '*';

/** Whether a folder's `package.json` names an existing file as `main`. */
function isEntryPackage(folder: string): boolean {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const main = typeof manifest === 'object' && manifest !== null && 'main' in manifest ? manifest.main : undefined;
    return typeof main === 'string' && existsSync(join(folder, main));
  } catch (error) {
    if (error instanceof SyntaxError) throw new CommandError(`package.json is not JSON: ${messageOf(error)}`);
    return false;
  }
}
