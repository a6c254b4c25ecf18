import * as z from 'zod';

/**
 * A controller's heartbeat, each second (topic `controllers`, an extension). The last one before a stop has `leaving`.
 */
export interface Heartbeat {
  readonly controller: string;
  readonly leaving?: boolean | undefined;
}

const schema = z.object({ controller: z.string(), leaving: z.boolean().optional() });

export const encodeHeartbeat = (beat: Heartbeat): string => JSON.stringify(beat);

/** @throws SyntaxError or ZodError for an invalid message. */
export const decodeHeartbeat = (text: string): Heartbeat => schema.parse(JSON.parse(text));
