/** The head of a request (https://kafka.apache.org/protocol#protocol_messages), version 1. */
export interface FrameHead {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string;
}

/** The bytes of the head, with the length in front of it. */
export const sizeOfHead = (clientId: string): number => 4 + 2 + 2 + 4 + 2 + Buffer.byteLength(clientId);

/** Writes the head to the start of a buffer, which otherwise has the body of the request. */
export function writeHead(frame: Buffer, { apiKey, apiVersion, correlationId, clientId }: FrameHead): void {
  let at = frame.writeInt32BE(frame.length - 4, 0);
  at = frame.writeInt16BE(apiKey, at);
  at = frame.writeInt16BE(apiVersion, at);
  at = frame.writeInt32BE(correlationId, at);
  at = frame.writeInt16BE(Buffer.byteLength(clientId), at);
  frame.write(clientId, at);
}
