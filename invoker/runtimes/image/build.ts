import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import type { Recipe } from './recipes.js';
import { fingerprint, USER_ID } from './rootfs.js';
import { tar } from './tar.js';

const FINGERPRINT = 'org.palette-whisk.fingerprint';

export interface BuiltImage {
  readonly reference: string;
  /** False if an image of the same files existed. */
  readonly built: boolean;
  /** What it contains: `node v20.20.0`. */
  readonly label: string;
}

/**
 * Makes sure that the engine has an image. Builds it from this machine's programs without a registry.
 * @throws Error that names the missing part
 */
export async function ensureImage(
  docker: Docker,
  recipe: Recipe,
  options: { rebuild?: boolean } = {},
): Promise<BuiltImage> {
  const { reference } = recipe;
  const { entries, label, command, workingFolder, home } = await recipe.collect();
  const settings = JSON.stringify([command, workingFolder, home]);
  const print = createHash('sha256')
    .update(await fingerprint(entries))
    .update(settings)
    .digest('hex');
  const image = { reference, label };
  const earlier = await inspectImage(docker, reference);
  if (!options.rebuild && earlier?.Config.Labels?.[FINGERPRINT] === print) return { ...image, built: false };

  const [repo = '', tag = 'latest'] = reference.split(':');
  // Two kinds may have the same Python.
  const [same] = options.rebuild ? [] : await docker.listImages({ filters: { label: [`${FINGERPRINT}=${print}`] } });
  if (same) {
    await docker.getImage(same.Id).tag({ repo, tag });
    return { ...image, built: true };
  }
  const stream = await docker.importImage(Readable.from(tar(entries), { objectMode: false }), {
    repo,
    tag,
    changes: [
      `CMD ${JSON.stringify(command)}`,
      `WORKDIR ${workingFolder}`,
      `USER ${USER_ID}:${USER_ID}`,
      'ENV PATH=/usr/local/bin:/usr/bin:/bin',
      `ENV HOME=${home}`,
      'EXPOSE 8080',
      `LABEL ${FINGERPRINT}=${print}`,
    ],
  });
  await finished(docker, stream);
  // The image remains if a container still uses it.
  if (earlier)
    await docker
      .getImage(earlier.Id)
      .remove()
      .catch(() => undefined);
  return { ...image, built: true };
}

/** Whether the engine has an image. */
export async function hasImage(docker: Docker, reference: string): Promise<boolean> {
  return (await inspectImage(docker, reference)) !== undefined;
}

async function inspectImage(docker: Docker, reference: string): Promise<Docker.ImageInspectInfo | undefined> {
  try {
    return await docker.getImage(reference).inspect();
  } catch (error) {
    if (error instanceof Error && 'statusCode' in error && error.statusCode === 404) return undefined;
    throw error;
  }
}

function finished(docker: Docker, stream: NodeJS.ReadableStream): Promise<void> {
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(stream, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}
