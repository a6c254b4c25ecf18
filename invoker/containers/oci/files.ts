import { readFile } from 'node:fs/promises';
import type { Subnet } from './OciNetworks.js';

/**
 * The text of `/etc/hosts`.
 * @param extraHosts as `NAME:ADDRESS`; the address may be `host-gateway`, this machine.
 */
export function hosts(extraHosts: readonly string[], { gateway }: Pick<Subnet, 'gateway'>): string {
  const extra = extraHosts.map((entry) => {
    const colon = entry.indexOf(':');
    const address = entry.slice(colon + 1);
    return `${address === 'host-gateway' ? gateway : address}\t${entry.slice(0, colon)}\n`;
  });
  return `127.0.0.1\tlocalhost action\n::1\tlocalhost ip6-localhost\n${extra.join('')}`;
}

/** The text of the system's `resolv.conf`, or of the one behind a resolver on loopback where that is known. */
export async function systemResolvers(): Promise<string> {
  const text = await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
  if (!/^nameserver\s+127\./m.test(text)) return text;
  return readFile('/run/systemd/resolve/resolv.conf', 'utf8').catch(() => text);
}

export interface Resolvers {
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
}

/** The text of `/etc/resolv.conf`: the system's, with what the settings replace. */
export function resolvConf({ dns, dnsSearch, dnsOptions }: Resolvers, system: string): string {
  // A container has a loopback of its own, on which no resolver listens.
  const lines = system
    .split('\n')
    .filter((line) => /^(nameserver|search|options)\s/.test(line) && !/^nameserver\s+127\./.test(line));
  const kept = (word: string): string[] => lines.filter((line) => line.startsWith(word));
  return [
    ...(dns.length > 0 ? dns.map((address) => `nameserver ${address}`) : kept('nameserver')),
    ...(dnsSearch.length > 0 ? [`search ${dnsSearch.join(' ')}`] : kept('search')),
    ...(dnsOptions.length > 0 ? [`options ${dnsOptions.join(' ')}`] : kept('options')),
    '',
  ].join('\n');
}
