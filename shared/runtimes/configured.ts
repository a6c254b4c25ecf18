import { loadManifest, parseManifest, type ManifestOptions, type Runtimes } from './manifest.js';

/** What an operator sets of the runtimes. */
export interface RuntimesConfig {
  /** JSON, or `file:` and a path; undefined: the manifest that comes with the code. */
  readonly manifest: string | undefined;
  readonly defaultImagePrefix: string | undefined;
  readonly defaultImageTag: string | undefined;
  readonly bypassPullForLocalImages: boolean;
  readonly localImagePrefix: string;
}

/**
 * The manifest that a process was configured with.
 * @throws Error that says what is wrong with it
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
    throw new Error(`The runtimes manifest is no JSON: ${String(error)}`, { cause: error });
  }
  return parseManifest(json, options);
}
