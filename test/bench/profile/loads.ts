import type { BenchServer } from '../server.js';

/** The calls at a time. */
export const CONNECTIONS = 8;

/** What is offered to a server. */
export interface Load {
  readonly name: string;
  /** Sends so many calls, and waits for their end. */
  run(server: BenchServer, calls: number): Promise<void>;
}

const NODE = { kind: 'nodejs:default' };

/** Makes the actions that the loads invoke. */
export async function createActions(server: BenchServer): Promise<void> {
  const code = "function main(args) { return { greeting: 'Hello ' + (args.name || 'stranger') + '!' }; }";
  await server.request('PUT', '/actions/hello?overwrite=true', { exec: { ...NODE, code } });
}

async function connections(calls: number, call: () => Promise<unknown>): Promise<void> {
  let begun = 0;
  const one = async (): Promise<void> => {
    while (begun++ < calls) await call();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, one));
}

/** Invokes the action, and waits for its result. @throws Error for another result */
export async function callOnce(server: BenchServer): Promise<void> {
  const answer = await server.request('POST', '/actions/hello?blocking=true&result=true', { name: 'bench' });
  if (answer['greeting'] !== 'Hello bench!') throw new Error(`unexpected result ${JSON.stringify(answer)}`);
}

const blocking: Load = {
  name: 'blocking',
  run: (server, calls) => connections(calls, () => callOnce(server)),
};

/** Until all accepted activations have run, so that a call is the whole of it. */
const nonBlocking: Load = {
  name: 'non-blocking',
  async run(server, calls) {
    await connections(calls, () => server.request('POST', '/actions/hello', { name: 'bench' }));
    // Activations of an action start in the order of their acceptance.
    let last: object;
    do last = await server.request('POST', '/actions/hello?blocking=true&result=true', { name: 'last' });
    while ('activationId' in last);
  },
};

export const LOADS: readonly Load[] = [blocking, nonBlocking];
