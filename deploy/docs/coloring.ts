/* Writes docs/coloring.svg: `npm run docs`. */
import { writeFileSync } from 'node:fs';
import { coloringPicture } from './coloringPicture.js';

writeFileSync('docs/coloring.svg', coloringPicture());
