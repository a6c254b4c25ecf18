import { fileURLToPath } from 'node:url';
import { writeBundle } from './bundle.js';

/* With the argument `--only`, it also removes all files of earlier bundles: a package needs none. */

// Compiled, this file is three folders below the project's.
const root = fileURLToPath(new URL('../../..', import.meta.url));
await (process.argv.includes('--only') ? writeBundle(root, undefined, 0) : writeBundle(root));
