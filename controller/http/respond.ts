import type { ServerResponse } from 'node:http';
import { pipeline, Readable } from 'node:stream';
import { jsonCodePieces } from '../../shared/entities/codeText.js';
import { nextTurn } from '../../shared/entities/turns.js';
import type { Json } from '../../shared/entities/keyvalue.js';

/** A value that is sent as JSON. It includes interfaces, which TypeScript does not assign to `Json`. */
export type JsonBody = Json | object;

/** Sends a JSON response. */
export function sendJson(res: ServerResponse, status: number, body: JsonBody): void {
  const text = JSON.stringify(body);
  res.statusCode = status;
  res.setHeader('Content-Type', 'application/json');
  const bytes = Buffer.byteLength(text);
  res.setHeader('Content-Length', bytes);
  // Node.js copies ASCII faster as Latin-1.
  res.end(text, bytes === text.length ? 'latin1' : 'utf8');
}

/** Like `sendJson`, for objects with texts of megabytes: writes in pieces, at the speed of the client. */
export function sendJsonInPieces(res: ServerResponse, status: number, body: JsonBody): void {
  res.statusCode = status;
  res.setHeader('Content-Type', 'application/json');
  // A client that disconnects is not an error.
  pipeline(Readable.from(bytePieces(body)), res, () => {});
}

/** Code of an action as its bytes, to be sent as a JSON string: text in UTF-8, or a binary in base64. */
export class CodeBytes {
  readonly bytes: Uint8Array;
  readonly binary: boolean;

  constructor(bytes: Uint8Array, binary: boolean) {
    this.bytes = bytes;
    this.binary = binary;
  }
}

/** The pieces as bytes, which the socket takes without a copy. Other requests get a turn after each piece. */
async function* bytePieces(body: JsonBody): AsyncGenerator<Buffer> {
  for (const piece of jsonPieces(body)) {
    yield typeof piece === 'string' ? Buffer.from(piece) : piece;
    if (piece.length > SHORT) await nextTurn();
  }
}

const SHORT = 1024;
const PIECE = 256 * 1024;

/** The JSON text of a value. Long texts in objects, and code as bytes, are yielded in pieces. */
export function* jsonPieces(value: unknown): Generator<string | Buffer> {
  if (value instanceof CodeBytes) {
    yield '"';
    yield* jsonCodePieces(value.bytes, value.binary);
    yield '"';
  } else if (typeof value === 'string' && value.length > PIECE) {
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

/** Sends a response without a body. */
export function sendEmpty(res: ServerResponse, status: number): void {
  res.statusCode = status;
  res.end();
}

/** Responds to a change with the new entity, or without a body if the installation disables the payload. */
export function sendChanged(res: ServerResponse, entity: JsonBody, withPayload: boolean): void {
  if (withPayload) sendJson(res, 200, entity);
  else sendText(res, 200, 'OK');
}

/** Responds to a deletion with the deleted entity, or without a body. */
export function sendDeleted(res: ServerResponse, entity: JsonBody, withPayload: boolean): void {
  if (withPayload) sendJson(res, 200, entity);
  else sendEmpty(res, 204);
}

export const ACTIVATION_ID_HEADER = 'x-openwhisk-activation-id';
