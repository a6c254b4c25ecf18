import type Docker from 'dockerode';
import { detectDocker, type Detection } from '../../invoker/containers/docker/detect.js';
import { ensureImage } from '../../invoker/runtimes/image/build.js';
import { recipeOf } from '../../invoker/runtimes/image/recipes.js';
import { messageOf } from '../../shared/errors/reasons.js';
import { RUNTIME_IMAGE } from '../../shared/runtimes/image.js';

/** The longest wait for the engine's first answer, in ms. A busy engine is slow. */
const ANSWER_MS = 30_000;

/**
 * Docker, with the image of the Node.js runtime, which is built if the engine lacks it. Never rejects.
 * @returns why a bench has to do without Docker, as one line, if it does
 */
export async function dockerForBench(image: string = RUNTIME_IMAGE): Promise<Detection> {
  const found = await detectDocker(undefined, ANSWER_MS);
  if (!found.usable) return found;
  try {
    await prepareImage(found.docker, image);
    return found;
  } catch (error) {
    return { usable: false, reason: `the image ${image} is not here: ${messageOf(error)}` };
  }
}

/** Ends the process with one line that says what a bench needs. */
export function endWithout(what: string, reason: string): never {
  process.stderr.write(`This bench needs ${what}: ${reason}\n`);
  process.exit(1);
}

/** @throws Error that says why the image cannot be had */
async function prepareImage(docker: Docker, image: string): Promise<void> {
  const recipe = recipeOf(image);
  if (!recipe) {
    await docker.getImage(image).inspect();
    return;
  }
  const missing = await recipe.missing();
  if (missing !== undefined) throw new Error(missing);
  console.log(`image ${image}: looking whether it is up to date; a build takes some seconds`);
  const { label, built } = await ensureImage(docker, recipe);
  console.log(`image ${image}: ${built ? 'built' : 'up to date'} (${label})`);
}
