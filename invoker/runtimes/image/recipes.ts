import { NATIVE_IMAGE, NODE_IMAGES } from '../../../shared/runtimes/image.js';
import { findPython, PYTHON_OPTIONS } from '../python/hostPython.js';
import { nodeBinaries } from '../versions/NodeBinaries.js';
import { collectNative, NATIVE_RUNTIME } from './nativeRoot.js';
import { collectPython, PYTHON_RUNTIME } from './pythonRoot.js';
import { ACTION_FOLDER, collectRoot, NODE, RUNTIME_FOLDER } from './rootfs.js';
import type { RootEntry } from './tar.js';

/** An image that can be built on this machine. */
export interface Contents {
  readonly entries: readonly RootEntry[];
  /** What it contains, for the user: `node v20.20.0`. */
  readonly label: string;
  readonly command: readonly string[];
  readonly workingFolder: string;
  readonly home: string;
}

/** How to build an image. */
export interface Recipe {
  readonly reference: string;
  /** Why this machine cannot build it, with the remedy; undefined if it can. */
  missing(): Promise<string | undefined>;
  /** @throws Error that names the missing part */
  collect(): Promise<Contents>;
}

/** The folder of actions of Python and of any executable, as in OpenWhisk's images. Its parent is their first folder. */
const ACTION = '/action';
export const NODE_COMMAND: readonly string[] = [NODE, '--disable-warning=ExperimentalWarning'];
const LINUX_ONLY = 'images of this machine’s programs are built on Linux only';

const binaries = nodeBinaries();

function nodejs(reference: string, major: number): Recipe {
  return {
    reference,
    missing: async () => (process.platform === 'linux' ? binaries.missing(major) : LINUX_ONLY),
    async collect() {
      const { program, version } = await binaries.get(major);
      return {
        entries: await collectRoot(program),
        label: `node ${version}`,
        command: [...NODE_COMMAND, `${RUNTIME_FOLDER}/main.js`],
        workingFolder: ACTION_FOLDER,
        home: ACTION_FOLDER,
      };
    },
  };
}

const native: Recipe = {
  reference: NATIVE_IMAGE,
  missing: async () => (process.platform === 'linux' ? undefined : LINUX_ONLY),
  collect: async () => ({
    entries: await collectNative(ACTION),
    label: `any executable, node ${process.version}`,
    command: [...NODE_COMMAND, NATIVE_RUNTIME],
    workingFolder: '/',
    home: ACTION,
  }),
};

function python(reference: string, version: string): Recipe {
  return {
    reference,
    async missing() {
      if (process.platform !== 'linux') return LINUX_ONLY;
      const found = await findPython(version);
      return typeof found === 'string' ? found : undefined;
    },
    async collect() {
      const found = await findPython(version);
      if (typeof found === 'string') throw new Error(found);
      return {
        entries: await collectPython(found, ACTION),
        label: `python ${found.version}`,
        command: [found.program, ...PYTHON_OPTIONS, PYTHON_RUNTIME],
        workingFolder: '/',
        home: ACTION,
      };
    },
  };
}

/** The images that `npm run runtimes` builds. */
export const RECIPES: readonly Recipe[] = [
  ...NODE_IMAGES.map(({ reference, major }) => nodejs(reference, major)),
  python('palette-whisk/action-python:local', '3'),
  ...['3.11', '3.12', '3.13'].map((version) => python(`palette-whisk/action-python-v${version}:local`, version)),
  native,
];

export const recipeOf = (reference: string): Recipe | undefined => RECIPES.find((r) => r.reference === reference);
