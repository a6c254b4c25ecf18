import type { ActionCode, Handler } from './ActionService.js';
import { InitError } from './InitError.js';
import { isFunction } from './properties.js';
import { loadText } from './text.js';

/**
 * Loads an action's source and returns its function.
 * @throws the error of the user's code, or an error that names the missing part
 */
export async function loadAction(source: ActionCode): Promise<Handler> {
  const handler = source.binary ? await loadArchive(source) : await loadText(source);
  if (isFunction(handler)) return handler;
  throw new InitError(
    `Action entrypoint '${source.main}' is not a function. ` +
      `Define or export a function '${source.main}', or name another one with --main.`,
  );
}

/** Loads the code for archives only if it is needed. */
async function loadArchive(source: ActionCode): Promise<unknown> {
  const archives = await import('./package.js');
  return archives.loadArchive(source);
}
