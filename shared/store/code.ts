import { createHash, randomUUID } from 'node:crypto';
import { bytesOfText } from '../entities/codeText.js';
import { LargeCode } from '../entities/LargeCode.js';
import { SEQUENCE, type Attached, type Exec, type ExecDocument } from '../entities/exec.js';
import { StoreError, type Attachment } from './ArtifactStore.js';

/*
 * The location of an action's code. OpenWhisk never stores a user's code as a plain string: code under 16 KB is part of
 * the attachment's name (`mem:` and base64url), larger code becomes an attachment of the document (`couch:` and its
 * name).
 */

/** The default size in bytes from which code becomes an attachment. */
export const MAX_INLINE_BYTES = 16 * 1024;

const INLINE = 'mem:';
const ATTACHMENT = 'couch:';
const TEXT = 'text/plain; charset=UTF-8';
const BYTES = 'application/octet-stream';

/** The stored form of an `exec`: the document's `exec` and an optional attachment. */
export interface StoredExec {
  readonly exec: ExecDocument;
  readonly attachment?: Attachment;
}

/** Splits an `exec` into the document's part and the attachment. @param newName makes the attachment's name. */
export async function storeCode(
  exec: Exec,
  maxInlineBytes: number = MAX_INLINE_BYTES,
  newName: () => string = randomUUID,
): Promise<StoredExec> {
  const { code, ...rest } = exec;
  // Only a sequence omits `binary`.
  const stored = exec.kind === SEQUENCE ? rest : { ...rest, binary: exec.binary ?? false };
  if (code === undefined) return { exec: stored };
  const bytes =
    code instanceof LargeCode ? await code.read() : await bytesOfText(code, exec.binary ? 'base64' : 'utf8');
  if (!bytes) throw new StoreError('the code of the action was changed meanwhile');
  const attachmentType = exec.binary ? BYTES : TEXT;
  if (bytes.length >= maxInlineBytes) {
    const name = newName();
    return {
      exec: { ...stored, code: { attachmentName: ATTACHMENT + name, attachmentType } },
      attachment: { name, contentType: attachmentType, bytes },
    };
  }
  const inline: Attached = {
    attachmentName: INLINE + paddedBase64Url(bytes),
    attachmentType,
    digest: `sha256-${createHash('sha256').update(bytes).digest('hex')}`,
    length: bytes.length,
  };
  return { exec: { ...stored, code: inline } };
}

/** The code of a stored `exec`, or the name of its attachment. */
export type CodeLocation = { readonly code: string | undefined } | { readonly attachment: string };

/** Finds the code of a stored `exec`. In old documents the attachment's name has no scheme. */
export function locateCode(exec: ExecDocument): CodeLocation {
  const { code } = exec;
  if (code === undefined || typeof code === 'string') return { code };
  const { attachmentName } = code;
  if (attachmentName.startsWith(INLINE)) {
    return { code: codeOfBytes(exec, Buffer.from(attachmentName.slice(INLINE.length), 'base64url')) };
  }
  return {
    attachment: attachmentName.startsWith(ATTACHMENT) ? attachmentName.slice(ATTACHMENT.length) : attachmentName,
  };
}

/** Converts stored bytes to `Exec.code`: text, or base64 for binary code. */
export function codeOfBytes(exec: ExecDocument, bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString(exec.binary ? 'base64' : 'utf8');
}

const paddedBase64Url = (bytes: Uint8Array): string =>
  Buffer.from(bytes).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
