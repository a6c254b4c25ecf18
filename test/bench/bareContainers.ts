import Docker from 'dockerode';
import { Client } from 'undici';
import type { Json } from '../../shared/entities/keyvalue.js';

/** A container of the runtime's image, without anything of ours around it. */
export interface BareContainer {
  run(value: Json): Promise<Json>;
}

/** Starts `count` containers of an image and initializes them with `code`; `remove` takes them away. */
export async function startBareContainers(
  image: string,
  count: number,
  code: string,
): Promise<{ containers: BareContainer[]; remove: () => Promise<void> }> {
  const docker = new Docker();
  const removals: (() => Promise<unknown>)[] = [];
  const containers: BareContainer[] = [];
  for (let i = 0; i < count; i++) {
    const container = await docker.createContainer({ Image: image, HostConfig: { Memory: 256 * 1024 * 1024 } });
    await container.start();
    const { NetworkSettings: network } = await container.inspect();
    const client = new Client(`http://${network.Networks['bridge']?.IPAddress ?? ''}:8080`);
    removals.push(async () => {
      await client.close();
      await container.remove({ force: true });
    });
    await untilListening(client);
    await post(client, '/init', { value: { name: 'bench', main: 'main', code, binary: false } });
    containers.push({ run: (value) => post(client, '/run', { value }) });
  }
  return {
    containers,
    remove: async () => {
      await Promise.all(removals.map((remove) => remove()));
    },
  };
}

async function post(client: Client, path: string, body: Json): Promise<Json> {
  const answer = await client.request({
    path,
    method: 'POST',
    // The invoker asks for the ends of logs on demand, too.
    headers: { 'content-type': 'application/json', 'x-palette-logs': 'on-demand' },
    body: JSON.stringify(body),
  });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(`${path} answered ${answer.statusCode}: ${text}`);
  return JSON.parse(text) as Json;
}

async function untilListening(client: Client): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    try {
      const { body } = await client.request({ path: '/', method: 'GET' });
      await body.dump();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  throw new Error('the bare container does not listen');
}
