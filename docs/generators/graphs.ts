/* Writes docs/graphs.svg: `npm run docs`. */
import { writeFileSync } from 'node:fs';
import { graphPicture } from './graphPicture.js';

writeFileSync('docs/graphs.svg', graphPicture());
