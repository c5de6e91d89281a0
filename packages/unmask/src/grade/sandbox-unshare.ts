// The same walls without bubblewrap, for root: namespaces by `unshare`, a new root folder built of read-only binds by
// a short shell script, the user changed by `setpriv`. All three programs belong to util-linux, which every Linux has.

import type { Limits } from "./sandbox-limits.ts";

export interface Tools {
  readonly unshare: string;
  readonly setpriv: string;
  readonly shell: string;
}

/** What of the host is seen inside, read-only: a folder or file at its own path, or a link as it is. */
export type Entry = { readonly bind: string } | { readonly link: string; readonly to: string };

/** The script's words are its arguments: nothing is pasted into it. Process 1 is the shell, then what it becomes. */
const script = `
set -eu
root=/tmp
mount -t tmpfs -o mode=755,size=1m none "$root"
mkdir "$root/proc" "$root/dev" "$root/tmp" "$root/old"
while [ "$1" != end ]; do
  case "$1" in
    link) mkdir -p "$root$(dirname "$2")"; ln -s "$3" "$root$2"; shift 3 ;;
    bind)
      mkdir -p "$root$(dirname "$2")"
      if [ -d "$2" ]; then mkdir -p "$root$2"; else : > "$root$2"; fi
      mount --rbind "$2" "$root$2"
      mount -o remount,bind,ro,nosuid,nodev "$root$2"
      shift 2 ;;
  esac
done
shift
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t tmpfs -o mode=755,size=1m,nosuid none "$root/dev"
for name in null zero full random urandom; do
  : > "$root/dev/$name"
  mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir "$root/dev/shm"
mount -t tmpfs -o mode=1777,size=1m,nosuid,nodev none "$root/dev/shm"
mount -t tmpfs -o "mode=1777,size=$1,nosuid,nodev" none "$root/tmp"
shift
mount -o remount,ro none "$root/dev"
cd "$root"
PATH="$PATH:/usr/sbin:/sbin" pivot_root . old
umount -l /old
mount -o remount,ro none /
cd /tmp
exec "$@"
`;

export function unshareCommand(
  { unshare, setpriv, shell }: Tools,
  entries: readonly Entry[],
  { limits, user }: { readonly limits: Limits; readonly user: number },
): string[] {
  const words = entries.flatMap((entry) =>
    "bind" in entry ? ["bind", entry.bind] : ["link", entry.link, entry.to],
  );
  return [
    ...[
      setpriv,
      "--pdeathsig=KILL",
      unshare,
      "--mount",
      "--pid",
      "--net",
      "--ipc",
      "--uts",
      "--fork",
      "--kill-child=SIGKILL",
    ],
    ...["--", shell, "-c", script, "sandbox", ...words, "end", String(limits.diskBytes)],
    ...[setpriv, `--reuid=${user}`, `--regid=${user}`, "--clear-groups"],
    ...["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"],
  ];
}
