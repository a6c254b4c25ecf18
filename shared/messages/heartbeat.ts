import * as z from 'zod';

/** A controller's sign of life, each second (topic `controllers`, ours); the last one before an orderly end says `leaving`. */
export interface Heartbeat {
  readonly controller: string;
  readonly leaving?: boolean | undefined;
}

const schema = z.object({ controller: z.string(), leaving: z.boolean().optional() });

export const encodeHeartbeat = (beat: Heartbeat): string => JSON.stringify(beat);

/** @throws SyntaxError or ZodError on a text that is not a heartbeat. */
export const decodeHeartbeat = (text: string): Heartbeat => schema.parse(JSON.parse(text));
