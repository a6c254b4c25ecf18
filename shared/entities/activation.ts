import * as z from 'zod';
import { jsonSchema, keyValueSchema, type Json, type KeyValue } from './keyvalue.js';

/** The status codes of activations in records and messages. The API turns `statusCode` into `status` and `success`. */
export const StatusCode = { success: 0, applicationError: 1, developerError: 2, whiskError: 3 } as const;
export type StatusCode = (typeof StatusCode)[keyof typeof StatusCode];

/** The API's text for each status code. */
export const STATUS_NAMES = ['success', 'application error', 'action developer error', 'whisk internal error'] as const;

export interface ActivationResponse {
  statusCode: StatusCode;
  result?: Json | undefined;
  /** The size of the result's JSON in bytes; missing after a crash, a timeout or a failed pull. */
  size?: number | undefined;
}

/**
 * The record of an activation, for acknowledgements and (with `_id`, `entityType`, `updated`) the store. Times in ms.
 */
export interface ActivationRecord {
  activationId: string;
  namespace: string;
  name: string;
  version: string;
  subject: string;
  publish: boolean;
  start: number;
  /** 0 for a trigger. */
  end: number;
  /** Missing for a trigger. */
  duration?: number | undefined;
  cause?: string | undefined;
  response: ActivationResponse;
  logs: string[];
  annotations: KeyValue[];
}

export const activationRecordSchema = z.object({
  activationId: z.string(),
  namespace: z.string(),
  name: z.string(),
  version: z.string().default('0.0.1'),
  subject: z.string(),
  publish: z.boolean().default(false),
  start: z.number(),
  end: z.number().default(0),
  duration: z.number().optional(),
  cause: z.string().optional(),
  response: z.object({
    statusCode: z.union([z.literal(0), z.literal(1), z.literal(2), z.literal(3)]),
    result: jsonSchema.optional(),
    size: z.number().optional(),
  }),
  logs: z.array(z.string()).default([]),
  annotations: z.array(keyValueSchema).default([]),
});

export type ActivationDocument = ActivationRecord & {
  _id: string;
  _rev?: string | undefined;
  entityType: 'activation';
  updated: number;
};

/** The document of a record, with the id `namespace/activationId`. */
export function activationDocument(record: ActivationRecord, now: number): ActivationDocument {
  return { _id: `${record.namespace}/${record.activationId}`, entityType: 'activation', ...record, updated: now };
}
