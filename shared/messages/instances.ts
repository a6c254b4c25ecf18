import * as z from 'zod';

/** An invoker in pings and acknowledgements. `userMemory` is a size such as `"2147483648 B"`. */
export const invokerInstanceSchema = z.object({
  instance: z.int(),
  instanceType: z.literal('invoker').default('invoker'),
  uniqueName: z.string().optional(),
  displayedName: z.string().optional(),
  userMemory: z.string(),
  busyMemory: z.string().optional(),
  tags: z.array(z.string()).default([]),
  dedicatedNamespaces: z.array(z.string()).default([]),
});
export interface InvokerInstance {
  instance: number;
  instanceType: 'invoker';
  uniqueName?: string | undefined;
  displayedName?: string | undefined;
  userMemory: string;
  busyMemory?: string | undefined;
  tags: string[];
  dedicatedNamespaces: string[];
}

/** A controller in activation messages. Its acknowledgements go to the topic `completed` + `asString`. */
export const controllerInstanceSchema = z.object({
  asString: z.string(),
  instanceType: z.literal('controller').default('controller'),
});
export interface ControllerInstance {
  asString: string;
  instanceType: 'controller';
}

const MB = 1024 * 1024;
const UNITS: Record<string, number> = { B: 1, K: 1024, KB: 1024, M: MB, MB, G: 1024 * MB, GB: 1024 * MB };

/** Parses a size such as `"2147483648 B"`, `"256 MB"` or `"1 g"` into bytes; undefined if it is not a size. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+)\s?([A-Za-z]+)$/.exec(text.trim());
  const unit = match?.[2] && UNITS[match[2].toUpperCase()];
  return match?.[1] && unit ? Number(match[1]) * unit : undefined;
}

/** Makes an invoker instance with `userMemoryMB` MB for containers. */
export function invokerInstance(instance: number, uniqueName: string, userMemoryMB: number): InvokerInstance {
  return {
    instance,
    instanceType: 'invoker',
    uniqueName,
    userMemory: `${userMemoryMB * MB} B`,
    tags: [],
    dedicatedNamespaces: [],
  };
}
