// What this machine offers to keep a program from harming it, found by trying: each way runs a program that looks
// for holes, and the first way without one is taken.
//
//   bubblewrap          namespaces of an ordinary user; root becomes another user first, because process limits do
//                       not bind root
//   bubblewrap as root  where users may not make namespaces but root may: the user changes inside
//   none                only when asked for: limits, a folder of its own, as root another user; nothing more

import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, readlinkSync, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";
import { UnsupportedError } from "../base/errors.ts";
import type { Limits } from "./sandbox-limits.ts";
import { seccompFilter } from "./sandbox-seccomp.ts";

export type IsolationName = "bubblewrap" | "bubblewrap as root" | "none";

export interface Isolation {
  readonly name: IsolationName;
  readonly python: Python;
  /** System-call filter for bubblewrap; undefined where the processor's numbers are not listed. */
  readonly filter: Buffer | undefined;
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
  const bubblewrap = onPath("bwrap");
  if (process.platform !== "linux" || bubblewrap === undefined) return [];
  const root = process.getuid?.() === 0;
  const filter = seccompFilter(process.arch);
  const help = ask(bubblewrap, ["--help"]);
  const way = { python: findPython(), filter, bubblewrap, help };
  const user = (slot: number): number | undefined => (root ? slotUser(slot) : undefined);
  const ordinary: Isolation = {
    ...{ name: "bubblewrap", python: way.python, filter, user },
    command: (_slot, limits) => [...bubblewrapCommand(way, limits), "--"],
  };
  const setpriv = onPath("setpriv");
  if (!root || setpriv === undefined) return [ordinary];
  const asRoot: Isolation = {
    ...{ name: "bubblewrap as root", python: way.python, filter, user: () => undefined },
    command: (slot, limits) => [
      ...bubblewrapCommand(way, limits, { asRoot: true }),
      ...["--", setpriv, `--reuid=${slotUser(slot)}`, `--regid=${slotUser(slot)}`, "--clear-groups"],
      ...["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"],
    ],
  };
  return [ordinary, asRoot];
}

/** No isolation at all, for those who ask for it. */
export function withoutIsolation(): Isolation {
  const root = process.platform === "linux" && process.getuid?.() === 0;
  return {
    ...{ name: "none", python: findPython(), filter: undefined, command: () => [] },
    user: (slot) => (root ? slotUser(slot) : undefined),
  };
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
    ...systemFolders(),
    ...python.folders.flatMap((folder) => [...parents(folder), "--ro-bind", folder, folder]),
    ...["--proc", "/proc", "--dev", "/dev", "--perms", "1777", ...size(2 ** 20), "--tmpfs", "/dev/shm"],
    ...["--remount-ro", "/dev", "--perms", "1777", ...size(limits.diskBytes), "--tmpfs", workFolder],
    ...["--remount-ro", "/", "--chdir", workFolder],
    ...(filter === undefined ? [] : ["--seccomp", "3"]),
  ];
}

/** Programs and libraries, read-only: nothing of /etc, /home, /var or /run but what the loader needs. */
function systemFolders(): string[] {
  const args = ["--ro-bind", "/usr", "/usr"];
  for (const folder of ["/bin", "/lib", "/lib32", "/lib64", "/nix/store"]) {
    const found = lstatSync(folder, { throwIfNoEntry: false });
    if (found === undefined) continue;
    if (found.isSymbolicLink()) args.push("--symlink", readlinkSync(folder), folder);
    else args.push("--ro-bind", folder, folder);
  }
  args.push(...parents("/etc/ld.so.cache"));
  for (const file of ["/etc/ld.so.cache", "/etc/alternatives"]) args.push("--ro-bind-try", file, file);
  return args;
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
