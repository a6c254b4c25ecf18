import type Docker from 'dockerode';
import type { KindProbe } from '../../../shared/runtimes/KindAvailability.js';
import { engineCall, ENGINE_LIMITS } from './engineCall.js';
import { pullPolicy } from './Images.js';
import type { LocalImages } from './LocalImages.js';
import { statusOf } from './removal.js';
import { messageOf } from '../../../shared/errors/reasons.js';

/** The longest wait for a registry's response, in ms. */
const REGISTRY_MS = 10_000;
const MAX_REASON = 200;

/**
 * Checks whether the engine or else the registry has a kind's image, without a pull.
 * @param registryMs the longest wait for a registry.
 */
export function dockerProbe(
  docker: Docker,
  localImagePrefix: string,
  local: LocalImages,
  registryMs = REGISTRY_MS,
): KindProbe {
  return async ({ kind, reference }) => {
    const isLocal = pullPolicy({ kind, reference, pull: false }, localImagePrefix) === 'never';
    try {
      const inspected = docker.getImage(reference).inspect();
      await engineCall('the request for an image', ENGINE_LIMITS.callMs, inspected);
      return undefined;
    } catch (error) {
      if (statusOf(error) !== 404) throw error;
    }
    if (isLocal) {
      const missing = await local.missing(reference);
      return missing === undefined ? undefined : textOf(missing);
    }
    try {
      // dockerode ignores a signal here. The engine gives up its own question to the registry.
      await engineCall('the question to a registry', registryMs, docker.getImage(reference).distribution());
      return undefined;
    } catch (error) {
      return `the image ${reference} is not here, and cannot be pulled (${textOf(error)}): load it, or name another in the runtimes manifest`;
    }
  };
}

function textOf(error: unknown): string {
  const text = messageOf(error);
  return text
    .replace(/^\(HTTP code \d+\)[^-]*- /, '')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, MAX_REASON);
}
