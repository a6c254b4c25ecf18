import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ContainerStartError } from '../../invoker/containers/ContainerDriver.js';
import type { Recipe } from '../../invoker/runtimes/image/recipes.js';
import type { LocalImages } from '../../invoker/containers/docker/LocalImages.js';
import { messageOf, stderrOf } from '../../shared/errors/reasons.js';
import type { Logger } from '../../shared/logging/Logger.js';
import { RUNTIME_IMAGE } from '../../shared/runtimes/image.js';

/** The limit for the build of an image, in ms. */
const BUILD_MS = 600_000;
/** The time after which a build that failed is tried again, in ms. */
const RETRY_MS = 10_000;
/** The time after which a build is announced, in ms. */
const SLOW_MS = 2000;

/** Builds missing or outdated images when a container first needs them, one after the other. */
export function localImages(
  log: Logger,
  build: (reference: string) => Promise<string> = (reference) => buildInProcess(reference),
): LocalImages {
  const builds = new Map<string, Promise<void>>();
  let last: Promise<unknown> = Promise.resolve();

  async function start(reference: string): Promise<void> {
    const slow = setTimeout(() => log.info(`building the image ${reference}`), SLOW_MS).unref();
    try {
      log.info(await build(reference));
    } catch (error) {
      setTimeout(() => builds.delete(reference), RETRY_MS).unref();
      throw error;
    } finally {
      clearTimeout(slow);
    }
  }

  async function ready(reference: string): Promise<void> {
    // An operator may have made an image of his own under this prefix.
    if ((await recipe(reference)) === undefined) return;
    let running = builds.get(reference);
    if (!running) {
      running = last.then(() => start(reference));
      last = running.catch(() => {
        // The container that needs the image reports the error.
      });
      builds.set(reference, running);
    }
    return running;
  }

  async function recipe(reference: string): Promise<Recipe | undefined> {
    const { recipeOf } = await import('../../invoker/runtimes/image/recipes.js');
    return recipeOf(reference);
  }

  return {
    ready,
    async missing(reference) {
      // The image of most actions is built at the start. The build of the others waits for their first container.
      if (reference === RUNTIME_IMAGE) {
        return ready(reference).then(
          () => undefined,
          (error: unknown) => messageOf(error),
        );
      }
      const found = await recipe(reference);
      return found ? found.missing() : `the image ${reference} is not here, and nothing builds it`;
    },
  };
}

/**
 * Builds an image in another process, since it reads all of a runtime into memory.
 * @returns one line for the log
 * @throws ContainerStartError
 */
export async function buildInProcess(reference: string, limitMs = BUILD_MS): Promise<string> {
  // Run the sources with this process's loader (`npm run dev`), or the compiled file.
  const source = import.meta.url.endsWith('.ts');
  const build = fileURLToPath(new URL(`../../invoker/runtimes/main.${source ? 'ts' : 'js'}`, import.meta.url));
  const args = [...(source ? process.execArgv : []), build, reference];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: limitMs, killSignal: 'SIGKILL' });
    return stdout.trim();
  } catch (error) {
    const late = error instanceof Error && 'killed' in error && error.killed === true;
    const reason = late ? `it took over ${limitMs / 1000} s` : String(error);
    throw new ContainerStartError(stderrOf(error) || `the runtime's image cannot be built: ${reason}`, {
      imageFault: true,
      cause: error,
    });
  }
}
