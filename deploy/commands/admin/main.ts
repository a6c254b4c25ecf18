import { administerProcess } from './process.js';

await administerProcess(process.argv.slice(2));
