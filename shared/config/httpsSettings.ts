import type { TlsOptions } from 'node:tls';
import { certificates, keystore, readStore } from './keystore.js';
import { ConfigurationError, optional, standard, type SettingValues } from './Setting.js';
import { flag, oneOf, text } from './values.js';

/** How the server of a process speaks, by the names that OpenWhisk's deployments use. */
export const httpsSettings = (process: 'controller' | 'invoker') => ({
  protocol: standard(
    `CONFIG_whisk_${process}_protocol`,
    oneOf('http', 'https'),
    'http',
    `How the ${process} is spoken to.`,
  ),
  httpsKeystore: optional(
    `CONFIG_whisk_${process}_https_keystorePath`,
    text,
    `With \`https\`: the file of the ${process}'s certificate and key, PKCS12 or PEM.`,
  ),
  httpsKeystorePassword: optional(
    `CONFIG_whisk_${process}_https_keystorePassword`,
    text,
    'Password of that file, or of the key in it.',
    { secret: true },
  ),
  httpsKeystoreFlavor: standard(
    `CONFIG_whisk_${process}_https_keystoreFlavor`,
    oneOf('PKCS12', 'PEM'),
    'PKCS12',
    'What kind of file it is; which of the two is seen in the file itself.',
  ),
  httpsClientAuth: standard(
    `CONFIG_whisk_${process}_https_clientAuth`,
    flag,
    'false',
    'Whether clients, such as a proxy, have to show a certificate too: that of the keystore, or one that a certificate in it has signed.',
  ),
});

type HttpsTable = ReturnType<typeof httpsSettings>;

/** How an HTTPS server is made; undefined where it shall be HTTP. @throws ConfigurationError where the keystore is of no use. */
export function httpsOptions(table: HttpsTable, values: SettingValues<HttpsTable>): TlsOptions | undefined {
  if (values.protocol === 'http') return undefined;
  const { name, about } = table.httpsKeystore;
  if (values.httpsKeystore === undefined) throw new ConfigurationError(`${name} is missing: ${about}`);
  const file = readStore(name, values.httpsKeystore);
  try {
    const own = certificates(file, values.httpsKeystorePassword);
    const options = keystore(file, values.httpsKeystorePassword);
    if (!values.httpsClientAuth) return options;
    // A certificate that is trusted itself need not have signed itself.
    return { ...options, ca: own, allowPartialTrustChain: true, requestCert: true, rejectUnauthorized: true };
  } catch (error) {
    throw new ConfigurationError(`${name} cannot be used: ${reason(error as NodeJS.ErrnoException)}`, { cause: error });
  }
}

function reason({ code, message }: NodeJS.ErrnoException): string {
  if (code !== 'ERR_CRYPTO_UNSUPPORTED_OPERATION') return message;
  return 'its encryption is too old: make it anew with openssl pkcs12 -export';
}
