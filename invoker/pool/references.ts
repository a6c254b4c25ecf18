import type { Json } from '../../shared/entities/keyvalue.js';
import { KEEP_NONE, type MessageReferences } from '../../shared/messages/references.js';
import { ObjectError } from '../../shared/objects/ObjectError.js';
import { objectPath, type ObjectAddress } from '../../shared/objects/objectPath.js';
import { referenceTo } from '../../shared/objects/reference.js';
import type { Share } from '../../shared/process/MemoryShares.js';
import { nextTurn } from '../../shared/entities/turns.js';
import type { ActivationResponse } from '../../shared/entities/activation.js';
import { applicationError } from '../activations/response.js';
import * as texts from '../activations/texts.js';
import type { BodyInPieces, PostOptions, RequestBody } from '../containers/ContainerDriver.js';
import type { ReadObject } from '../objects/ObjectAccess.js';
import type { ReferenceParts } from '../objects/ReferenceParts.js';
import { readJsonText } from '../objects/jsonText.js';
import {
  asJson,
  cutAtReferences,
  TooManyReferencesError,
  wholeReference,
  type WholeReference,
} from '../objects/references.js';
import type { Job } from './Job.js';
import { RUN_HEAD, runBody, runTail } from './protocol.js';

/** The largest request to a runtime, and the largest result that is kept as an object, in bytes: that of our runtimes. */
const MAX_REFERENCED_BYTES = 48 * 1024 * 1024 - 64 * 1024;

/** The parameters refer to an object that is missing, too large, malformed or not available. The message is for the user. */
export class UnresolvedReferenceError extends Error {
  override readonly name = 'UnresolvedReferenceError';
}

/**
 * The body of `/run` in which the objects have the places of their references.
 * @param share gets the memory for the objects.
 * @throws UnresolvedReferenceError
 */
export async function referencedBody(
  { access, namespace }: ReferenceParts,
  job: Job,
  references: MessageReferences,
  parameters: Json,
  deadline: number,
  share: Share,
): Promise<RequestBody> {
  const { message, action } = job;
  const whole = inWords(() => wholeReference(parameters));
  const cut = whole ? { texts: ['', ''], addresses: [whole.address] } : inWords(() => cutAtReferences(parameters));
  if (!cut) return runBody(message, action, parameters, deadline);
  const objects = await readAll(cut.addresses, (address, { maxBytes, admit }) =>
    access.read(namespace(message.user), address, references.policy, {
      maxBytes,
      admit: async (length) => {
        await share.take(length);
        admit(length);
      },
    }),
  );
  const parts = whole
    ? await withFields(objects, whole, new Set(references.preset))
    : cut.texts.flatMap((text, i): Part[] => [{ bytes: Buffer.from(text) }, ...objects.slice(i, i + 1)]);
  const tail = Buffer.from(runTail(message, action, deadline));
  return inPieces([{ bytes: Buffer.from(RUN_HEAD) }, ...parts, { bytes: tail }]);
}

/**
 * The parameters of an object that stands for all of them: its fields, and those beside it. A list replaces them, as it
 * does without a reference.
 * @param preset those that the fields of the object override. All others override its fields: they come last.
 * @throws UnresolvedReferenceError if it is neither an object nor a list.
 */
async function withFields(
  [object = NOTHING]: readonly Part[],
  { address, others }: WholeReference,
  preset: ReadonlySet<string>,
): Promise<Part[]> {
  const { bytes } = object;
  const json = await readJsonText(bytes, preset);
  if (!json || json.kind === 'other') {
    throw new UnresolvedReferenceError(texts.unresolvedReference(shown(address), texts.noParameters));
  }
  const more = Object.entries(others).filter(([name]) => !json.fields.has(name));
  if (json.kind === 'array' || more.length === 0) return [object];
  const rest = JSON.stringify(Object.fromEntries(more)).slice(1);
  const begun = { ...object, bytes: bytes.subarray(0, bytes.lastIndexOf('}')) };
  return [begun, { bytes: Buffer.from(`${json.empty ? '' : ','}${rest}`) }];
}

/** A part of a body. */
interface Part {
  readonly bytes: Buffer;
  /** Called when nobody reads the bytes any more. */
  readonly release?: () => void;
}

/** What a read of an object needs: the room for it, and a call when its memory is there and its bytes come. */
interface Reading {
  readonly maxBytes: number;
  readonly admit: (bytes: number) => void;
}

/**
 * Reads objects as JSON, each once. The next one begins while the bytes of the one before come, so that an activation
 * waits for memory with one read at a time. Rejects when no read is under way any more.
 * @throws UnresolvedReferenceError
 */
