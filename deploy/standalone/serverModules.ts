/* What every start needs, once signals are handled. One import at run time is one joined file: see deploy/bundle. */
export { environment } from '../../shared/config/environment.js';
export { createLogger } from '../../shared/logging/winston.js';
export { keepHeapSmall } from '../../shared/process/heap.js';
export { banner } from './banner.js';
export { parseOptions, USAGE } from './options.js';
export { startStandalone } from './server.js';
export { standaloneSettings } from './settings.js';
