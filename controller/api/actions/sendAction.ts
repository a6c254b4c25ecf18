import type { ServerResponse } from 'node:http';
import type { Action } from '../../../shared/entities/documents.js';
import type { KeyValue } from '../../../shared/entities/keyvalue.js';
import { sendJson, sendJsonInPieces } from '../../http/respond.js';
import { actionView } from './actionView.js';

/** From this length on code is sent in pieces: to write 48 MB as JSON at once takes some hundred ms and 150 MB. */
const LARGE_CODE = 1024 * 1024;

/** Answers 200 with an action, with its package's parameters where they are given. */
export function sendAction(res: ServerResponse, action: Action, parameters?: readonly KeyValue[]): void {
  const view = actionView(action, parameters);
  if ((action.exec.code?.length ?? 0) < LARGE_CODE) sendJson(res, 200, view);
  else sendJsonInPieces(res, 200, view);
}
