import type { TlsOptions } from 'node:tls';
import { certificates, keystore, readStore } from './keystore.js';
import { ConfigurationError, optional, standard, type SettingValues } from './Setting.js';
import { flag, oneOf, text } from './values.js';
import { codeOf, messageOf } from '../errors/reasons.js';

/** The protocol of a process's server, with the names of OpenWhisk's deployments. */
export const httpsSettings = (process: 'controller' | 'invoker') => ({
  protocol: standard(
    `CONFIG_whisk_${process}_protocol`,
    oneOf('http', 'https'),
    'http',
    `The protocol of the ${process}.`,
  ),
  httpsKeystore: optional(
    `CONFIG_whisk_${process}_https_keystorePath`,
    text,
    `With \`https\`: the file with the ${process}'s certificate and key, PKCS12 or PEM.`,
  ),
  httpsKeystorePassword: optional(
    `CONFIG_whisk_${process}_https_keystorePassword`,
    text,
    'The password of this file or of its key.',
    { secret: true },
  ),
  httpsKeystoreFlavor: standard(
    `CONFIG_whisk_${process}_https_keystoreFlavor`,
    oneOf('PKCS12', 'PEM'),
    'PKCS12',
    'The type of this file. It is ignored, since the file itself shows its type.',
  ),
  httpsClientAuth: standard(
    `CONFIG_whisk_${process}_https_clientAuth`,
    flag,
    'false',
    'Whether clients, such as a proxy, need a certificate: the one of the keystore, or one signed by a certificate in it.',
  ),
});

type HttpsTable = ReturnType<typeof httpsSettings>;

/** The options of an HTTPS server; undefined for HTTP. @throws ConfigurationError if the keystore is not usable. */
export function httpsOptions(table: HttpsTable, values: SettingValues<HttpsTable>): TlsOptions | undefined {
  if (values.protocol === 'http') return undefined;
  const { name, about } = table.httpsKeystore;
  if (values.httpsKeystore === undefined) throw new ConfigurationError(`${name} is missing: ${about}`);
  const file = readStore(name, values.httpsKeystore);
  try {
    const own = certificates(file, values.httpsKeystorePassword);
    const options = keystore(file, values.httpsKeystorePassword);
    if (!values.httpsClientAuth) return options;
    // Trust the certificates themselves, even if they are not self-signed.
    return { ...options, ca: own, allowPartialTrustChain: true, requestCert: true, rejectUnauthorized: true };
  } catch (error) {
    throw new ConfigurationError(`${name} cannot be used: ${reason(error)}`, { cause: error });
  }
}

function reason(error: unknown): string {
  if (codeOf(error) !== 'ERR_CRYPTO_UNSUPPORTED_OPERATION') return messageOf(error);
  return 'its encryption is too old: create it again with openssl pkcs12 -export';
}
