import { join } from 'node:path';
import type { ContainerSpec } from '../ContainerDriver.js';
import { environmentLines, SHARED_FOLDER } from '../inContainer.js';
import { seccompProfile } from './seccomp.js';
import { MAPPED_USERS } from './users.js';

/** The parts of an image's configuration that its containers need. */
export interface ImageConfig {
  readonly args: readonly string[];
  /** As `NAME=VALUE`. */
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: { readonly uid: number; readonly gid: number };
}

export interface ConfigOptions {
  readonly spec: ContainerSpec;
  readonly image: ImageConfig;
  /** The path of the network namespace to join. */
  readonly network: string;
  /** The folder of the files `hosts` and `resolv.conf`. */
  readonly etc: string;
  readonly openFiles: number;
  /** Linux capabilities to add, such as `NET_BIND_SERVICE`. */
  readonly addCapabilities: readonly string[];
  /** The mapping of users; undefined: none. */
  readonly users: MappedConfig | undefined;
}

/** What is different for a container with a user namespace, which may not mount or reach some of it. */
export interface MappedConfig {
  /** The user and the group of this machine that are 0 in the container. */
  readonly first: number;
  /** The path of a `sysfs` of its network. */
  readonly sys: string;
  /** The path at which it reaches its shared folder. */
  readonly shared: string;
}

const SHARED_MEMORY_BYTES = 64 * 1024 * 1024;

const READABLE = ['ro', 'nosuid', 'nodev', 'noexec'];

/** Files of `/proc` that tell about the machine, and those that change it. */
const MASKED = [
  '/proc/acpi',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const READ_ONLY = ['/proc/asound', '/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/**
 * The `config.json` of a container's bundle: see https://github.com/opencontainers/runtime-spec/blob/main/config.md. The
 * limits are those of the control group that the runtime is started in.
 */
export function ociConfig({ spec, image, network, etc, openFiles, addCapabilities, users }: ConfigOptions): object {
  const capabilities = addCapabilities.map((name) => (name.startsWith('CAP_') ? name : `CAP_${name}`));
  const file = (name: string): object => ({
    destination: `/etc/${name}`,
    type: 'bind',
    source: join(etc, name),
    options: ['rbind', ...READABLE],
  });
  const virtual = (destination: string, type: string, ...options: string[]): object => ({
    destination,
    type,
    source: type,
    options: ['nosuid', ...options],
  });
  return {
    ociVersion: '1.0.0',
    process: {
      terminal: false,
      user: image.user,
      args: image.args,
      env: [...image.env, ...environmentLines(spec)],
      cwd: image.cwd,
      capabilities: {
        bounding: capabilities,
        effective: capabilities,
        permitted: capabilities,
        inheritable: [],
        ambient: [],
      },
      rlimits: [{ type: 'RLIMIT_NOFILE', soft: openFiles, hard: openFiles }],
      noNewPrivileges: true,
    },
    root: { path: 'rootfs', readonly: false },
    hostname: 'action',
    mounts: [
      virtual('/proc', 'proc', 'noexec', 'nodev'),
      virtual('/dev', 'tmpfs', 'noexec', 'strictatime', 'mode=755', 'size=65536k'),
      virtual('/dev/pts', 'devpts', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'),
      virtual('/dev/shm', 'tmpfs', 'noexec', 'nodev', 'mode=1777', `size=${SHARED_MEMORY_BYTES}`),
      virtual('/dev/mqueue', 'mqueue', 'noexec', 'nodev'),
      users
        ? { destination: '/sys', type: 'bind', source: users.sys, options: ['rbind', ...READABLE] }
        : virtual('/sys', 'sysfs', 'noexec', 'nodev', 'ro'),
      file('hosts'),
      file('resolv.conf'),
      ...(spec.sharedFolder === undefined
        ? []
        : [
            {
              destination: SHARED_FOLDER,
              type: 'bind',
              source: users?.shared ?? spec.sharedFolder,
              options: ['rbind', ...READABLE],
            },
          ]),
    ],
    linux: {
      namespaces: [
        ...['pid', 'ipc', 'uts', 'mount', 'cgroup'].map((type) => ({ type })),
        { type: 'network', path: network },
        ...(users ? [{ type: 'user' }] : []),
      ],
      ...(users
        ? {
            uidMappings: [{ containerID: 0, hostID: users.first, size: MAPPED_USERS }],
            gidMappings: [{ containerID: 0, hostID: users.first, size: MAPPED_USERS }],
          }
        : {}),
      maskedPaths: MASKED,
      readonlyPaths: READ_ONLY,
      seccomp: seccompProfile(),
    },
  };
}
