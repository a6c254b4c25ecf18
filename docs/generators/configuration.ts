/* Writes docs/configuration.md: `npm run docs`. */
import { writeFileSync } from 'node:fs';
import { configurationPage } from '../../shared/config/document.js';

writeFileSync('docs/configuration.md', configurationPage());
