// Programs that must neither pass nor harm. Each is put before the tests `check(f)`; f is wrong in all of them, so a
// program that "passes" has cheated. Those of `attempts` try to reach the machine and print what they reached: they
// must print nothing of it.

export interface Surroundings {
  /** Folder of the host with a file `secret` and a Unix socket `socket`. */
  readonly folder: string;
  /** Port of a listener on the host's loopback device. */
  readonly port: number;
  /** The process that runs the tests. */
  readonly pid: number;
}

/** What the tests are to every hostile program. */
export const tests =
  "def check(candidate):\n    assert candidate(1) == 2\n    assert candidate(2) == 3\ncheck(f)\n";

const wrong = "def f(x): return 0\n";

/** Programs that want to look right. */
export const cheats: Readonly<Record<string, string>> = {
  exit: `${wrong}exit()`,
  "exit in the function": "def f(x): exit(0)",
  "os._exit": "import os\ndef f(x): os._exit(0)",
  "raise SystemExit": "def f(x): raise SystemExit(0)",
  "claims on standard output":
    "import os\ndef f(x):\n    print('passed\\nready', flush=True)\n    os._exit(0)",
  "an open quotation mark": `${wrong}x = '''`,
  "an open bracket": `${wrong}x = [`,
  "a line continued": `${wrong}if False: \\`,
  "exit handler": "import atexit, os\natexit.register(os._exit, 0)\ndef f(x): raise ValueError",
  "becomes another program": "import os\ndef f(x): os.execv('/bin/true', ['true'])",
  "kills itself": "import os, signal\ndef f(x): os.kill(os.getpid(), signal.SIGKILL)",
  "exits from a thread":
    "import threading, os\ndef f(x): threading.Thread(target=os._exit, args=(0,)).start()",
  "a child for every answer":
    "import os\ndef f(x):\n    for guess in range(4):\n        if os.fork() == 0: return guess\n        os.wait()\n    return -1",
  "the parent leaves, the child answers":
    "import os\ndef f(x):\n    if os.fork(): os._exit(0)\n    return x + 1",
  "echoes every descriptor": `import os
def f(x):
    data = b""
    for fd in range(3, 64):
        try:
            os.set_blocking(fd, False)
            data += os.read(fd, 4096)
        except OSError: pass
    for fd in range(0, 64):
        try: os.write(fd, data)
        except OSError: pass
    os._exit(0)`,
  "says that it passed on every descriptor": `import os
def f(x):
    for text in (b"passed", b"passed 0 0 0\\n", b"passed 0.1 1 0\\n", b"ready\\npassed 0 0 0\\n"):
        for fd in range(0, 64):
            try: os.write(fd, text)
            except OSError: pass
    os._exit(0)`,
  "patches the interpreter": `import builtins, os, sys
${wrong}
builtins.exec = builtins.compile = lambda *rest, **more: None
builtins.AssertionError = type("Fine", (BaseException,), {})
builtins.getattr = None
os.write = os.read = os._exit = lambda *rest: b""
sys.excepthook = sys.exit = lambda *rest: None`,
  "patches its caller's variables": `import sys
def f(x):
    frame = sys._getframe()
    while frame:
        for name in list(frame.f_locals):
            try: frame.f_locals[name] = frame.f_globals[name] = lambda *rest: True
            except Exception: pass
        frame = frame.f_back
    return 0`,
  "an error that cannot be shown": `class Loud(BaseException):
    def __str__(self): raise self
    __repr__ = __str__
    __name__ = property(lambda self: 1 / 0)
def f(x): raise Loud()`,
  "lies about its exit with a signal handler":
    "import os, signal\nsignal.signal(signal.SIGALRM, lambda *rest: os._exit(0))\nsignal.alarm(1)\ndef f(x):\n    while True: pass",
};

