/*
 * Starts two containers of an OCI runtime, one of them paused, prints the ids of their processes, and waits to be killed.
 */
import { readdirSync, readFileSync } from 'node:fs';
import Docker from 'dockerode';
import { RUNTIME_IMAGE } from '../../shared/runtimes/image.js';
import { ociDriver } from './ociDriver.js';

const owner = process.argv[2] ?? '';
const program = process.argv[3] === 'runc' ? 'runc' : 'crun';
const driver = ociDriver(new Docker(), owner, { program });
const start = (name: string) =>
  driver.create({
    name,
    image: { kind: 'nodejs:20', reference: RUNTIME_IMAGE, pull: false },
    memoryMB: 128,
    environment: {},
    concurrency: 1,
  });
const [, paused] = [await start('one'), await start('two')];
await paused.pause();
const bundles = `/var/lib/palette-whisk/oci/owners/${owner}/bundles`;
const pids = readdirSync(bundles).map((name) => Number(readFileSync(`${bundles}/${name}/pid`, 'utf8')));
console.log(JSON.stringify(pids));
setInterval(() => undefined, 1000);
