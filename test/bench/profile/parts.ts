import * as z from 'zod';

/** What of a .cpuprofile is read here. */
const profileSchema = z.object({
  nodes: z.array(z.object({ id: z.number(), callFrame: z.object({ functionName: z.string(), url: z.string() }) })),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
});

export interface PartsOfProfile {
  /** The share of each part in the time in which the thread was busy, the largest first. */
  readonly busy: ReadonlyMap<string, number>;
  /** The share of idle time in all time. */
  readonly idle: number;
}

const IDLE = 'idle';
/** Native functions that have a row of their own: what a server hands to the kernel. */
const NATIVE_ROWS = new Set(['writev', 'writeUtf8String', 'writeLatin1String', 'writeBuffer', 'writeAsciiString']);

/**
 * The part of the program that a frame belongs to: a folder of ours (`controller/http`), a package, a module of Node.js
 * (`node:http`), a native function that writes, the collection of garbage, other native code, or idle.
 * @param root the folder of the compiled program as a URL, with a slash at its end
 */
export function partOf(
  { functionName, url }: { readonly functionName: string; readonly url: string },
  root: string,
): string {
  if (url === '') {
    if (functionName === '(idle)') return IDLE;
    if (functionName === '(garbage collector)') return 'garbage collection';
    // The start and the end of the profile itself.
    if (functionName === 'dispatch') return IDLE;
    return NATIVE_ROWS.has(functionName) ? `native ${functionName}` : 'native, other';
  }
  if (url.startsWith('node:')) return `node:${moduleOf(url)}`;
  const inPackage = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url);
  if (inPackage) return `package ${inPackage[1] ?? ''}`;
  if (!url.startsWith(root)) return 'other files';
  const folders = url.slice(root.length).split('/').slice(0, -1);
  return folders.slice(0, 2).join('/') || 'other files';
}

/** `node:internal/streams/readable` and its like belong to `streams`; `node:_http_server` to `http`. */
function moduleOf(url: string): string {
  const [, name = ''] = /^node:(?:internal\/)?_?([a-z0-9]+)/.exec(url) ?? [];
  return name === '' ? 'other' : name;
}

/** @throws ZodError, SyntaxError for a text that is not a .cpuprofile. */
export function partsOfProfile(text: string, root: string): PartsOfProfile {
  const { nodes, samples, timeDeltas } = profileSchema.parse(JSON.parse(text));
  const parts = new Map(nodes.map(({ id, callFrame }) => [id, partOf(callFrame, root)]));
  const times = new Map<string, number>();
  samples.forEach((id, i) => {
    const part = parts.get(id) ?? 'native, other';
    times.set(part, (times.get(part) ?? 0) + Math.max(0, timeDeltas[i] ?? 0));
  });
  const all = [...times.values()].reduce((sum, time) => sum + time, 0);
  const idle = times.get(IDLE) ?? 0;
  times.delete(IDLE);
  const busy = [...times].map(([part, time]): [string, number] => [part, time / (all - idle)]);
  return { busy: new Map(busy.toSorted(([, a], [, b]) => b - a)), idle: idle / all };
}
