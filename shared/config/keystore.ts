import { readFileSync } from 'node:fs';
import { Duplex } from 'node:stream';
import { createSecureContext, TLSSocket, type SecureContext, type SecureContextOptions } from 'node:tls';
import { ConfigurationError } from './Setting.js';

/** The bytes of a file of keys or certificates. @throws ConfigurationError naming the setting. */
export function readStore(setting: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new ConfigurationError(`${setting} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

export const isPem = (file: Buffer): boolean => file.includes('-----BEGIN ');

/** A certificate with its key, from a PEM or a PKCS12 file, as TLS takes it. */
export function keystore(file: Buffer, passphrase: string | undefined): SecureContextOptions {
  const options: SecureContextOptions = isPem(file) ? { cert: file, key: file } : { pfx: file };
  return passphrase === undefined ? options : { ...options, passphrase };
}

/**
 * The certificates of a keystore, as PEM. Those of a PKCS12 file that sign others TLS trusts by itself; what it has to be told
 * is the keystore's own.
 *
 * @throws Error where the file is none, or the password is another.
 */
export function certificates(file: Buffer, passphrase: string | undefined): string | Buffer {
  const context = createSecureContext(keystore(file, passphrase));
  return isPem(file) ? file : ownCertificate(context);
}

/** There is nothing that reads PKCS12 but TLS itself: what it would show to a client is the certificate. */
function ownCertificate(secureContext: SecureContext): string {
  const nowhere = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() });
  const socket = new TLSSocket(nowhere, { isServer: true, secureContext });
  const { raw } = socket.getCertificate() as { raw?: Buffer };
  socket.destroy();
  if (!raw) throw new Error('it has no certificate');
  return `-----BEGIN CERTIFICATE-----\n${raw.toString('base64')}\n-----END CERTIFICATE-----\n`;
}
