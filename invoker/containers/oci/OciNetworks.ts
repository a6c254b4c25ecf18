import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../../shared/logging/Logger.js';
import { codeOf } from '../../../shared/errors/reasons.js';
import { runProgram } from './programs.js';

/*
 * Network namespaces, each with an address on one bridge of this machine. Ports of the bridge are isolated: containers
 * reach the machine and, through address translation, the outside world, but not each other.
 *
 *   making -> ready    it has an address and a route
 *   ready  -> taken    `take`: for one container
 *   taken  -> (gone)   `discard`: a used namespace is not used again
 */

/** The bridge that all owners share. It remains when they end. */
const BRIDGE = 'palette-oci0';
/** The network of action containers that Docker runs. */
const DOCKER_BRIDGE = 'palette-whisk0';
/** The claims of addresses, by their owners. One file for each address, which one process creates. */
const CLAIMS = '/run/palette-whisk/oci-addresses';
const NAMESPACES = '/run/netns';
/** The pause before namespaces are prepared after a start, in ms: the runtime needs the processor first. */
const REST_MS = 100;

export interface OciNetwork {
  readonly address: string;
  /** The path of the namespace. */
  readonly path: string;
}

export interface Subnet {
  readonly cidr: string;
  readonly bits: number;
  readonly gateway: string;
  /** The address number `n`, from 0 to `size` - 1. */
  address(n: number): string;
  readonly size: number;
}

/** Parses a subnet such as `10.213.0.0/16`. The first address is that of the machine. Undefined if it is invalid. */
export function parseSubnet(text: string): Subnet | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  if (!match) return undefined;
  const [a = 0, b = 0, c = 0, d = 0, bits = 0] = match.slice(1).map(Number);
  if ([a, b, c, d].some((part) => part > 255) || bits < 8 || bits > 28) return undefined;
  const hosts = 2 ** (32 - bits);
  const value = ((a * 256 + b) * 256 + c) * 256 + d;
  if (value % hosts !== 0) return undefined;
  const format = (n: number): string => [24, 16, 8, 0].map((shift) => Math.floor(n / 2 ** shift) % 256).join('.');
  // Without the addresses of the network, of the machine and of the broadcast.
  return { cidr: text, bits, gateway: format(value + 1), address: (n) => format(value + 2 + n), size: hosts - 3 };
}

/**
 * Creates the bridge and the rules for its traffic, which other processes may have done. Allows this machine to forward
 * packets.
 * @throws Error
 */
export async function openBridge(subnet: Subnet): Promise<void> {
  await runProgram('ip', ['link', 'add', BRIDGE, 'type', 'bridge']).catch((error: Error) => {
    if (!error.message.includes('exists')) throw error;
  });
  // Without an address of its own, a bridge takes the lowest of its ports: each port that comes or goes may change it, and
  // containers send to the former address for seconds.
  await runProgram('ip', ['link', 'set', BRIDGE, 'address', hardwareAddress(subnet.gateway)]);
  await runProgram('ip', ['addr', 'replace', `${subnet.gateway}/${subnet.bits}`, 'dev', BRIDGE]);
  await runProgram('ip', ['link', 'set', BRIDGE, 'up']);
  await writeFile('/proc/sys/net/ipv4/ip_forward', '1');
  // Each rule is inserted before the earlier ones.
  for (const rule of [
    ['FORWARD', '-i', BRIDGE, '!', '-o', BRIDGE, '-j', 'ACCEPT'],
    ['FORWARD', '-o', BRIDGE, '-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED', '-j', 'ACCEPT'],
    ['FORWARD', '-i', BRIDGE, '-o', DOCKER_BRIDGE, '-j', 'DROP'],
    ['FORWARD', '-i', BRIDGE, '-o', BRIDGE, '-j', 'DROP'],
  ]) {
    await ensureRule('filter', rule);
  }
  await ensureRule('nat', ['POSTROUTING', '-s', subnet.cidr, '!', '-o', BRIDGE, '-j', 'MASQUERADE']);
}

async function ensureRule(table: string, rule: readonly string[]): Promise<void> {
  const common = ['-w', '10', '-t', table];
  await runProgram('iptables', [...common, '-C', ...rule]).catch(() =>
    runProgram('iptables', [...common, '-I', ...rule]),
  );
}

/** The namespaces of one owner. */
export class OciNetworks {
  readonly #owner: string;
  readonly #subnet: Subnet;
  readonly #wanted: number;
  readonly #log: Logger;
  readonly #ready: OciNetwork[] = [];
  /** The addresses of this run. */
  readonly #claimed = new Set<string>();
  readonly #pending = new Set<Promise<void>>();
  #next: number;
  #rest: NodeJS.Timeout | undefined;
  #filling: Promise<void> | undefined;
  #closed = false;

