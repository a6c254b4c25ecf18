import type Docker from 'dockerode';
import { ensureImage, hasImage } from './image/build.js';
import { recipeOf, RECIPES, type Recipe } from './image/recipes.js';
import { messageOf } from '../../shared/errors/reasons.js';
import { keepCompiledCode } from '../../shared/process/compileCache.js';
import { deferSeldomUsed } from '../../shared/process/deferModules.js';
import { printsAboutItself } from '../../shared/process/help.js';

/** The longest wait for the engine's first answer, in ms. A busy engine is slow. */
const ANSWER_MS = 30_000;

const USAGE = `Usage: npm run runtimes -- [--force] [IMAGE...]

Builds the images of runtimes that are missing or outdated.

  IMAGE      the images to build (default: all that this machine can build)
  --force    build images that are up to date, too
  --version  print the version
  --help     print this text

Images: ${RECIPES.map(({ reference }) => reference).join(', ')}
`;

const args = process.argv.slice(2);
const names = args.filter((argument) => !argument.startsWith('--'));
const rebuild = args.includes('--force');
const unknown = args.find((argument) => argument.startsWith('-') && argument !== '--force');

if (printsAboutItself(args, USAGE)) process.exit(0);
if (unknown !== undefined) {
  process.stderr.write(`unknown option '${unknown}'; --help lists the options\n`);
  process.exit(2);
}
keepCompiledCode();
deferSeldomUsed();
const { detectDocker } = await import('../containers/docker/detect.js');
const engine = await detectDocker(undefined, ANSWER_MS);
if (engine.usable) {
  for (const name of names.length > 0 ? names : RECIPES.map(({ reference }) => reference)) {
    await build(engine.docker, name).catch((error: unknown) =>
      fail(`could not build the image ${name}: ${messageOf(error)}`),
    );
  }
} else fail(`could not build images: ${engine.reason}`);

function fail(text: string): void {
  process.stderr.write(`${text}\n`);
  process.exitCode = 1;
}

async function build(docker: Docker, name: string): Promise<void> {
  const recipe = recipeOf(name);
  if (!recipe) throw new Error(`known images: ${RECIPES.map(({ reference }) => reference).join(', ')}`);
  process.stdout.write(`${await ensure(docker, recipe)}\n`);
}

async function ensure(docker: Docker, recipe: Recipe): Promise<string> {
  const missing = await recipe.missing();
  if (missing !== undefined) {
    if (await hasImage(docker, recipe.reference)) return `${recipe.reference}: kept as it is; ${missing}`;
    if (names.length > 0) throw new Error(missing);
    return `${recipe.reference}: left out; ${missing}`;
  }
  const start = performance.now();
  const { reference, label, built } = await ensureImage(docker, recipe, { rebuild });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  return `${reference} (${label}): ${built ? `built in ${seconds} s` : 'up to date'}`;
}
