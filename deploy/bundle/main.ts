import { fileURLToPath } from 'node:url';
import { writeBundle } from './bundle.js';

// Compiled, this file is three folders below the project's.
await writeBundle(fileURLToPath(new URL('../../..', import.meta.url)));
