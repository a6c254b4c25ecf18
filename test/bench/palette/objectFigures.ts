import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';

const figuresSchema = z.array(
  z.object({
    objects: z.number(),
    forwarded: z.number(),
    validated: z.number(),
    peerBytes: z.number(),
    storeBytes: z.number(),
  }),
);

const LIMIT_MS = 60_000;

/**
 * For each invoker the objects that it keeps, the requests that it has sent to other invokers, those of them that moved no
 * bytes, since its copy was current, and the bytes that it has exchanged with other invokers and with the store. An invoker whose objects are not in use yet may need some time.
 * @throws Error with the answer of the server if an invoker has no figures for a minute.
 */
export async function objectFigures(base: string): Promise<z.infer<typeof figuresSchema>> {
  for (const begun = performance.now(); ; await sleep(200)) {
    const response = await fetch(`${base}/palette/objects`);
    const text = await response.text();
    const figures = figuresSchema.safeParse(JSON.parse(text));
    if (figures.success) return figures.data;
    if (performance.now() - begun > LIMIT_MS) throw new Error(`the figures of objects are not complete: ${text}`);
  }
}
