import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { messageOf } from '../errors/reasons.js';
import { schemaMistake } from '../errors/schemaMistake.js';
import { readBounded } from '../files/readBounded.js';
import { imageReference, parseImageName, sameImage, type ImageName } from './image.js';
import { parseBytes, parseDuration, quantity } from './quantities.js';

/** Stem cells that follow the demand: between `minCount` and `maxCount`, in steps of `increment`. */
export interface ReactivePrewarming {
  readonly minCount: number;
  readonly maxCount: number;
  /** The time after which an unused stem cell is removed, in ms. */
  readonly ttlMs: number;
  /** The number of cold starts in a minute for one step. */
  readonly threshold: number;
  readonly increment: number;
}

/** Containers of a kind that are started in advance. */
export interface StemCellRule {
  readonly initialCount: number;
  readonly memoryMB: number;
  readonly reactive?: ReactivePrewarming | undefined;
}

/** The runtime of a kind. */
export interface Runtime {
  readonly kind: string;
  readonly family: string;
  readonly image: ImageName;
  /** The image for `docker pull`. */
  readonly reference: string;
  /** Whether actions may only be read and deleted, but not created, updated or invoked. */
  readonly deprecated: boolean;
  /** Whether it is the kind for `FAMILY:default`. */
  readonly default: boolean;
  /** Whether code is stored as an attachment of the document instead of inside it. */
  readonly attached: boolean;
  readonly requireMain: boolean;
  /** Whether the runtime writes the sentinel to both log streams. */
  readonly sentinelledLogs: boolean;
  readonly stemCells: readonly StemCellRule[];
}

/** The kinds of actions, from a `runtimes.json`. */
export interface Runtimes {
  readonly kinds: ReadonlyMap<string, Runtime>;
  /** The runtimes by family, in the order of the file. */
  readonly families: ReadonlyMap<string, readonly Runtime[]>;
  readonly blackboxes: readonly ImageName[];
  /** The runtime of a kind, or of `FAMILY:default`. */
  resolve(kind: string): Runtime | undefined;
  /** Whether an image is never pulled: a known blackbox image, or a local build. */
  skipPull(image: ImageName): boolean;
}

export interface ManifestOptions {
  /** The prefix of local builds, which are not in a registry. */
  readonly localImagePrefix?: string | undefined;
  /** The registry of the runtimes' images without a registry. */
  readonly registry?: string | undefined;
  /** The default for images of the manifest that do not name one. */
  readonly defaultPrefix?: string | undefined;
  readonly defaultTag?: string | undefined;
}

/** The prefix of images that `npm run runtimes` builds. */
export const LOCAL_IMAGE_PREFIX = 'palette-whisk';

const imageSchema = z.object({
  name: z.string().min(1),
  registry: z.string().nullish(),
  prefix: z.string().nullish(),
  tag: z.string().nullish(),
});

const stemCellSchema = z
  .object({
    initialCount: z.int().positive('initialCount must be positive').optional(),
    count: z.int().positive('initialCount must be positive').optional(),
    memory: quantity(parseBytes),
    reactive: z
      .object({
        minCount: z.int().min(0),
        maxCount: z.int().positive(),
        ttl: quantity(parseDuration).refine((ttl) => ttl > 0, 'ttl must be positive'),
        threshold: z.int().positive(),
        increment: z.int().positive(),
      })
      .refine((r) => r.minCount <= r.maxCount, 'minCount must not be over maxCount')
      .refine((r) => r.increment <= r.maxCount, 'increment must not be over maxCount')
      .nullish(),
  })
  .refine((cell) => (cell.initialCount ?? cell.count) !== undefined, 'initialCount is required');

const runtimeSchema = z.object({
  kind: z.string().min(1),
  image: imageSchema,
  deprecated: z.boolean().nullish(),
  default: z.boolean().nullish(),
  attached: z.object({ attachmentName: z.string(), attachmentType: z.string() }).nullish(),
  requireMain: z.boolean().nullish(),
  sentinelledLogs: z.boolean().nullish(),
  stemCells: z.array(stemCellSchema).nullish(),
});

const manifestSchema = z.object({
  runtimes: z.record(z.string(), z.array(runtimeSchema)).default({}),
  blackboxes: z.array(imageSchema).default([]),
});

const FAMILY_DEFAULT = /^([a-z0-9]+):default$/;

function imageName(image: z.infer<typeof imageSchema>): ImageName {
  return {
    name: image.name,
    registry: image.registry ?? undefined,
    prefix: image.prefix ?? undefined,
    tag: image.tag ?? undefined,
  };
}

