import { createSecureContext, rootCertificates, type SecureContextOptions, type TlsOptions } from 'node:tls';
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
    'It has no effect: the file itself shows its type.',
  ),
  httpsClientAuth: standard(
    `CONFIG_whisk_${process}_https_clientAuth`,
    flag,
    'false',
    'Whether a client, such as a proxy, must show a certificate: the certificate of the keystore, or a certificate that it signed.',
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

/**
 * How to reach other processes of the installation over HTTPS: trusts Node's authorities, the own certificate (which
 * deployments often share), and those of a file. Shows the own certificate. Undefined: as Node.js does by itself.
 * @param authorities the file, with the name of its setting.
 * @throws ConfigurationError
 */
export function peerTlsOptions(
  table: HttpsTable,
  values: SettingValues<HttpsTable>,
  authorities: { readonly name: string; readonly path: string | undefined },
): SecureContextOptions | undefined {
  const { protocol, httpsKeystore, httpsKeystorePassword: password } = values;
  const own =
    protocol === 'http' || httpsKeystore === undefined ? undefined : readStore(table.httpsKeystore.name, httpsKeystore);
  const others = authorities.path === undefined ? undefined : readStore(authorities.name, authorities.path);
  if (!own && !others) return undefined;
  const ca = [...rootCertificates, ...(own ? [certificates(own, password)] : []), ...(others ? [others] : [])];
  try {
    createSecureContext({ ca });
  } catch (error) {
    throw new ConfigurationError(`${authorities.name} cannot be used: ${reason(error)}`, { cause: error });
  }
  return { ca, allowPartialTrustChain: true, ...(own ? keystore(own, password) : {}) };
}

function reason(error: unknown): string {
  if (codeOf(error) !== 'ERR_CRYPTO_UNSUPPORTED_OPERATION') return messageOf(error);
  return 'its encryption is too old: create it again with openssl pkcs12 -export';
}
