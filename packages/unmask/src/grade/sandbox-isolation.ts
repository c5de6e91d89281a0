// What this machine offers to keep a program from harming it, found by trying: each way runs a program that looks
// for holes, and the first way without one is taken.
//
//   bubblewrap          namespaces of an ordinary user; root becomes another user first, because process limits do
//                       not bind root
//   bubblewrap as root  where users may not make namespaces but root may: the user changes inside
//   unshare as root     where bubblewrap is not installed: the same walls, built by util-linux's programs
//   none                only when asked for: limits, a folder of its own, as root another user; nothing more

import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";
import { UnsupportedError } from "../base/errors.ts";
import type { Limits } from "./sandbox-limits.ts";
import { seccompFilter } from "./sandbox-seccomp.ts";
import { type Entry, unshareCommand } from "./sandbox-unshare.ts";

export type IsolationName = "bubblewrap" | "bubblewrap as root" | "unshare as root" | "none";

export interface Isolation {
  readonly name: IsolationName;
  readonly python: Python;
  /** System-call filter; undefined where the processor's numbers are not listed, or nothing is isolated. */
  readonly filter: Buffer | undefined;
  /** Who installs it. */
  readonly filteredBy: "bubblewrap" | "supervisor";
  /** The command that starts the supervisor, up to and without Python itself. */
  readonly command: (slot: number, limits: Limits) => readonly string[];
  /** The user of the whole command; undefined means ours. */
  readonly user: (slot: number) => number | undefined;
}

export interface Python {
  readonly path: string;
  /** Folders that it needs besides the system's. */
  readonly folders: readonly string[];
}

/** Folder in the sandbox that may be written to. */
export const workFolder = "/tmp";

/** Reserved by Debian's policy for nobody; one a slot, so that each program counts its own processes. */
const firstUser = 65000;
const users = 512;

/** The ways that exist here, strongest first; nothing is said yet about whether they work. */
export function candidates(): Isolation[] {
  if (process.platform !== "linux") return [];
  const root = process.getuid?.() === 0;
  const common = { python: findPython(), filter: seccompFilter(process.arch) };
  const [bubblewrap, setpriv] = [onPath("bwrap"), onPath("setpriv")];
  const found: Isolation[] = [];
  if (bubblewrap !== undefined) {
    const way = { ...common, bubblewrap, help: ask(bubblewrap, ["--help"]) };
    found.push({
      ...{ ...common, name: "bubblewrap", filteredBy: "bubblewrap" },
      user: otherUser,
      command: (_slot, limits) => [...bubblewrapCommand(way, limits), "--"],
    });
    if (root && setpriv !== undefined) found.push(bubblewrapAsRoot(way, setpriv));
  }
  const [unshare, shell] = [onPath("unshare"), onPath("sh")];
  if (root && setpriv !== undefined && unshare !== undefined && shell !== undefined) {
    const tools = { unshare, setpriv, shell };
    const entries = [...systemEntries(), ...common.python.folders.map((bind) => ({ bind }))];
    found.push({
      ...{ ...common, name: "unshare as root", filteredBy: "supervisor", user: () => undefined },
      command: (slot, limits) => unshareCommand(tools, entries, { limits, user: slotUser(slot) }),
    });
  }
  return found;
}

function bubblewrapAsRoot(way: Way, setpriv: string): Isolation {
  const { python, filter } = way;
  return {
    ...{ name: "bubblewrap as root", python, filter, filteredBy: "bubblewrap", user: () => undefined },
    command: (slot, limits) => [
      ...bubblewrapCommand(way, limits, { asRoot: true }),
      ...["--", setpriv, `--reuid=${slotUser(slot)}`, `--regid=${slotUser(slot)}`, "--clear-groups"],
      ...["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"],
    ],
  };
}

/** No isolation at all, for those who ask for it. */
export function withoutIsolation(): Isolation {
  return {
    ...{ name: "none", python: findPython(), filter: undefined, command: () => [] },
    filteredBy: "supervisor",
    user: otherUser,
  };
}

/** The user that a program runs as, if we are root and may change; else our own. */
function otherUser(slot: number): number | undefined {
  return process.platform === "linux" && process.getuid?.() === 0 && mayChangeUser()
    ? slotUser(slot)
    : undefined;
}

/** Roots of containers may lack the capabilities (CHOWN, SETGID, SETUID) or the users themselves. */
function mayChangeUser(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  const needed = 0b1100_0001n;
  const ranges = readFileSync("/proc/self/uid_map", "utf8").trim().split("\n");
  const mapped = ranges.some((range) => {
    const [first = 0, , count = 0] = range.trim().split(/\s+/).map(Number);
    return first <= firstUser && firstUser + users <= first + count;
  });
  return mapped && (BigInt(`0x${effective}`) & needed) === needed;
}

