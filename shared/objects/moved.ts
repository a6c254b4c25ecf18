import { objectsUrlSchema, type MessageHome } from './messageObjects.js';

/**
 * The header of a response 421: the receiver is not the home of the color, and this invoker is. Its value is the number
 * and the URL of the invoker.
 */
export const MOVED_HEADER = 'x-palette-home';

export const movedHeader = ({ instance, url }: MessageHome): string => `${instance} ${url}`;

/** @returns undefined for a missing or invalid header. */
export function movedTo(header: string | string[] | undefined): MessageHome | undefined {
  const [, instance, address] = /^(\d{1,5}) (\S+)$/.exec(typeof header === 'string' ? header : '') ?? [];
  const url = objectsUrlSchema.safeParse(address);
  return instance === undefined || !url.success ? undefined : { instance: Number(instance), url: url.data };
}
