import * as z from 'zod';
import { jsonSchema, type Json, type KeyValue } from '../../../shared/entities/keyvalue.js';
import { CommandError } from './CommandError.js';

const annotationsSchema = z.array(z.object({ key: z.string(), value: jsonSchema.default(null) })).default([]);

/** The fields of an entity in a list that this program uses. */
const listedSchema = z.object({
  namespace: z.string(),
  name: z.string(),
  publish: z.boolean().default(false),
  annotations: annotationsSchema,
  status: z.string().default(''),
});

export type Listed = z.infer<typeof listedSchema>;

/** The fields of an activation in a list that this program uses. Times in ms since the epoch. */
const activationRowSchema = z.object({
  namespace: z.string(),
  name: z.string(),
  version: z.string().default('0.0.1'),
  activationId: z.string(),
  start: z.number(),
  end: z.number().default(0),
  duration: z.number().default(0),
  statusCode: z.number().default(0),
  annotations: annotationsSchema,
});

export type ActivationRow = z.infer<typeof activationRowSchema>;

/** The fields of an activation's record that this program uses. */
const activationSchema = z.object({
  activationId: z.string(),
  namespace: z.string().default(''),
  name: z.string(),
  start: z.number().default(0),
  end: z.number().default(0),
  logs: z.array(z.string()).default([]),
  annotations: annotationsSchema,
  response: z.object({
    status: z.string().default('success'),
    success: z.boolean().default(true),
    result: jsonSchema.optional(),
  }),
});

export type Activation = z.infer<typeof activationSchema>;

/** @throws CommandError if the server's answer is not a list of entities. */
export const listedEntities = (body: Json): Listed[] => parsed(z.array(listedSchema), body);
export const activationRows = (body: Json): ActivationRow[] => parsed(z.array(activationRowSchema), body);
export const activationOf = (body: Json): Activation => parsed(activationSchema, body);
export const activationsOf = (body: Json): Activation[] => parsed(z.array(activationSchema), body);
export const annotationsIn = (body: Json): KeyValue[] =>
  parsed(z.object({ annotations: annotationsSchema }), body).annotations;
export const activationIdIn = (body: Json): string | undefined =>
  z.object({ activationId: z.string() }).safeParse(body).data?.activationId;
export const namespacesOf = (body: Json): string[] => parsed(z.array(z.string()), body);

function parsed<T>(schema: z.ZodType<T>, body: Json): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw new CommandError('the answer of the server does not match the API: is --apihost an OpenWhisk server?');
}
