// A seccomp filter: the system calls that no program of a test needs and that hostile ones like. It is a second
// wall behind the namespaces: tracing, keys, kernel interfaces with a history, new namespaces, memory that belongs to
// no process (System V, memfd) and so escapes the watch, and what would touch the supervisor, which has the same user.
// Numbers are from Linux's own tables (asm/unistd.h), [x64, arm64]; -1 where a call does not exist.

const denied = {
  ptrace: [101, 117],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  process_madvise: [440, 440],
  kcmp: [312, 272],
  pidfd_getfd: [438, 438],
  add_key: [248, 217],
  request_key: [249, 218],
  keyctl: [250, 219],
  bpf: [321, 280],
  perf_event_open: [298, 241],
  userfaultfd: [323, 282],
  io_uring_setup: [425, 425],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  fanotify_init: [300, 262],
  mount: [165, 40],
  umount2: [166, 39],
  pivot_root: [155, 41],
  chroot: [161, 51],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fspick: [433, 433],
  mount_setattr: [442, 442],
  unshare: [272, 97],
  setns: [308, 268],
  name_to_handle_at: [303, 264],
  open_by_handle_at: [304, 265],
  kexec_load: [246, 104],
  kexec_file_load: [320, 294],
  init_module: [175, 105],
  finit_module: [313, 273],
  delete_module: [176, 106],
  reboot: [169, 142],
  swapon: [167, 224],
  swapoff: [168, 225],
  acct: [163, 89],
  syslog: [103, 116],
  quotactl: [179, 60],
  quotactl_fd: [443, 443],
  settimeofday: [164, 170],
  clock_settime: [227, 112],
  adjtimex: [159, 171],
  clock_adjtime: [305, 266],
  iopl: [172, -1],
  ioperm: [173, -1],
  modify_ldt: [154, -1],
  personality: [135, 92],
  memfd_create: [319, 279],
  memfd_secret: [447, 447],
  shmget: [29, 194],
  msgget: [68, 186],
  semget: [64, 190],
  mq_open: [240, 180],
  vmsplice: [278, 75],
  ioprio_set: [251, 30],
} as const;

const special = { clone: [56, 220], clone3: [435, 435], setpriority: [141, 140], socket: [41, 198] } as const;

/** Allowed where the first argument is 0, the caller itself: the supervisor is another process of the same user. */
const ofItself = {
  prlimit64: [302, 261],
  sched_setparam: [142, 118],
  sched_setscheduler: [144, 119],
  sched_setaffinity: [203, 122],
  sched_setattr: [314, 274],
} as const;

const architectures = { x64: { audit: 0xc000003e, at: 0 }, arm64: { audit: 0xc00000b7, at: 1 } } as const;

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const newNamespaces = 0x7e020000;
const families = [1, 2, 10]; // AF_UNIX, AF_INET, AF_INET6

const [load, jumpEqual, jumpAtLeast, jumpAnyBit, give] = [0x20, 0x15, 0x35, 0x45, 0x06];
const [EPERM, ENOSYS, EAFNOSUPPORT] = [1, 38, 97];
const allow = 0x7fff0000;
const refuse = (errno: number): number => 0x00050000 + errno;
const [numberAt, archAt, firstArgumentAt, secondArgumentAt] = [0, 4, 16, 24];

type Instruction = readonly [code: number, value: number, ifTrue?: number, ifFalse?: number];

/** The filter as the kernel reads it, or undefined for a processor whose numbers we do not list. */
export function seccompFilter(arch: string): Buffer | undefined {
  if (arch !== "x64" && arch !== "arm64") return undefined;
  const { audit, at } = architectures[arch];
  const program: Instruction[] = [
    [load, archAt],
    [jumpEqual, audit, 1, 0],
    [give, refuse(EPERM)],
    [load, numberAt],
  ];
  if (arch === "x64") program.push([jumpAtLeast, 0x40000000, 0, 1], [give, refuse(EPERM)]); // the x32 numbers
  for (const numbers of Object.values(denied)) {
    if (numbers[at] >= 0) program.push([jumpEqual, numbers[at], 0, 1], [give, refuse(EPERM)]);
  }
  // A filter cannot look behind clone3's pointer; without it the C library falls back to clone.
  program.push([jumpEqual, special.clone3[at], 0, 1], [give, refuse(ENOSYS)]);
  program.push([jumpEqual, special.clone[at], 0, 4], [load, firstArgumentAt]);
  program.push([jumpAnyBit, newNamespaces, 0, 1], [give, refuse(EPERM)], [give, allow]);
  for (const numbers of Object.values(ofItself)) {
    program.push([jumpEqual, numbers[at], 0, 4], [load, firstArgumentAt], [jumpEqual, 0, 1, 0]);
    program.push([give, refuse(EPERM)], [give, allow]);
  }
  program.push([jumpEqual, special.setpriority[at], 0, 6]);
  program.push([load, firstArgumentAt], [jumpEqual, 0, 0, 2], [load, secondArgumentAt], [jumpEqual, 0, 1, 0]);
  program.push([give, refuse(EPERM)], [give, allow]);
  program.push([jumpEqual, special.socket[at], 0, families.length + 2], [load, firstArgumentAt]);
  families.forEach((family, index) => {
    program.push([jumpEqual, family, families.length - index, 0]);
  });
  program.push([give, refuse(EAFNOSUPPORT)], [give, allow]);
  return encode(program);
}

function encode(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach(([code, value, ifTrue = 0, ifFalse = 0], index) => {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(ifTrue, index * 8 + 2);
    bytes.writeUInt8(ifFalse, index * 8 + 3);
    bytes.writeUInt32LE(value, index * 8 + 4);
  });
  return bytes;
}
