import type { ServerResponse } from 'node:http';
import type { Action } from '../../../shared/entities/documents.js';
import type { KeyValue } from '../../../shared/entities/keyvalue.js';
import { sendJson, sendJsonInPieces } from '../../http/respond.js';
import { actionView } from './actionView.js';

/**
 * Code of this length or longer is sent in pieces: 48 MB of JSON at once takes some hundred ms and 150 MB of memory.
 */
const LARGE_CODE = 1024 * 1024;

/** Responds 200 with an action. @param parameters the action's, merged with those of its package. */
export function sendAction(res: ServerResponse, action: Action, parameters?: readonly KeyValue[]): void {
  const view = actionView(action, parameters);
  if ((action.exec.code?.length ?? 0) < LARGE_CODE) sendJson(res, 200, view);
  else sendJsonInPieces(res, 200, view);
}
