import type { ServerResponse } from 'node:http';
import type { Action } from '../../../shared/entities/documents.js';
import type { KeyValue } from '../../../shared/entities/keyvalue.js';
import { LargeCode } from '../../../shared/entities/LargeCode.js';
import { conflict } from '../../http/ApiError.js';
import type { ApiRequest } from '../../http/ApiRequest.js';
import type { Bodies } from '../../http/Bodies.js';
import { CodeBytes, sendJson, sendJsonInPieces } from '../../http/respond.js';
import { actionView } from './actionView.js';

/**
 * Code of this length or longer is sent in pieces: 48 MB of JSON at once takes some hundred ms and 150 MB of memory.
 */
const LARGE_CODE = 1024 * 1024;

/**
 * Reads large code for the response, within the memory for responses.
 * @returns undefined if the code is not large.
 * @throws ApiError 409 if the action was changed meanwhile; 429, 503.
 */
export async function readLargeCode(bodies: Bodies, req: ApiRequest, action: Action): Promise<CodeBytes | undefined> {
  const { code, binary = false } = action.exec;
  if (!(code instanceof LargeCode)) return undefined;
  await bodies.reserve(req, code.bytes);
  const bytes = await code.read();
  if (!bytes) throw conflict('Concurrent modification to resource detected');
  return new CodeBytes(bytes, binary);
}

/**
 * Responds 200 with an action.
 * @param code what `readLargeCode` read.
 * @param parameters the action's, merged with those of its package.
 */
export function sendAction(
  res: ServerResponse,
  action: Action,
  code: CodeBytes | undefined,
  parameters?: readonly KeyValue[],
): void {
  const view = actionView(action, parameters);
  const { exec } = action;
  if (code) sendJsonInPieces(res, 200, { ...view, exec: { ...exec, code } });
  else if (typeof exec.code === 'string' && exec.code.length >= LARGE_CODE) sendJsonInPieces(res, 200, view);
  else sendJson(res, 200, view);
}