async function readAll(
  addresses: readonly ObjectAddress[],
  read: (address: ObjectAddress, reading: Reading) => Promise<ReadObject>,
): Promise<Part[]> {
  const reads = new Map<string, Promise<Part>>();
  let left = MAX_REFERENCED_BYTES;
  const begin = (address: ObjectAddress, begun: () => void): Promise<Part> => {
    const admit = (bytes: number): void => {
      left -= bytes;
      begun();
    };
    return read(address, { maxBytes: left, admit })
      .then(jsonOf)
      .catch((error: unknown) => {
        const text = texts.unresolvedReference(shown(address), reasonOf(error));
        throw new UnresolvedReferenceError(text, { cause: error });
      });
  };
  try {
    for (const address of addresses) {
      const place = objectPath(address.color, address.key);
      if (reads.has(place)) continue;
      await new Promise<void>((resolve, reject) => {
        const reading = begin(address, resolve);
        reads.set(place, reading);
        reading.then(() => resolve(), reject);
      });
    }
    await Promise.all(reads.values());
  } catch (error) {
    await Promise.allSettled(reads.values());
    throw error;
  }
  const found = new Map<string, Part>();
  for (const [place, reading] of reads) found.set(place, await reading);
  const objects = addresses.map(({ color, key }) => found.get(objectPath(color, key)) ?? NOTHING);
  const bytes = objects.reduce((sum, part) => sum + part.bytes.length, 0);
  if (bytes > MAX_REFERENCED_BYTES) throw new UnresolvedReferenceError(texts.referencesTooLarge(MAX_REFERENCED_BYTES));
  return objects;
}

const NOTHING: Part = { bytes: Buffer.alloc(0) };

/**
 * An object as JSON. Its bytes must be one value of it: others could end the place of the reference, and replace
 * parameters beside it that its writer may not set.
 */
async function jsonOf({ bytes, contentType, release }: ReadObject): Promise<Part> {
  const json = asJson(bytes, contentType);
  if (json !== bytes) {
    release?.();
    return { bytes: json };
  }
  if (!(await readJsonText(bytes))) {
    release?.();
    throw new Error(texts.invalidJson(contentType));
  }
  return release ? { bytes, release } : { bytes };
}

/** The bytes that one piece writes before other work gets its turn. */
const PIECE_BYTES = 1024 * 1024;

/** The body of one request: large objects are released as soon as they are written, so it is not sent twice. */
function inPieces(parts: readonly Part[]): BodyInPieces {
  const last = new Map(parts.map((part, i) => [part, i]));
  return {
    bytes: parts.reduce((sum, { bytes }) => sum + bytes.length, 0),
    async *pieces() {
      for (const [i, part] of parts.entries()) {
        const { bytes, release } = part;
        for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
          yield bytes.subarray(at, at + PIECE_BYTES);
          if (bytes.length > PIECE_BYTES) await nextTurn();
        }
        // The system has all its bytes, since the next piece is asked for: see `BodyInPieces.pieces`.
        if (last.get(part) === i) release?.();
      }
    },
  };
}

/** Which results are kept as bytes. @param limit the limit on other results, in bytes. */
export function largeResults(
  { over }: MessageReferences,
  share: Share,
  limit: number,
): Pick<PostOptions, 'large' | 'maxResponseBytes'> {
  if (over >= KEEP_NONE) return { maxResponseBytes: limit };
  return {
    maxResponseBytes: MAX_REFERENCED_BYTES,
    large: { over: Math.min(over, limit), admit: (bytes) => share.take(bytes) },
  };
}

/**
 * Whether a large response with status 200 is a result to keep: JSON, and not an error, which is an object with a field
 * `error`.
 */
export async function isResult(bytes: Buffer): Promise<boolean> {
  const json = await readJsonText(bytes, ERROR);
  return json !== undefined && json.kind !== 'other' && json.fields.size === 0;
}

const ERROR = new Set(['error']);

/** Keeps a large result as an object. The response has a reference in its place. */
export async function keptResult(
  { access, namespace }: ReferenceParts,
  job: Job,
  { persistence, ttlMs, policy }: MessageReferences,
  bytes: Buffer,
): Promise<ActivationResponse> {
  const { activationId, color, user } = job.message;
  const address = { color: color?.value ?? activationId, key: `results/${activationId}` };
  // The write takes the bytes over.
  const { length } = bytes;
  try {
    await access.write(namespace(user), address, policy, {
      bytes,
      contentType: 'application/json',
      persistence,
      ttlMs,
    });
  } catch (error) {
    return applicationError(texts.resultNotKept(length, reasonOf(error)), length);
  }
  return { statusCode: 0, result: referenceTo(address, length), size: length };
}

function inWords<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ObjectError || error instanceof TooManyReferencesError) {
      throw new UnresolvedReferenceError(error.message, { cause: error });
    }
    throw error;
  }
}

const shown = ({ color, key }: ObjectAddress): string => `${color}/${key}`.slice(0, 200);

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