/** Programs that want everything. */
export const gluttons: Readonly<Record<string, string>> = {
  "fork bomb": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
  "fork bomb that leaves":
    "import os\nwhile True:\n    try:\n        if os.fork(): os._exit(0)\n    except OSError: pass",
  "thread bomb":
    "import threading, time\nwhile True:\n    try: threading.Thread(target=time.sleep, args=(60,)).start()\n    except RuntimeError: pass",
  "infinite output": "while True: print('x' * 100000)",
  "infinite output to standard error": "import os\nwhile True: os.write(2, b'x' * 100000)",
  "infinite loop": "while True: pass",
  "sleeps for ever": "import time\ntime.sleep(10000)",
  "reads a pipe that nobody writes": "import os\nos.read(os.pipe()[0], 1)",
  "catches what ends it": `import signal
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
while True:
    try:
        while True: pass
    except BaseException: pass`,
  "memory in small pieces": "kept = []\nwhile True: kept.append(bytearray(1 << 20))",
  "memory at once": "kept = bytearray(1 << 40)",
  "memory in many processes":
    "import os, time\nfor _ in range(16):\n    if os.fork() == 0:\n        kept = bytearray(40 << 20)\n        for at in range(0, len(kept), 4096): kept[at] = 1\n        time.sleep(60)\ntime.sleep(60)",
  "memory shared and unmapped":
    "import ctypes\nlibc = ctypes.CDLL(None)\nfor _ in range(64):\n    assert libc.shmget(0, 16 << 20, 0o1600) >= 0",
  "memory in unnamed files":
    "import os\nfd = os.memfd_create('x')\nwhile True: os.write(fd, b'x' * (1 << 20))",
  "memory in pipes":
    "import os\nkept = []\nwhile True:\n    pair = os.pipe(); kept.append(pair)\n    os.set_blocking(pair[1], False)\n    os.write(pair[1], b'x' * (1 << 20))",
  "a large file": "with open('x', 'wb') as file:\n    while True: file.write(b'x' * (1 << 20))",
  "large files": "at = 0\nwhile True:\n    open(str(at), 'wb').write(b'x' * (4 << 20)); at += 1",
  "many files": "at = 0\nwhile True:\n    open(str(at), 'w').close(); at += 1",
  "the shared-memory folder":
    "at = 0\nwhile True:\n    open('/dev/shm/%d' % at, 'wb').write(b'x' * (1 << 20)); at += 1",
  "deep recursion": "def g(n): return g(n + 1)\ng(0)",
  "deeper recursion": "import sys\nsys.setrecursionlimit(10 ** 9)\ndef g(n): return [g(n + 1)]\ng(0)",
  "recursion in C": "import sys\nsys.setrecursionlimit(10 ** 9)\nclass A: pass\nA.__call__ = A()\nA()()",
  "a number that is never done": "x = 9 ** 9 ** 9",
  "a pattern that is never done": "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')",
  "source that is deeply nested": `x = ${"(".repeat(5000)}1${")".repeat(5000)}`,
  "source that is long": `x = [${"1,".repeat(200_000)}]\nassert False`,
  "segmentation fault": "import ctypes\nctypes.string_at(0)",
};

/** Programs that leave something running behind. */
export const leavers: Readonly<Record<string, string>> = {
  daemon: `import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv("/bin/sleep", ["sleep", "98765"])
    os._exit(0)
os.wait()
${wrong}`,
  "a process that ignores signals": `import os, signal, time
if os.fork() == 0:
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT): signal.signal(number, signal.SIG_IGN)
    os.execv("/bin/sleep", ["sleep", "98765"])
${wrong}`,
  "a shell in the background": `import subprocess
subprocess.Popen(["/bin/sh", "-c", "nohup sleep 98765 >/dev/null 2>&1 & setsid sleep 98765 &"])
${wrong}`,
};

