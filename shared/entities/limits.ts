import * as z from 'zod';

/** The limits in an action's document: `timeout` in ms, `memory` and `logs` in MB. */
export const actionLimitsSchema = z.object({
  timeout: z.number(),
  memory: z.number(),
  logs: z.number(),
  concurrency: z.number().default(1),
  instances: z.number().optional(),
});
export interface ActionLimits {
  timeout: number;
  memory: number;
  logs: number;
  concurrency: number;
  instances?: number | undefined;
}
