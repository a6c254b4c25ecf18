// What the examples share: a client, and the deployment of an example's actions.
import { readFileSync } from 'node:fs';
import openwhisk from 'openwhisk';

const GUEST = '23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP';

/** The client of the server in the environment, or of this machine. */
export function connect() {
  return openwhisk({
    apihost: process.env.__OW_API_HOST ?? 'http://127.0.0.1:3233',
    api_key: process.env.__OW_API_KEY ?? GUEST,
  });
}

/** Deploys `names` from the folder of a module. */
export async function deploy(client, moduleUrl, names, annotations = {}) {
  for (const name of names) {
    const action = readFileSync(new URL(`${name}.js`, moduleUrl), 'utf8');
    await client.actions.update({ name: `example-${name}`, action, kind: 'nodejs:default', annotations });
  }
}

/** Invokes an action and resolves to its result. @param color undefined: none */
export async function invoke(client, name, params = {}, color) {
  const headers = color === undefined ? {} : { 'X-OpenWhisk-Color': color };
  const { response } = await client.actions.invoke({ name: `example-${name}`, params, blocking: true, headers });
  return response.result;
}

/** Removes the objects of earlier runs. */
export async function forget(client, colors) {
  await deploy(client, import.meta.url, ['forget']);
  await invoke(client, 'forget', { colors });
}
