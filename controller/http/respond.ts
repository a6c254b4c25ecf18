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

export const ACTIVATION_ID_HEADER = 'x-openwhisk-activation-id';
