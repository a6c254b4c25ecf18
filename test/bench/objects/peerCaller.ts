/* The process that reads objects of another invoker: see `peer.ts`. */
import { connect } from '../../../shared/objects/client/index.js';
import { latencies, timed } from '../statistics.js';

export interface PeerTask {
  /** The object servers of an invoker that is not the home, and of the home. */
  readonly reader: { readonly url: string; readonly token: string };
  readonly home: { readonly url: string; readonly token: string };
  readonly rounds: number;
}

/** Medians in ms. */
export interface PeerFigures {
  /** Each read moves the bytes. */
  readonly movedMs: number;
  /** The reader has a copy, and asks whether it is current. */
  readonly validatedMs: number;
  /** At the home. */
  readonly localMs: number;
}

const GETS = 100;
/** The first rounds, in which the compiler still works. */
const WARM_ROUNDS = 30;
const BYTES = 64 * 1024;

async function main({ reader, home, rounds }: PeerTask): Promise<PeerFigures> {
  const [away, here] = [connect(reader.url, reader.token), connect(home.url, home.token)];
  const read = async (objects: typeof away, version: number): Promise<void> => {
    const found = await objects.get('c', 'k');
    if (!Buffer.isBuffer(found) || found.length !== BYTES || found.readUInt32BE(0) !== version) {
      throw new Error('the object is not whole, or not the current one');
    }
  };
  let version = 0;
  const change = async (): Promise<void> => {
    const body = Buffer.alloc(BYTES, 'x');
    body.writeUInt32BE(++version, 0);
    await here.put('c', 'k', body);
  };
  const moved: number[] = [];
  const validated: number[] = [];
  const local: number[] = [];
  for (let round = -WARM_ROUNDS; round < rounds; round++) {
    const samples: number[] = [];
    for (let n = 0; n < GETS; n++) {
      await change();
      samples.push(...(await timed(1, () => read(away, version))));
    }
    const again = await timed(GETS, () => read(away, version));
    const near = await timed(GETS, () => read(here, version));
    if (round < 0) continue;
    moved.push(...samples);
    validated.push(...again);
    local.push(...near);
  }
  away.close();
  here.close();
  const [movedMs, validatedMs, localMs] = [moved, validated, local].map((samples) => latencies(samples).p50);
  return { movedMs: movedMs ?? NaN, validatedMs: validatedMs ?? NaN, localMs: localMs ?? NaN };
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `peer.ts` starts it
const answer = await main(JSON.parse(process.argv[2] ?? '') as PeerTask);
process.send?.(answer, () => process.exit(0));