/** Different processes of ours begin at different users, so that their counts rarely meet. */
const slotUser = (slot: number): number => firstUser + ((process.pid * 16 + slot) % users);

interface Way {
  readonly bubblewrap: string;
  readonly help: string;
  readonly python: Python;
  readonly filter: Buffer | undefined;
}

function bubblewrapCommand(
  { bubblewrap, help, python, filter }: Way,
  limits: Limits,
  { asRoot = false }: { readonly asRoot?: boolean } = {},
): string[] {
  const sized = help.includes("--size"); // since bubblewrap 0.7; else the supervisor's watch is all
  const size = (bytes: number): string[] => (sized ? ["--size", String(bytes)] : []);
  const namespaces = [
    "--unshare-ipc",
    "--unshare-pid",
    "--unshare-net",
    "--unshare-uts",
    "--unshare-cgroup-try",
  ];
  const user = asRoot
    ? ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"]
    : ["--unshare-user", "--uid", "1000", "--gid", "1000"];
  const closed = filter === undefined && !asRoot && help.includes("--disable-userns");
  return [
    ...[bubblewrap, ...namespaces, ...user, ...(closed ? ["--disable-userns"] : [])],
    ...["--die-with-parent", "--new-session", "--as-pid-1", "--hostname", "sandbox"],
    ...[...systemEntries(), ...python.folders.map((bind) => ({ bind }))].flatMap(bubblewrapEntry),
    ...["--proc", "/proc", "--dev", "/dev", "--perms", "1777", ...size(2 ** 20), "--tmpfs", "/dev/shm"],
    ...["--remount-ro", "/dev", "--perms", "1777", ...size(limits.diskBytes), "--tmpfs", workFolder],
    ...["--remount-ro", "/", "--chdir", workFolder],
    ...(filter === undefined ? [] : ["--seccomp", "3"]),
  ];
}

/** Programs and libraries, read-only: nothing of /etc, /home, /var or /run but what the loader needs. */
function systemEntries(): Entry[] {
  const entries: Entry[] = [{ bind: "/usr" }];
  for (const folder of ["/bin", "/lib", "/lib32", "/lib64", "/nix/store"]) {
    const found = lstatSync(folder, { throwIfNoEntry: false });
    if (found?.isSymbolicLink()) entries.push({ link: folder, to: readlinkSync(folder) });
    else if (found !== undefined) entries.push({ bind: folder });
  }
  const loader = ["/etc/ld.so.cache", "/etc/alternatives"].filter(existsSync);
  return [...entries, ...loader.map((bind) => ({ bind }))];
}

function bubblewrapEntry(entry: Entry): string[] {
  if ("link" in entry) return ["--symlink", entry.to, entry.link];
  return [...parents(entry.bind), "--ro-bind", entry.bind, entry.bind];
}

/** Folders on the way to a path; bubblewrap, left to itself, closes them to other users where it runs as root. */
function parents(path: string): string[] {
  const names = path.split("/").slice(1, -1);
  return names.flatMap((_, at) => ["--perms", "0755", "--dir", `/${names.slice(0, at + 1).join("/")}`]);
}

let python: Python | undefined;

/** The system's Python before others: another user must be able to run it. UNMASK_PYTHON chooses one. */
function findPython(): Python {
  const wanted = process.env.UNMASK_PYTHON;
  const path = wanted || ["/usr/bin/python3", "/usr/local/bin/python3"].find(existsSync) || onPath("python3");
  if (path === undefined || !existsSync(path)) {
    throw new UnsupportedError(
      path === undefined
        ? "no Python 3 is here to run generated programs; install python3 (on Debian and Ubuntu `npm run build` does)"
        : `UNMASK_PYTHON=${path} does not exist; name a Python 3 program`,
    );
  }
  if (python?.path === path) return python;
  const code = "import sys; print(sys.executable, sys.prefix, sys.base_prefix, sep='\\n')";
  const [executable = path, ...prefixes] = ask(path, ["-I", "-c", code]).trim().split("\n");
  const folders = [...new Set(prefixes.filter(Boolean).flatMap((one) => [one, realpathSync(one)]))];
  python = { path: executable, folders: folders.filter((one) => !`${one}/`.startsWith("/usr/")) };
  return python;
}

function onPath(program: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/local/bin", "/usr/bin", "/bin"];
  return folders
    .map((folder) => join(folder, program))
    .find((path) => path.startsWith("/") && existsSync(path));
}

function ask(program: string, args: readonly string[]): string {
  try {
    return execFileSync(program, args, {
      encoding: "utf8",
      timeout: 20_000,
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    return "";
  }
}