  /** @param wanted the number of namespaces to keep ready. @param first the number of the first address to try. */
  constructor(owner: string, subnet: Subnet, wanted: number, log: Logger, first: number) {
    this.#owner = owner;
    this.#subnet = subnet;
    this.#wanted = wanted;
    this.#log = log;
    this.#next = first % subnet.size;
  }

  /** Prepares missing namespaces after a pause. */
  fill(restMs = REST_MS): void {
    if (this.#closed) return;
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => {
      this.#filling ??= this.#fill().finally(() => (this.#filling = undefined));
    }, restMs).unref();
  }

  /** Takes a ready namespace, or makes one. @throws Error */
  async take(): Promise<OciNetwork> {
    return this.#ready.shift() ?? this.#make();
  }

  /** To be called when the network's container is removed, or did not start. */
  discard({ address }: OciNetwork): void {
    const removal = this.#remove(address)
      .catch((error: unknown) => this.#log.warn(`cannot remove the network namespace of ${address}`, { error }))
      .finally(() => this.#pending.delete(removal));
    this.#pending.add(removal);
  }

  /** Removes the namespaces of earlier runs of this owner. */
  async removeLeftovers(): Promise<void> {
    for (const address of await readdir(CLAIMS).catch(() => [])) {
      if (this.#claimed.has(address)) continue;
      const owner = await readFile(join(CLAIMS, address), 'utf8').catch(() => '');
      if (owner === this.#owner) await this.#remove(address);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#rest);
    await this.#filling;
    for (const network of this.#ready.splice(0)) this.discard(network);
    await Promise.all(this.#pending);
  }

  async #fill(): Promise<void> {
    try {
      while (!this.#closed && this.#ready.length < this.#wanted) this.#ready.push(await this.#make());
    } catch (error) {
      this.#log.warn('cannot prepare network namespaces; each start tries to make its own', { error });
    }
  }

  async #make(): Promise<OciNetwork> {
    const address = await this.#claim();
    const name = nameOf(address);
    const port = portOf(address);
    try {
      await runProgram('ip', ['netns', 'add', name]);
      await runProgram(
        'ip',
        ['-batch', '-'],
        `link add ${port} type veth peer name eth0 address ${hardwareAddress(address)} netns ${name}
link set ${port} master ${BRIDGE}
link set ${port} type bridge_slave isolated on
link set ${port} up
`,
      );
      await runProgram(
        'ip',
        ['-n', name, '-batch', '-'],
        `link set lo up
addr add ${address}/${this.#subnet.bits} dev eth0
link set eth0 up
route add default via ${this.#subnet.gateway}
`,
      );
    } catch (error) {
      await this.#remove(address).catch(() => undefined);
      throw error;
    }
    return { address, path: join(NAMESPACES, name) };
  }

  /** Claims a free address for this owner. @throws Error if all are in use. */
  async #claim(): Promise<string> {
    await mkdir(CLAIMS, { recursive: true, mode: 0o700 });
    for (let tries = 0; tries < this.#subnet.size; tries++) {
      const address = this.#subnet.address(this.#next);
      this.#next = (this.#next + 1) % this.#subnet.size;
      try {
        await writeFile(join(CLAIMS, address), this.#owner, { flag: 'wx' });
        this.#claimed.add(address);
        return address;
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error;
      }
    }
    throw new Error(`all addresses of ${this.#subnet.cidr} are in use`);
  }

  /** Removes a namespace with its interfaces, then the claim of its address. */
  async #remove(address: string): Promise<void> {
    await runProgram('ip', ['netns', 'del', nameOf(address)]).catch((error: Error) => {
      if (!error.message.includes('No such file')) throw error;
    });
    await rm(join(CLAIMS, address), { force: true });
    this.#claimed.delete(address);
  }
}

const nameOf = (address: string): string => `palette-oci-${address}`;
/**
 * The hardware address for an address, so that a later namespace with the same address has it, too: this machine still
 * knows the earlier one for a while. The first byte says that it is locally administered.
 */
const hardwareAddress = (address: string): string => ['02', '42', ...bytesOf(address)].join(':');
/** The machine's end of a namespace's cable. Names of interfaces have at most 15 characters. */
const portOf = (address: string): string => `pwo${bytesOf(address).join('')}`;
/** The bytes of an address, in hexadecimal digits. */
const bytesOf = (address: string): string[] =>
  address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
