import { loadManifest, parseManifest, type ManifestOptions, type Runtimes } from './manifest.js';

/** The operator's settings of runtimes. */
export interface RuntimesConfig {
  /** JSON, or `file:` and a path; undefined: the built-in manifest. */
  readonly manifest: string | undefined;
  readonly defaultImagePrefix: string | undefined;
  readonly defaultImageTag: string | undefined;
  readonly bypassPullForLocalImages: boolean;
  readonly localImagePrefix: string;
}

/**
 * The configured manifest of a process.
 * @throws Error that describes the fault
 */
export function configuredRuntimes(config: RuntimesConfig): Runtimes {
  const { manifest } = config;
  const options: ManifestOptions = {
    localImagePrefix: config.localImagePrefix,
    defaultPrefix: config.defaultImagePrefix,
    defaultTag: config.defaultImageTag,
  };
  if (manifest === undefined) return loadManifest(undefined, options);
  if (manifest.startsWith('file:')) return loadManifest(manifest.slice('file:'.length), options);
  let json: unknown;
  try {
    json = JSON.parse(manifest);
  } catch (error) {
    throw new Error(`The runtimes manifest is not JSON: ${String(error)}`, { cause: error });
  }
  return parseManifest(json, options);
}
