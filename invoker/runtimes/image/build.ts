import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { RUNTIME_IMAGE } from '../../../shared/runtimes/image.js';
import { ACTION_FOLDER, collectRoot, fingerprint, NODE, RUNTIME_FOLDER, USER_ID } from './rootfs.js';
import { tar } from './tar.js';

const FINGERPRINT = 'org.palette-whisk.fingerprint';

export interface BuiltImage {
  readonly reference: string;
  /** False if an image of the same files existed. */
  readonly built: boolean;
  readonly node: string;
}

/**
 * Makes sure that the engine has the image of the Node.js runtime. Builds it from this machine's node without a
 * registry.
 * @throws Error that names the missing part
 */
export async function ensureRuntimeImage(docker: Docker, options: { rebuild?: boolean } = {}): Promise<BuiltImage> {
  const entries = await collectRoot();
  const print = await fingerprint(entries);
  const image = { reference: RUNTIME_IMAGE, node: process.version };
  const earlier = await inspectImage(docker);
  if (!options.rebuild && earlier?.Config.Labels?.[FINGERPRINT] === print) return { ...image, built: false };

  const [repo, tag] = RUNTIME_IMAGE.split(':');
  const command = [NODE, '--disable-warning=ExperimentalWarning', `${RUNTIME_FOLDER}/main.js`];
  const stream = await docker.importImage(Readable.from(tar(entries), { objectMode: false }), {
    repo,
    tag,
    changes: [
      `CMD ${JSON.stringify(command)}`,
      `WORKDIR ${ACTION_FOLDER}`,
      `USER ${USER_ID}:${USER_ID}`,
      'ENV PATH=/usr/local/bin:/usr/bin:/bin',
      `ENV HOME=${ACTION_FOLDER}`,
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

async function inspectImage(docker: Docker): Promise<Docker.ImageInspectInfo | undefined> {
  try {
    return await docker.getImage(RUNTIME_IMAGE).inspect();
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
