import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Json, KeyValue } from '../entities/keyvalue.js';
import { parseJson } from '../entities/keyvalue.js';

/*
 * The encryption of stored parameters of actions and packages, in OpenWhisk's format. An encrypted value is the base64
 * of
 *
 *   length of the nonce (4 bytes, big endian) | nonce | AES-GCM ciphertext of the value as JSON | tag (16 bytes)
 *
 * The parameter has the cipher's name in `encryption`. The nonce has 12 bytes for `aes-128` and 128 for `aes-256`.
 * Values stay encrypted in controllers and on the bus; the invoker decrypts them just before it runs the action.
 */

export interface EncryptionConfig {
  /** The cipher for new values: `off` (or `noop`), `aes-128`, `aes-256`. */
  readonly current: string;
  /** Keys in base64. The key of a former cipher is needed as long as values use it. */
  readonly aes128?: string | undefined;
  readonly aes256?: string | undefined;
}

/** Encrypts parameters for the store. */
export interface ParameterLock {
  /** Encrypts all values that are not encrypted yet. */
  lock(parameters: readonly KeyValue[]): KeyValue[];
}

/**
 * Removes `encryption` from parameters that differ from the stored document, since only the server may set the field.
 * Otherwise a client could make the server decrypt any value, such as the ciphertext of a secret in another user's
 * document.
 */
export function withOwnEncryption<T extends { readonly parameters: readonly KeyValue[] }>(
  document: T,
  stored: { readonly parameters: readonly KeyValue[] } | undefined,
): T {
  if (document.parameters.every(({ encryption }) => encryption === undefined)) return document;
  const own = new Map(stored?.parameters.map((parameter) => [parameter.key, parameter]));
  const parameters = document.parameters.map((parameter) => {
    const { encryption, ...plain } = parameter;
    const before = own.get(parameter.key);
    const same = before?.encryption === encryption && before?.value === parameter.value;
    return encryption === undefined || same ? parameter : plain;
  });
  return { ...document, parameters };
}

/** Decrypts the parameters of an activation. */
export interface ParameterUnlock {
  /**
   * Decrypts a value. Returns the text unchanged for the cipher `noop`.
   * @throws Error if the value was changed or has another key, or if the cipher's key is missing: an action must not get
   * a ciphertext in place of its parameter.
   */
  decrypt(cipher: string, value: string): Json;
}

interface Cipher {
  readonly algorithm: 'aes-128-gcm' | 'aes-256-gcm';
  readonly key: Buffer;
  readonly nonceBytes: number;
}

const TAG_BYTES = 16;
const CIPHERS = {
  'aes-128': { algorithm: 'aes-128-gcm', keyBytes: 16, nonceBytes: 12 },
  'aes-256': { algorithm: 'aes-256-gcm', keyBytes: 32, nonceBytes: 128 },
} as const;
type CipherName = keyof typeof CIPHERS;

/** @throws Error for an unknown cipher, or a key that is missing or has the wrong length. */
export function parameterEncryption(config: EncryptionConfig): ParameterLock & ParameterUnlock {
  const ciphers = new Map<string, Cipher>();
  if (config.aes128) ciphers.set('aes-128', cipher('aes-128', config.aes128));
  if (config.aes256) ciphers.set('aes-256', cipher('aes-256', config.aes256));
  const name = config.current.toLowerCase();
  const off = name === '' || name === 'off' || name === 'noop';
  const current = ciphers.get(name);
  if (!off && !current) throw new Error(`parameter encryption '${config.current}' is unknown, or its key is missing`);
  return {
    lock: (parameters) =>
      parameters.map((p) => {
        if (!current || p.encryption !== undefined) return p;
        return { ...p, value: encrypt(current, p.value), encryption: name };
      }),
    decrypt(cipher, value) {
      if (cipher === 'noop') return value;
      const used = ciphers.get(cipher);
      if (!used) throw new Error(`the key for ${cipher} is missing`);
      return decrypt(used, value);
    },
  };
}

/** Neither encrypts nor decrypts. */
export const noEncryption: ParameterLock & ParameterUnlock = parameterEncryption({ current: 'off' });

function cipher(name: CipherName, keyBase64: string): Cipher {
  const { algorithm, keyBytes, nonceBytes } = CIPHERS[name];
  const key = Buffer.from(keyBase64, 'base64');
  if (key.length !== keyBytes) throw new Error(`the key for ${name} must have ${keyBytes} bytes, in base64`);
  return { algorithm, key, nonceBytes };
}

function encrypt({ algorithm, key, nonceBytes }: Cipher, value: Json): string {
  const nonce = randomBytes(nonceBytes);
  const length = Buffer.alloc(4);
  length.writeInt32BE(nonceBytes);
  const gcm = createCipheriv(algorithm, key, nonce, { authTagLength: TAG_BYTES });
  const text = [gcm.update(JSON.stringify(value), 'utf8'), gcm.final()];
  return Buffer.concat([length, nonce, ...text, gcm.getAuthTag()]).toString('base64');
}

function decrypt({ algorithm, key, nonceBytes }: Cipher, encrypted: string): Json {
  const bytes = Buffer.from(encrypted, 'base64');
  if (bytes.length < 4 + nonceBytes + TAG_BYTES || bytes.readInt32BE(0) !== nonceBytes) {
    throw new Error('an encrypted parameter is malformed');
  }
  const end = bytes.length - TAG_BYTES;
  const gcm = createDecipheriv(algorithm, key, bytes.subarray(4, 4 + nonceBytes), { authTagLength: TAG_BYTES });
  gcm.setAuthTag(bytes.subarray(end));
  const text = Buffer.concat([gcm.update(bytes.subarray(4 + nonceBytes, end)), gcm.final()]);
  return parseJson(text.toString('utf8'));
}
