/*
 * The system calls that actions may not make: those that act on the machine instead of the container, that make or join
 * namespaces, or that reach into the kernel and have had most of its faults. All others are allowed. Docker has the
 * reverse, a list of what is allowed; the capabilities that actions lack refuse most of these calls, too.
 */

const NOT_PERMITTED = 1; // EPERM
const NOT_IMPLEMENTED = 38; // ENOSYS

const MACHINE = [
  'acct',
  'adjtimex',
  'clock_adjtime',
  'clock_settime',
  'delete_module',
  'finit_module',
  'init_module',
  'ioperm',
  'iopl',
  'kexec_file_load',
  'kexec_load',
  'nfsservctl',
  'quotactl',
  'quotactl_fd',
  'reboot',
  'settimeofday',
  'stime',
  'swapoff',
  'swapon',
  'syslog',
  'vhangup',
];
const NAMESPACES_AND_MOUNTS = [
  'chroot',
  'fsconfig',
  'fsmount',
  'fsopen',
  'fspick',
  'mount',
  'mount_setattr',
  'move_mount',
  'open_tree',
  'pivot_root',
  'setns',
  'umount',
  'umount2',
  'unshare',
];
const KERNEL = [
  'add_key',
  'bpf',
  'fanotify_init',
  'io_uring_enter',
  'io_uring_register',
  'io_uring_setup',
  'kcmp',
  'keyctl',
  'lookup_dcookie',
  'name_to_handle_at',
  'open_by_handle_at',
  'perf_event_open',
  'pidfd_getfd',
  'process_vm_readv',
  'process_vm_writev',
  'ptrace',
  'request_key',
  'userfaultfd',
  'uselib',
];
/** The flags of `clone` for new namespaces: mounts, cgroup, uts, ipc, user, pid, network. */
const NEW_NAMESPACES = [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000];
/** The address families `AF_ALG` (the kernel's cryptography) and `AF_VSOCK` (the host of a virtual machine). */
const SOCKETS = [38, 40];

interface Rule {
  readonly names: readonly string[];
  readonly action: 'SCMP_ACT_ERRNO';
  readonly errnoRet: number;
  readonly args?: readonly { index: number; value: number; valueTwo?: number; op: string }[];
}

/** The `linux.seccomp` of an OCI configuration. Calls of other architectures (32 bits) end the process. */
export function seccompProfile(arch: string = process.arch): object {
  const refuse = (names: readonly string[], args?: Rule['args']): Rule => ({
    names,
    action: 'SCMP_ACT_ERRNO',
    errnoRet: NOT_PERMITTED,
    ...(args ? { args } : {}),
  });
  return {
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: [arch === 'arm64' ? 'SCMP_ARCH_AARCH64' : 'SCMP_ARCH_X86_64'],
    syscalls: [
      refuse([...MACHINE, ...NAMESPACES_AND_MOUNTS, ...KERNEL]),
      ...NEW_NAMESPACES.map((flag) =>
        refuse(['clone'], [{ index: 0, value: flag, valueTwo: flag, op: 'SCMP_CMP_MASKED_EQ' }]),
      ),
      ...SOCKETS.map((family) => refuse(['socket'], [{ index: 0, value: family, op: 'SCMP_CMP_EQ' }])),
      // Its flags are in memory, which a filter cannot read. C libraries use `clone` then.
      { ...refuse(['clone3']), errnoRet: NOT_IMPLEMENTED },
    ],
  };
}
