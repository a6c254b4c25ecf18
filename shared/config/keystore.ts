import { Duplex } from 'node:stream';
import { createSecureContext, TLSSocket, type SecureContext, type SecureContextOptions } from 'node:tls';
import { readBounded } from '../files/readBounded.js';
import { ConfigurationError } from './Setting.js';
import { messageOf } from '../errors/reasons.js';

/** Reads a file of keys or certificates. @throws ConfigurationError that names the setting. */
export function readStore(setting: string, path: string): Buffer {
  try {
    return readBounded(path);
  } catch (error) {
    throw new ConfigurationError(`${setting} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

export const isPem = (file: Buffer): boolean => file.includes('-----BEGIN ');

/** The certificate and key of a PEM or PKCS12 file, as options for TLS. */
export function keystore(file: Buffer, passphrase: string | undefined): SecureContextOptions {
  const options: SecureContextOptions = isPem(file) ? { cert: file, key: file } : { pfx: file };
  return passphrase === undefined ? options : { ...options, passphrase };
}

/**
 * The certificates to trust from a keystore, as PEM. TLS trusts the authorities of a PKCS12 file by itself, so this
 * returns only the keystore's own certificate for such a file.
 *
 * @throws Error if the file is not a keystore or the password is wrong.
 */
export function certificates(file: Buffer, passphrase: string | undefined): string | Buffer {
  const context = createSecureContext(keystore(file, passphrase));
  return isPem(file) ? file : ownCertificate(context);
}

/** The keystore's own certificate. Only TLS can read PKCS12, so this takes the certificate that TLS would send. */
function ownCertificate(secureContext: SecureContext): string {
  const nowhere = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() });
  const socket = new TLSSocket(nowhere, { isServer: true, secureContext });
  const certificate = socket.getCertificate();
  socket.destroy();
  if (!certificate || !('raw' in certificate)) throw new Error('it has no certificate');
  return `-----BEGIN CERTIFICATE-----\n${certificate.raw.toString('base64')}\n-----END CERTIFICATE-----\n`;
}
