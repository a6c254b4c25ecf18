/*
 * npm run bench:objects [-- --only NAMES] [--full] [--help]
 *
 * What objects cost and save, beside the goals: see `HELP`. Each row has the machine's load average. What is compared is
 * measured in turns, so that a busy machine slows both.
 */
import { parseArgs } from 'node:util';
import { measureInside } from './inside.js';
import { isRate, openOwnNetwork, runInOwnNetwork } from './network.js';
import { measureOperations } from './operations.js';
import { measurePeer } from './peer.js';
import { Report, type Context, type Driver } from './report.js';
import { measureStencil } from './stencil.js';
import { measureThread } from './thread.js';
import { measureTraining } from './training.js';
import { measureUnused } from './unused.js';

const HELP = `npm run bench:objects [-- OPTIONS]

  --only NAMES  some of these, separated by commas (default: all but thread)
                operations  at the home of a color, with ratios to Redis over loopback TCP
                inside      the operations as an action sees them, in a container at the home of its color
                peer        a get whose home is another invoker, over http and over https
                stencil     a graph with results of 4 MB on a standalone server: bytes and time, beside results in the store
                training    a round of examples/training, beside one through the store
                unused      what an installation pays that does not use objects
                thread      what objects of 64 MB cost invocations, with the thread and without
  --driver D    inside, stencil, training, unused: run actions as process (default) or docker
  --full        measure three times as long
  --network R   stencil: limit what each invoker sends and gets to a rate such as 1gbit (Linux, as root); the bytes to the
                store are not limited
  --help        print this text
`;

const MEASUREMENTS: Readonly<Record<string, (context: Context) => Promise<void>>> = {
  operations: measureOperations,
  inside: measureInside,
  peer: measurePeer,
  stencil: measureStencil,
  training: measureTraining,
  unused: measureUnused,
  thread: measureThread,
};

interface Options {
  readonly help: boolean;
  readonly full: boolean;
  readonly driver: Driver;
  readonly network: string | undefined;
  readonly only: readonly string[];
}

/** Ends the process if the command line is invalid. */
function options(): Options {
  const fail = (message: string): never => {
    process.stderr.write(`${message}\n\n${HELP}`);
    process.exit(2);
  };
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', default: 'operations,inside,peer,stencil,training,unused' },
        driver: { type: 'string', default: 'process' },
        full: { type: 'boolean', default: false },
        network: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    const { network, driver } = values;
    if (driver !== 'process' && driver !== 'docker') return fail(`--driver is process or docker, not ${driver}.`);
    if (network !== undefined && !isRate(network)) return fail(`--network takes a rate such as 1gbit, not ${network}.`);
    const only = values.only.split(',');
    const unknown = only.filter((name) => !Object.hasOwn(MEASUREMENTS, name));
    return unknown.length > 0 ? fail(`There is no ${unknown.join(', ')}.`) : { ...values, driver, network, only };
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

const { help, full, driver, network, only } = options();
if (help) console.log(HELP);
else if (network !== undefined) {
  const code = runInOwnNetwork();
  if (code === undefined) {
    openOwnNetwork();
    await measure();
  } else process.exitCode = code;
} else await measure();

async function measure(): Promise<void> {
  const report = new Report();
  const begun = performance.now();
  const progress = (text: string): void => {
    process.stderr.write(`${((performance.now() - begun) / 1000).toFixed(0).padStart(4)} s  ${text}\n`);
  };
  for (const name of only) {
    progress(name);
    await MEASUREMENTS[name]?.({ full, driver, network, progress, add: (row) => report.add(row) });
  }
  console.log(`\n${report.verdict}`);
}
