import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

/*
 * The origin of a request, as pure functions: the machine's own name is an argument.
 */

/** The properties of a request that show its origin. */
export interface Caller {
  /** The remote address of the connection. */
  readonly remoteAddress: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

/** Headers that proxies add. With one of them, the client is not the remote end of the connection. */
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
 * Whether a program on the server's own machine sent the request, and not a browser for a page of another site. The
 * request must use the loopback interface without a proxy and name this machine. It does not recognize a proxy that
 * adds no header and sends the name `localhost` or a loopback address.
 * @param hostname the name of this machine.
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
 * Whether a browser sent the request for a page of another origin.
 * @param headers of the request. Without `Origin` and `Sec-Fetch-Site` the client is not a browser.
 */
export function isCrossSite(headers: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site'];
  if (site === 'cross-site' || site === 'same-site') return true;
  const origin = originHost(headers);
  return origin !== undefined && origin !== withoutStandardPort(headers.host ?? '');
}

/**
 * Whether the header `Host` contains an address or a name of this machine, which another site cannot have. After DNS
 * rebinding, a browser sends the name of the other site.
 */
export function namesServer({ host }: IncomingHttpHeaders, hostname: string): boolean {
  if (host === undefined) return true;
  const name = nameOf(host);
  return isIP(name) !== 0 || isNameOfMachine(name, hostname);
}

/** Whether it is in 127.0.0.0/8 or ::1, also as IPv4 in IPv6. */
export function isLoopback(address: string): boolean {
  return /^(?:::1|(?:::ffff:)?127(?:\.\d{1,3}){3})$/i.test(address);
}

function isNameOfMachine(name: string, hostname: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost') || isLoopback(name) || name === hostname.toLowerCase();
}

/** The name or address in `name:port`, in lower case, without brackets and trailing dot. */
function nameOf(host: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(host);
  const name = bracketed?.[1] ?? host.replace(/:\d*$/, '');
  return name.toLowerCase().replace(/\.$/, '');
}

/** `name:port` of the header `Origin`; undefined without the header, empty for the origin `null`. */
function originHost({ origin }: IncomingHttpHeaders): string | undefined {
  if (origin === undefined) return undefined;
  const host = /^https?:\/\/([^/]+)$/i.exec(origin)?.[1];
  return host === undefined ? '' : withoutStandardPort(host);
}

const withoutStandardPort = (host: string): string => host.toLowerCase().replace(/:(?:80|443)$/, '');
