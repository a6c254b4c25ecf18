/*
 * Checks whether the process of a container answers: `node dist/deploy/docker/healthcheck.js controller|invoker`, with
 * the environment of the process. If the process requires a client certificate, the check presents the process's own
 * certificate.
 */
import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';
import { environment } from '../../shared/config/environment.js';
import { httpsOptions, httpsSettings } from '../../shared/config/httpsSettings.js';
import { PROCESS_SETTINGS } from '../../shared/config/processSettings.js';
import { readSettings } from '../../shared/config/Setting.js';

const https = httpsSettings(process.argv[2] === 'invoker' ? 'invoker' : 'controller');
const { port, ...values } = readSettings({ port: PROCESS_SETTINGS.port, ...https }, environment());
const tls = httpsOptions(https, values);
const place = { host: '127.0.0.1', port, path: '/ping' };
// The certificate does not contain the name localhost.
const asked = tls ? getHttps({ ...place, ...tls, rejectUnauthorized: false }) : getHttp(place);
asked.once('response', ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1));
asked.once('error', () => process.exit(1));
