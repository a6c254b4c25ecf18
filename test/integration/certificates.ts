import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const NEW_KEY = ['-newkey', 'rsa:2048', '-nodes'];
const DAYS = ['-days', '2'];

/** @throws Error with what it complains about. */
export function openssl(...args: string[]): void {
  const { error, status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (error || status !== 0) throw new Error(`openssl ${args[0]}: ${error?.message ?? stderr}`);
}

/** Makes a certificate for 127.0.0.1 that has signed itself: `NAME.key`, `NAME.crt`, both in `NAME.pem`. */
export function selfSigned(folder: string, name: string): void {
  const path = (ending: string): string => join(folder, `${name}.${ending}`);
  const place = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
  openssl('req', '-x509', ...NEW_KEY, '-keyout', path('key'), '-out', path('crt'), ...place, ...DAYS);
  joined(path);
}

/** Makes the same, signed by an authority that is made for it: `ca.pem`. */
export function signed(folder: string, name: string): void {
  const path = (ending: string): string => join(folder, `${name}.${ending}`);
  const [caKey, ca] = [join(folder, 'ca.key'), join(folder, 'ca.pem')];
  openssl('req', '-x509', ...NEW_KEY, '-keyout', caKey, '-out', ca, '-subj', '/CN=test-ca', ...DAYS);
  openssl('req', ...NEW_KEY, '-keyout', path('key'), '-out', path('csr'), '-subj', `/CN=${name}`);
  writeFileSync(path('san'), 'subjectAltName=IP:127.0.0.1\n');
  const authority = ['-CA', ca, '-CAkey', caKey, '-CAcreateserial'];
  openssl('x509', '-req', ...authority, '-in', path('csr'), '-out', path('crt'), ...DAYS, '-extfile', path('san'));
  joined(path);
}

/** Puts certificate and key into a PKCS12 file, `NAME.p12`, as OpenWhisk's deployment does; with those of `more`. */
export function pkcs12(folder: string, name: string, password: string, more: readonly string[] = []): void {
  const path = (ending: string): string => join(folder, `${name}.${ending}`);
  const pair = ['-in', path('crt'), '-inkey', path('key')];
  const others = more.flatMap((file) => ['-certfile', file]);
  openssl('pkcs12', '-export', '-name', name, '-passout', `pass:${password}`, ...pair, ...others, '-out', path('p12'));
}

function joined(path: (ending: string) => string): void {
  writeFileSync(path('pem'), readFileSync(path('key'), 'utf8') + readFileSync(path('crt'), 'utf8'));
}
