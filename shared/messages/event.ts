import * as z from 'zod';

/** The event of an activation. Durations in ms; `initTime` is 0 for a warm start; `size` of the result in bytes. */
export const activationEventSchema = z.object({
  name: z.string(),
  activationId: z.string(),
  statusCode: z.int(),
  duration: z.number(),
  waitTime: z.number(),
  initTime: z.number(),
  kind: z.string(),
  conductor: z.boolean(),
  memory: z.number(),
  causedBy: z.string().optional(),
  size: z.number().optional(),
  userDefinedStatusCode: z.number().optional(),
});
export type ActivationEvent = z.infer<typeof activationEventSchema>;

const metricEventSchema = z.object({ metricName: z.string(), metricValue: z.number() });

const envelope = {
  source: z.string(),
  subject: z.string(),
  namespace: z.string(),
  userId: z.string(),
  timestamp: z.number(),
};

/** A user event (topic `events`). */
export const eventMessageSchema = z.discriminatedUnion('eventType', [
  z.object({ eventType: z.literal('Activation'), body: activationEventSchema, ...envelope }),
  z.object({ eventType: z.literal('Metric'), body: metricEventSchema, ...envelope }),
]);
export type EventMessage = z.infer<typeof eventMessageSchema>;

export const encodeEvent = (message: EventMessage): string => JSON.stringify(message);

/** @throws SyntaxError or ZodError for an invalid message. */
export const decodeEvent = (text: string): EventMessage => eventMessageSchema.parse(JSON.parse(text));
