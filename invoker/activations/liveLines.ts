import type { LineListener } from '../containers/ContainerDriver.js';

/** A line of a log, told while its activation runs. */
export interface LiveLine {
  readonly activationId: string;
  /** The action, `namespace/package/name`. */
  readonly path: string;
  /** The line as in the record (`TIMESTAMP stdout: text`), cut to `MAX_LIVE_LENGTH` characters. */
  readonly line: string;
  /** False if the line may belong to another activation that runs in the same container. */
  readonly sure: boolean;
}

/** A longer line is cut. */
export const MAX_LIVE_LENGTH = 2100;

/** The most lines of an activation that are told in a second. The others are in its record only. */
const MAX_PER_SECOND = 200;

/** A listener that tells the lines of an activation, so many in a second. @param now the time in ms. */
export function liveLines(
  { activationId, path }: Pick<LiveLine, 'activationId' | 'path'>,
  tell: (line: LiveLine) => void,
  now: () => number,
): LineListener {
  let second: { readonly number: number; told: number } | undefined;
  return (line, sure) => {
    const number = Math.floor(now() / 1000);
    if (second?.number !== number) second = { number, told: 0 };
    second.told += 1;
    if (second.told <= MAX_PER_SECOND) tell({ activationId, path, line: line.slice(0, MAX_LIVE_LENGTH), sure });
  };
}
