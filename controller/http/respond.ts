import type { ServerResponse } from 'node:http';
import type { Json } from '../../shared/entities/keyvalue.js';

/** What may be sent as JSON: any JSON value, and interfaces made of such (which TypeScript does not take for `Json`). */
export type JsonBody = Json | object;

/** Answers with a JSON body. It is stringified once, here. */
export function sendJson(res: ServerResponse, status: number, body: JsonBody): void {
  const text = JSON.stringify(body);
  res.statusCode = status;
  res.setHeader('Content-Type', 'application/json');
  res.setHeader('Content-Length', Buffer.byteLength(text));
  res.end(text);
}

export function sendText(res: ServerResponse, status: number, text: string): void {
  res.statusCode = status;
  res.setHeader('Content-Type', 'text/plain; charset=UTF-8');
  res.setHeader('Content-Length', Buffer.byteLength(text));
  res.end(text);
}

/** Answers without a body. */
export function sendEmpty(res: ServerResponse, status: number): void {
  res.statusCode = status;
  res.end();
}

/** Answers a change of an entity: with what it is now, or where the installation wants no such payload with nothing. */
export function sendChanged(res: ServerResponse, entity: JsonBody, withPayload: boolean): void {
  if (withPayload) sendJson(res, 200, entity);
  else sendText(res, 200, 'OK');
}

/** Answers that an entity is gone: with what it was, or with nothing. */
export function sendDeleted(res: ServerResponse, entity: JsonBody, withPayload: boolean): void {
  if (withPayload) sendJson(res, 200, entity);
  else sendEmpty(res, 204);
}

export const ACTIVATION_ID_HEADER = 'x-openwhisk-activation-id';
