import { MalformedNameError, readQualifiedName } from '../../invocation/qualifiedNames.js';
import { malformedContent } from '../../http/ApiError.js';
import { quoted } from '../../http/fields.js';
import { isBase64, utf8Length } from '../../../shared/entities/codeText.js';
import { BLACKBOX, SEQUENCE, type Exec } from '../../../shared/entities/exec.js';
import { isObject, type Json, type JsonObject } from '../../../shared/entities/keyvalue.js';
import { documentId } from '../../../shared/entities/names.js';
import { imageReference, parseImageName } from '../../../shared/runtimes/image.js';
import type { Runtimes } from '../../../shared/runtimes/manifest.js';

/**
 * Reads the `exec` of an action. Its `kind` is `blackbox`, `sequence` or a kind of the manifest; `FAMILY:default`
 * becomes the family's default kind. The components of a sequence become `/namespace/name`; a placeholder `_` remains.
 * @throws ApiError 400
 */
export async function readExec(value: Json, runtimes: Runtimes): Promise<Exec> {
  if (!isObject(value)) throw malformedContent('JSON object expected');
  if (typeof value['kind'] !== 'string') throw malformedContent("'kind' must be a string defined in 'exec'");
  const kind = value['kind'].trim().toLowerCase();
  if (kind === SEQUENCE) return { kind, components: readComponents(value['components']) };
  if (kind === BLACKBOX) return readBlackbox(value);
  return readCode(value, kind, runtimes);
}

function readComponents(value: Json | undefined): string[] {
  if (value === undefined) throw malformedContent("'components' must be defined for sequence kind");
  if (!Array.isArray(value)) throw malformedContent("'components' must be an array");
  return value.map((component) => {
    try {
      return `/${documentId(readQualifiedName(component))}`;
    } catch (error) {
      if (error instanceof MalformedNameError) throw malformedContent(error.message);
      throw error;
    }
  });
}

async function readBlackbox(value: JsonObject): Promise<Exec> {
  const given = value['image'];
  if (typeof given !== 'string') {
    throw malformedContent(`'image' must be a string defined in 'exec' for '${BLACKBOX}' actions`);
  }
  const image = parseImageName(given);
  if (!image) throw malformedContent('could not parse image name');
  const main = readMain(value, BLACKBOX);
  const code = value['code'];
  const text = code === undefined ? '' : inlineCode(code);
  return {
    kind: BLACKBOX,
    image: imageReference(image),
    ...(text.trim() === '' ? { binary: false } : { code: text, binary: await isBase64(text) }),
    ...(main === undefined ? {} : { main }),
  };
}

async function readCode(value: JsonObject, kind: string, runtimes: Runtimes): Promise<Exec> {
  const runtime = runtimes.resolve(kind);
  if (!runtime) throw malformedContent(unknownKind(kind, runtimes));
  const main = readMain(value, kind);
  // Old clients send Java code as `jar`.
  const code = value['code'] ?? value['jar'];
  if (code === undefined || (!runtime.attached && typeof code !== 'string')) {
    const what = runtime.attached ? 'a string or attachment object' : 'a string';
    throw malformedContent(`'code' must be ${what} defined in 'exec' for '${kind}' actions`);
  }
  if (runtime.requireMain && main === undefined) {
    throw malformedContent(`'main' must be a string defined in 'exec' for '${kind}' actions`);
  }
  const text = inlineCode(code);
  return { kind: runtime.kind, code: text, binary: await isBase64(text), ...(main === undefined ? {} : { main }) };
}

function readMain(value: JsonObject, kind: string): string | undefined {
  const main = value['main'];
  if (main === undefined || typeof main === 'string') return main;
  throw malformedContent(`if defined, 'main' be a string in 'exec' for '${kind}' actions`);
}

/** The code as text. Only the store names attachments, so a client's reference to one is refused. */
function inlineCode(code: Json): string {
  if (typeof code === 'string') return code;
  throw malformedContent(`Could not deserialize as attachment record: ${quoted(code)}`);
}

/** The error quotes at most this many characters of an unknown kind. */
const MAX_KIND_LENGTH = 256;

function unknownKind(kind: string, runtimes: Runtimes): string {
  const known = [...runtimes.kinds.keys(), SEQUENCE, BLACKBOX].map((name) => `'${name}'`).join(', ');
  return `The specified runtime '${kind.slice(0, MAX_KIND_LENGTH)}' is not supported by this platform. Valid values are: ${known}.`;
}

/** The size in bytes of an `exec` that counts against the limit on code. */
export async function execSize(exec: Exec): Promise<number> {
  const components = exec.components ?? [];
  return (
    (typeof exec.code === 'string' ? await utf8Length(exec.code) : 0) +
    Buffer.byteLength(exec.main ?? '') +
    Buffer.byteLength(exec.image ?? '') +
    components.reduce((sum, name) => sum + Buffer.byteLength(name) - 1, 0)
  );
}
