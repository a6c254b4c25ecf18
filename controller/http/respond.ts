import type { ServerResponse } from 'node:http';
import { pipeline, Readable } from 'node:stream';
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

/** As `sendJson`, for objects with texts of megabytes: they are written as fast as the client reads. */
export function sendJsonInPieces(res: ServerResponse, status: number, body: JsonBody): void {
  res.statusCode = status;
  res.setHeader('Content-Type', 'application/json');
  // A client that goes away is nothing to report.
  pipeline(Readable.from(jsonPieces(body)), res, () => {});
}

const PIECE = 256 * 1024;

/** The JSON text of a value. Long texts that are members of objects come in pieces. */
export function* jsonPieces(value: unknown): Generator<string> {
  if (typeof value === 'string' && value.length > PIECE) {
    yield '"';
    for (let at = 0; at < value.length; at += PIECE) yield JSON.stringify(value.slice(at, at + PIECE)).slice(1, -1);
    yield '"';
  } else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    let separator = '{';
    for (const [key, member] of Object.entries(value)) {
      if (member === undefined) continue;
      yield `${separator}${JSON.stringify(key)}:`;
      yield* jsonPieces(member);
      separator = ',';
    }
    yield separator === '{' ? '{}' : '}';
  } else yield JSON.stringify(value);
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