function stemCell(cell: z.infer<typeof stemCellSchema>): StemCellRule {
  const { reactive } = cell;
  return {
    initialCount: cell.initialCount ?? cell.count ?? 1,
    memoryMB: Math.floor(cell.memory / 1024 ** 2),
    reactive: reactive
      ? {
          minCount: reactive.minCount,
          maxCount: reactive.maxCount,
          ttlMs: reactive.ttl,
          threshold: reactive.threshold,
          increment: reactive.increment,
        }
      : undefined,
  };
}

function runtime(family: string, entry: z.infer<typeof runtimeSchema>, options: ManifestOptions): Runtime {
  const named = imageName(entry.image);
  const image = { ...named, prefix: named.prefix ?? options.defaultPrefix, tag: named.tag ?? options.defaultTag };
  const local = options.localImagePrefix !== undefined && image.prefix === options.localImagePrefix;
  return {
    kind: entry.kind,
    family,
    image,
    reference: imageReference(image, local ? '' : options.registry),
    deprecated: entry.deprecated ?? false,
    default: entry.default ?? false,
    attached: Boolean(entry.attached),
    requireMain: entry.requireMain ?? false,
    sentinelledLogs: entry.sentinelledLogs ?? true,
    stemCells: (entry.stemCells ?? []).map(stemCell),
  };
}

function familyDefault(family: string, versions: readonly Runtime[]): Runtime {
  const defaults = versions.filter((version) => version.default);
  const [first, second] = defaults.length === 0 && versions.length === 1 ? versions : defaults;
  if (!first) throw new Error(`The runtimes manifest has no default kind for '${family}'.`);
  if (second) throw new Error(`The runtimes manifest has more than one default kind for '${family}'.`);
  return first;
}

/**
 * Parses a manifest of runtimes.
 * @param json the parsed JSON of a `runtimes.json`
 * @throws Error that describes the fault
 */
export function parseManifest(json: unknown, options: ManifestOptions = {}): Runtimes {
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) throw new Error(`The runtimes manifest is not valid: ${schemaMistake(parsed.error)}`);
  const families = new Map<string, readonly Runtime[]>();
  const kinds = new Map<string, Runtime>();
  const defaults = new Map<string, Runtime>();
  for (const [family, entries] of Object.entries(parsed.data.runtimes)) {
    const versions = entries.map((entry) => runtime(family, entry, options));
    families.set(family, versions);
    defaults.set(family, familyDefault(family, versions));
    for (const version of versions) kinds.set(version.kind, version);
  }
  const blackboxes = parsed.data.blackboxes.map(imageName);
  return {
    kinds,
    families,
    blackboxes,
    resolve(kind) {
      const family = FAMILY_DEFAULT.exec(kind)?.[1];
      return family === undefined ? kinds.get(kind) : defaults.get(family);
    },
    skipPull(image) {
      if (options.localImagePrefix !== undefined && image.prefix === options.localImagePrefix) return true;
      return blackboxes.some((known) => sameImage(known, image));
    },
  };
}

/** The list of runtimes for clients (`GET /`): OpenWhisk's fields, by family. */
export function describeRuntimes(runtimes: Runtimes): Record<string, object[]> {
  const described: Record<string, object[]> = {};
  for (const [family, versions] of runtimes.families) {
    described[family] = versions.map((version) => ({
      kind: version.kind,
      image: imageReference(version.image),
      deprecated: version.deprecated,
      default: version.default,
      attached: version.attached,
      requireMain: version.requireMain,
    }));
  }
  return described;
}

/** Whether to pull a user's image before its start. The container engine refuses malformed names later. */
export function pullsImage(runtimes: Runtimes, reference: string): boolean {
  const image = parseImageName(reference);
  return image === undefined || !runtimes.skipPull(image);
}

/**
 * Reads the manifest of a file; the default is the built-in manifest.
 * @throws Error that names the file
 */
export function loadManifest(file: string = defaultManifestFile(), options: ManifestOptions = {}): Runtimes {
  let json: unknown;
  try {
    json = JSON.parse(readBounded(file).toString());
  } catch (error) {
    throw new Error(`Cannot read the runtimes manifest ${file}: ${messageOf(error)}`, { cause: error });
  }
  return parseManifest(json, { localImagePrefix: LOCAL_IMAGE_PREFIX, ...options });
}

/** The path of the built-in manifest. The compiler does not copy JSON to `dist/`, so the file is beside the sources. */
export function defaultManifestFile(): string {
  const beside = fileURLToPath(new URL('./runtimes.json', import.meta.url));
  return existsSync(beside)
    ? beside
    : fileURLToPath(new URL('../../../shared/runtimes/runtimes.json', import.meta.url));
}
