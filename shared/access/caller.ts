import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

/*
 * What a request says about where it comes from. Pure: the machine's own name comes in as an argument.
 */

/** A request, as far as its origin is concerned. */
export interface Caller {
  /** The address of the other end of the connection. */
  readonly remoteAddress: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

/** A proxy adds these: the client is not the other end of the connection. */
const FORWARDED = [
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-forwarded-server',
  'x-real-ip',
  'x-client-ip',
  'x-original-host',
  'x-original-forwarded-for',
  'cf-connecting-ip',
  'true-client-ip',
];

/**
 * Whether a program on the server's own machine sent the request, and no page of another site made a browser send it:
 * over the loopback interface, through no proxy, to a name of this machine. A proxy that adds no header and sends the
 * name `localhost` or a loopback address is not recognized.
 * @param hostname the machine's own name.
 */
export function isLocal(caller: Caller, hostname: string): boolean {
  const { headers } = caller;
  if (!isLoopback(caller.remoteAddress ?? '')) return false;
  if (FORWARDED.some((name) => headers[name] !== undefined)) return false;
  if (headers.host !== undefined && !isNameOfMachine(nameOf(headers.host), hostname)) return false;
  const origin = originHost(headers);
  return origin === undefined || isNameOfMachine(nameOf(origin), hostname);
}

/**
 * Whether a browser sent the request for a page of another origin than the server's own.
 * @param headers as the request has them; a request without `Origin` and `Sec-Fetch-Site` is not a browser's.
 */
export function isCrossSite(headers: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site'];
  if (site === 'cross-site' || site === 'same-site') return true;
  const origin = originHost(headers);
  return origin !== undefined && origin !== withoutStandardPort(headers.host ?? '');
}

/**
 * Whether the request names the server by something that no foreign site can have: an address, or a name of the machine.
 * A browser that was misled by DNS sends the foreign site's name (DNS rebinding).
 */
export function namesServer({ host }: IncomingHttpHeaders, hostname: string): boolean {
  if (host === undefined) return true;
  const name = nameOf(host);
  return isIP(name) !== 0 || isNameOfMachine(name, hostname);
}

/** 127.0.0.0/8 and ::1, also as IPv4 in IPv6. */
export function isLoopback(address: string): boolean {
  return /^(?:::1|(?:::ffff:)?127(?:\.\d{1,3}){3})$/i.test(address);
}

function isNameOfMachine(name: string, hostname: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost') || isLoopback(name) || name === hostname.toLowerCase();
}

/** The name or address in `name:port`, in lower case, without brackets and the root's dot. */
function nameOf(host: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(host);
  const name = bracketed?.[1] ?? host.replace(/:\d*$/, '');
  return name.toLowerCase().replace(/\.$/, '');
}

/** `name:port` of the header `Origin`; undefined without one, empty for an origin that has none (`null`). */
function originHost({ origin }: IncomingHttpHeaders): string | undefined {
  if (origin === undefined) return undefined;
  const host = /^https?:\/\/([^/]+)$/i.exec(origin)?.[1];
  return host === undefined ? '' : withoutStandardPort(host);
}

const withoutStandardPort = (host: string): string => host.toLowerCase().replace(/:(?:80|443)$/, '');