/** Programs that reach for the machine. Each prints "REACHED …" for what it got. */
export const attempts: Readonly<Record<string, (around: Surroundings) => string>> = {
  "reads files": ({ folder }) => `
for path in ["${folder}/secret", "/etc/passwd", "/etc/shadow", "/etc/hostname", "/root/.bashrc", "/proc/1/root${folder}/secret",
             "/proc/self/root${folder}/secret", "/proc/kcore", "/proc/1/environ", "/dev/mem", "/dev/sda", "/dev/vda"]:
    try: reached(path, len(open(path, "rb").read(16)))
    except OSError: pass
for folder in ["/home", "/root", "/var", "/etc/ssl", "/srv", "/sys", "/run", "/mnt", "${folder}"]:
    try: reached(folder, os.listdir(folder))
    except OSError: pass`,
  "writes files": ({ folder }) => `
for path in ["${folder}/new", "${folder}/secret", "/usr/lib/new", "/usr/bin/new", "/new", "/etc/new", "/dev/new", "/proc/new",
             "/lib/new", "/var/tmp/new", "/etc/ld.so.cache", os.__file__]:
    try:
        with open(path, "ab") as file: reached(path)
    except OSError: pass`,
  "leaves the work folder by links": ({ folder }) => `
os.symlink("${folder}", "link")
os.symlink("/", "root")
for path in ["link/secret", "root${folder}/secret", "root/etc/passwd", "../..${folder}/secret"]:
    for mode in ("r", "a"):
        try: open(path, mode).close(); reached(path)
        except OSError: pass
for path in ["${folder}/secret", "/usr/bin/python3", "/usr/bin/env"]:
    try: os.link(path, "hard"); reached("link to", path)
    except OSError: pass`,
  "renames and removes": ({ folder }) => `
import shutil
for path in ["${folder}", "/usr/share/doc", "/proc", "/bin"]:
    try: os.rename(path, path + "-away"); reached(path)
    except OSError: pass
shutil.rmtree("${folder}", ignore_errors=True)
shutil.rmtree("/usr/share/doc", ignore_errors=True)
shutil.rmtree("/tmp", ignore_errors=True)`,
  "signals processes": ({ pid }) => `
import signal
for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP):
    for target in (${pid}, 1, os.getppid(), -1, -${pid}):
        try: os.kill(target, number)
        except OSError: continue
        if target not in (1, -1, os.getppid()): reached("signal to", target)
    try: os.killpg(${pid}, number); reached("group")
    except OSError: pass`,
  "signals its group": () => `
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.kill(0, signal.SIGTERM)
os.killpg(0, signal.SIGTERM)`,
  "connects to the host": ({ port, folder }) => `
import socket
for address in ["127.0.0.1", "0.0.0.0", "localhost", "10.0.2.2", "172.17.0.1", "192.0.2.1"]:
    try: socket.create_connection((address, ${port}), timeout=0.05); reached(address)
    except OSError: pass
for path in ["${folder}/socket", "/run/docker.sock", "/var/run/docker.sock", "/run/dbus/system_bus_socket"]:
    try:
        one = socket.socket(socket.AF_UNIX); one.connect(path); reached(path)
    except OSError: pass
for family in (socket.AF_PACKET, socket.AF_NETLINK, 40):
    try: socket.socket(family, socket.SOCK_RAW); reached("family", family)
    except OSError: pass
try: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1); reached("raw")
except OSError: pass`,
  "asks for the internet": () => `
import urllib.request, socket
try: urllib.request.urlopen("http://192.0.2.1/", timeout=0.1); reached("http")
except OSError: pass
try: socket.getaddrinfo("example.org", 80); reached("names")
except OSError: pass`,
  "traces and reads memory": () => `
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for target in (1, os.getppid()):
    for request in (16, 0x4206):
        if libc.ptrace(request, target, 0, 0) == 0: reached("ptrace")
    for name in ("mem", "maps", "environ", "fd/0", "fd/1", "auxv"):
        try:
            with open("/proc/%d/%s" % (target, name), "rb") as file:
                if file.read(1): reached(name)
        except OSError: pass`,
  "plays with /proc": () => `
for path, text in [("/proc/sys/kernel/core_pattern", "|/bin/false"), ("/proc/sysrq-trigger", "h"), ("/proc/sys/vm/drop_caches", "1"),
                   ("/proc/1/oom_score_adj", "1000"), ("/proc/sys/kernel/hostname", "x"), ("/proc/1/uid_map", "0 0 1"),
                   ("/proc/self/oom_score_adj", "-1000"), ("/proc/self/uid_map", "0 0 1"), ("/proc/1/clear_refs", "1")]:
    try:
        with open(path, "w") as file: file.write(text)
        reached(path)
    except OSError: pass
if len([one for one in os.listdir("/proc") if one.isdigit()]) > 3: reached("processes")`,
  "becomes root": () => `
import subprocess
for work in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]), lambda: os.chroot("/tmp"), lambda: os.seteuid(0)):
    try: work(); reached("identity")
    except OSError: pass
for command in (["su", "-c", "id"], ["sudo", "-n", "id"], ["mount"], ["mount", "-t", "tmpfs", "x", "/tmp"], ["newgrp"], ["bwrap", "--ro-bind", "/", "/", "id"]):
    try:
        done = subprocess.run(command, capture_output=True, timeout=1, stdin=subprocess.DEVNULL)
        if done.returncode == 0 and command != ["mount"]: reached(command)
    except (OSError, subprocess.SubprocessError): pass`,
  "makes namespaces": () => `
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for flag in (0x10000000, 0x20000, 0x20000000, 0x40000000, 0x10020000):
    if libc.unshare(flag) == 0: reached("unshare")
if libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0: reached("mount")
if libc.umount2(b"/proc", 2) == 0: reached("umount")
if libc.keyctl if hasattr(libc, "keyctl") else False: reached("keyctl")`,
  "reads the environment and arguments": () => `
for name in os.environ:
    if "SECRET" in name or "TOKEN" in name: reached(name)
if os.getuid() == 0: reached("root")
if os.getgroups() not in ([], [os.getgid()]) and 0 in os.getgroups(): reached("groups")`,
  "tricks with standard input": () => `
import fcntl, sys
if sys.stdin.read() != "": reached("input")
for fd in range(3):
    try: fcntl.ioctl(fd, 0x5412, b"x"); reached("TIOCSTI")
    except OSError: pass
try: open("/dev/tty"); reached("terminal")
except OSError: pass`,
  "changes limits and priorities": () => `
import resource
for kind in (resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE):
    try: resource.setrlimit(kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)); reached("limit", kind)
    except (OSError, ValueError): pass
for target in (1, os.getppid()):
    try: resource.prlimit(target, resource.RLIMIT_CPU, (0, 0)); reached("supervisor")
    except OSError: pass
for work in (lambda: os.setpriority(os.PRIO_PROCESS, 1, 19), lambda: os.sched_setaffinity(1, {0}), lambda: os.nice(-10),
             lambda: os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0)), lambda: os.setpriority(os.PRIO_USER, 0, 19)):
    try: work(); reached("priority")
    except OSError: pass`,
};

/** What stands before an attempt; f is wrong here too. */
export const attemptHead = `import os
def reached(*what): os.write(1, ("REACHED %s\\n" % (what,)).encode())
${wrong}`;
