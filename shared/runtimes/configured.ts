import { messageOf } from '../errors/reasons.js';
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

/** The configured manifest cannot be used. The message is one line. */
class RuntimesManifestError extends Error {
  override readonly name = 'RuntimesManifestError';
}

/**
 * The configured manifest of a process.
 * @throws RuntimesManifestError
 */
export function configuredRuntimes(config: RuntimesConfig): Runtimes {
  try {
    return readConfigured(config);
  } catch (error) {
    throw new RuntimesManifestError(messageOf(error).replaceAll(/\s*\n\s*/g, ' '), { cause: error });
  }
}

function readConfigured(config: RuntimesConfig): Runtimes {
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
    throw new Error(`The runtimes manifest is not JSON: ${messageOf(error)}`, { cause: error });
  }
  return parseManifest(json, options);
}
