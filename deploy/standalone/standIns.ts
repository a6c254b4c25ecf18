import type { ContainerDriver } from '../../invoker/containers/ContainerDriver.js';
import type { Detection } from '../../invoker/containers/docker/detect.js';
import type { LocalImages } from '../../invoker/containers/docker/LocalImages.js';
import type { KindProbe } from '../../shared/runtimes/KindAvailability.js';
import { LOCAL_IMAGE_PREFIX, type Runtime, type Runtimes } from '../../shared/runtimes/manifest.js';
import { within } from '../../shared/process/within.js';
import { messageOf } from '../../shared/errors/reasons.js';

/**
 * The images of OpenWhisk that stand in for those that cannot be built here; or why actions of Node.js cannot run in this
 * engine.
 */
export type StandIns =
  | {
      /** The images by those that the manifest names. */
      readonly images: ReadonlyMap<string, string>;
      /** The reason for the choice, to append to another one; empty without such images. */
      readonly reason: string;
    }
  | { readonly fault: string };

type Chosen = Exclude<StandIns, { readonly fault: string }>;

/** The longest wait for an engine and its registry, in ms. It delays the start. */
const ANSWER_MS = 4000;

/** The images of an engine for which nothing can be built. They may have been built elsewhere. */
export const builtElsewhere = (buildFault: string): LocalImages => ({
  missing: async (reference) => `the image ${reference} is not here; ${buildFault}`,
  ready: async () => undefined,
});

/** Chooses the images for an engine. Asks the engine, and it the registry, only if images cannot be built here. */
export async function standIns(
  { docker, buildFault }: Pick<Detection & { usable: true }, 'docker' | 'buildFault'>,
  { kinds }: Pick<Runtimes, 'kinds'>,
): Promise<StandIns> {
  if (buildFault === undefined) return { images: new Map(), reason: '' };
  const { dockerProbe } = await import('../../invoker/containers/docker/probeKind.js');
  const probe = dockerProbe(docker, LOCAL_IMAGE_PREFIX, builtElsewhere(buildFault));
  const missing = async (kind: string, reference: string): Promise<string | undefined> =>
    within(
      probe({ kind, reference }).catch(messageOf),
      ANSWER_MS,
      () => `the registry did not answer for ${reference}`,
    );

  const images = new Map<string, string>();
  let lacking: string | undefined;
  for (const runtime of kinds.values()) {
    const other = publicImage(runtime);
    if (other === undefined) continue;
    // The image may have been built elsewhere and loaded.
    const { kind, reference } = runtime;
    if ((await missing(kind, reference)) === undefined) continue;
    images.set(reference, other);
    if (runtime.default && runtime.family === 'nodejs') lacking = await missing(kind, other);
  }
  if (lacking !== undefined) return { fault: `${buildFault}, and ${lacking}` };
  const [first] = images.values();
  const reason = first === undefined ? '' : `; ${buildFault}, so actions run in OpenWhisk's images (${first})`;
  return { images, reason };
}

/** OpenWhisk's image of a kind of Node.js or Python that has an image of ours. */
function publicImage({ kind, image }: Runtime): string | undefined {
  const [, family, version] = /^(nodejs|python):(\d+(?:\.\d+)?)$/.exec(kind) ?? [];
  if (image.prefix !== LOCAL_IMAGE_PREFIX || image.registry || family === undefined) return undefined;
  return `openwhisk/action-${family}-v${version}:nightly`;
}

/** A probe of the images that stand in. */
export const probeStandIns =
  (probe: KindProbe, { images }: Chosen): KindProbe =>
  ({ kind, reference }) =>
    probe({ kind, reference: images.get(reference) ?? reference });

/** A driver that makes containers of the images that stand in. */
export function driveStandIns(driver: ContainerDriver, { images }: Chosen): ContainerDriver {
  if (images.size === 0) return driver;
  return {
    name: driver.name,
    removeLeftovers: () => driver.removeLeftovers(),
    create(spec) {
      const reference = images.get(spec.image.reference) ?? spec.image.reference;
      return driver.create({ ...spec, image: { ...spec.image, reference } });
    },
    seenAt: (folder) => driver.seenAt?.(folder),
    close: () => driver.close(),
  };
}
