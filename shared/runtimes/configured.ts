import type { RuntimesConfig } from '../config/processSettings.js';
import { loadManifest, parseManifest, type ManifestOptions, type Runtimes } from './manifest.js';

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
