import { parseArgs } from 'node:util';

export const USAGE = `Usage: npm run local -- [options]

Starts controllers and invokers as processes of this machine. They use the Kafka of KAFKA_HOSTS and the CouchDB of
COUCHDB_URL, or the engines of the tests if these variables are not set. Ctrl-C stops it, and removes all topics and
databases that it created.

  --port PORT       the port of the front, which forwards to the controllers in turns (default 3233; 0: any free port)
  --controllers N   the number of controllers (default 2)
  --invokers N      the number of invokers (default 2)
  --docker          run actions in Docker containers, or refuse to start (default if a Docker Engine answers)
  --sandbox         run actions in processes that bubblewrap isolates, or refuse to start
  --process         run actions in processes without isolation
  --memory MB       memory for action containers of each invoker (default 2048)
  --version         print the version
  --help            print this text
`;

export interface LocalOptions {
  readonly port: number;
  readonly controllers: number;
  readonly invokers: number;
  readonly driver: 'docker' | 'sandbox' | 'process' | undefined;
  readonly memoryMB: number;
}

/** @throws Error that describes the fault of the command line. */
export function parseOptions(args: readonly string[]): LocalOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: 'string', default: '3233' },
      controllers: { type: 'string', default: '2' },
      invokers: { type: 'string', default: '2' },
      docker: { type: 'boolean', default: false },
      sandbox: { type: 'boolean', default: false },
      process: { type: 'boolean', default: false },
      memory: { type: 'string', default: '2048' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const drivers = (['docker', 'sandbox', 'process'] as const).filter((name) => values[name]);
  if (drivers.length > 1) throw new Error(`choose one of --${drivers.join(' and --')}`);
  return {
    port: whole('--port', values.port, 0, 65_535),
    controllers: whole('--controllers', values.controllers, 1, 20),
    invokers: whole('--invokers', values.invokers, 1, 20),
    driver: drivers[0],
    memoryMB: whole('--memory', values.memory, 256, 1_000_000),
  };
}

function whole(option: string, text: string, min: number, max: number): number {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  if (number >= min && number <= max) return number;
  throw new Error(`${option} must be a whole number from ${min} to ${max}, not '${text}'`);
}
