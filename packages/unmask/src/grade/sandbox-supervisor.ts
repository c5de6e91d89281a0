// The supervisor: a Python program that is process 1 of the sandbox, as text, because it is handed to `python3 -c`. It
// starts the runner with limits, watches all processes of the sandbox, and prints one verdict; when it ends, the
// kernel ends everything else. The program cannot reach it: signals do not reach process 1, it is not dumpable, and
// its pipes are not inherited.
//
// Its standard input: "<bytes of program> <bytes of tests>\n" and both. Its standard output: "ready\n", then
// "<kind> <processor seconds> <memory bytes> <bytes of report>\n", the report, and the end of what was printed.

/** Arguments: the limits in the order of `supervisorArguments`, then the runner. */
export const supervisorSource = String.raw`
import ctypes, os, resource, select, signal, sys, time

SECONDS, WALL, MEMORY, SPACE, OUTPUT, DISK, PROCESSES, FILES = [float(one) for one in sys.argv[1:9]]
WORK, ALONE, FILTER, RUNNER = sys.argv[9], sys.argv[10] == "alone", sys.argv[11] == "filter", sys.argv[12]
TAIL = 2000
ME = os.getpid()
TICK = os.sysconf("SC_CLK_TCK")


def protect():
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")  # the first to go when the machine's memory ends
    except OSError:
        pass
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(4, 0, 0, 0, 0) != 0:  # PR_SET_DUMPABLE: nobody reads or writes our memory
        raise OSError("PR_SET_DUMPABLE failed")
    libc.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: daemons stay our children
    if FILTER:
        refuse_calls(libc)


def refuse_calls(libc):
    """Installs the filter of system calls that comes on descriptor 3, for us and all children."""
    with open(3, "rb") as file:
        code = file.read()

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]

    program = Program(len(code) // 8, code)
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    if libc.prctl(22, 2, ctypes.byref(program), 0, 0) != 0:  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
        raise OSError("PR_SET_SECCOMP failed")


def limit(kind, soft, hard=None):
    try:
        resource.setrlimit(kind, (int(soft), int(soft if hard is None else hard)))
    except (OSError, ValueError):
        if ALONE:
            raise


def start(program, verdict, printed):
    pid = os.fork()
    if pid != 0:
        return pid
    try:
        os.setsid()
        os.nice(5)
        null = os.open("/dev/null", os.O_RDONLY)
        wanted = [os.dup2(fd, 100 + at) for at, fd in enumerate((null, printed, printed, program, verdict))]
        for at, fd in enumerate(wanted):
            os.dup2(fd, at, inheritable=True)
        os.closerange(5, 4096)
        limit(resource.RLIMIT_CORE, 0)
        limit(resource.RLIMIT_CPU, SECONDS + 1, SECONDS + 2)
        limit(resource.RLIMIT_FSIZE, DISK)
        limit(resource.RLIMIT_NOFILE, FILES)
        limit(resource.RLIMIT_MEMLOCK, 0)
        limit(resource.RLIMIT_NPROC, PROCESSES)
        limit(resource.RLIMIT_AS, SPACE)
        os.execv(sys.executable, [sys.executable, "-s", "-B", "-c", RUNNER])
    except BaseException as error:
        os.write(2, repr(error).encode())
    os._exit(126)


def fields(pid):
    """Parent, processor seconds (with children that were waited for), memory."""
    with open("/proc/%d/stat" % pid, "rb") as file:
        stat = file.read().rpartition(b")")[2].split()
    memory = 0
    with open("/proc/%d/status" % pid, "rb") as file:
        for line in file:
            if line.startswith((b"RssAnon:", b"RssShmem:", b"VmSwap:")):
                memory += int(line.split()[1]) * 1024
    return int(stat[1]), sum(int(one) for one in stat[11:15]) / TICK, memory


def members():
    """What runs in the sandbox besides us. Without a process namespace: our descendants."""
    found = {}
    try:
        names = os.listdir("/proc")
    except OSError:
        return found
    for name in names:
        if name.isdigit() and int(name) != ME:
            try:
                found[int(name)] = fields(int(name))
            except (OSError, ValueError, IndexError):
                pass
    if ALONE:
        return found
    ours = {ME}
    while True:
        more = {pid for pid, (parent, _, _) in found.items() if parent in ours} - ours
        if not more:
            return {pid: one for pid, one in found.items() if pid in ours}
        ours |= more


def waited(pid):
    """Seconds that a process was ready to run and had no processor: not its fault."""
    try:
        with open("/proc/%d/schedstat" % pid, "rb") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return None


def waited_for():
    """Processor seconds of all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def disk():
    """Bytes and files in the two folders that may be written to; both lie in memory."""
    used = names = 0
    for folder in (WORK, "/dev/shm"):
        stat = os.statvfs(folder)
        used += (stat.f_blocks - stat.f_bfree) * stat.f_frsize
        names += stat.f_files - stat.f_ffree
    return used, names


class Watch:
    def __init__(self, child):
        self.child, self.begin, self.cpu, self.peak = child, time.monotonic(), 0.0, 0
        self.late, self.known = 0.0, False
        self.before = waited_for()  # what set up the sandbox before us

    def broken(self):
        """The limit that is exceeded, if any."""
        found = members()
        self.cpu = max(self.cpu, sum(one[1] for one in found.values()) + waited_for() - self.before)
        used, names = disk() if ALONE else (0, 0)
        memory = sum(one[2] for one in found.values())
        self.peak = max(self.peak, memory + used)
        delays = [one for one in map(waited, [self.child, *found]) if one is not None]
        elapsed = time.monotonic() - self.begin
        self.late = max([self.late, *delays])
        self.known = self.known or bool(delays)
        allowed = SECONDS if self.known else 4 * SECONDS
        if elapsed - self.late > allowed or elapsed > WALL or self.cpu > SECONDS * 2:
            return "timeout"
        if len(found) > 2 * PROCESSES + 2:
            return "processes"  # where RLIMIT_NPROC does not bind us
        if memory + used > MEMORY:
            return "memory"
        if used > DISK or names > 20000:
            return "disk"
        return None


def watch(child, verdict, printed):
    """Returns kind, what the runner sent, the end of the output, exit status, the watch."""
    seen, sent, tail, count = Watch(child), b"", b"", 0
    poll, opened = select.poll(), {verdict, printed}
    for fd in opened:
        os.set_blocking(fd, False)
        poll.register(fd, select.POLLIN)
    poll.register(1, 0)
    status, checked = None, 0.0
    while status is None:
        if any(fd == 1 for fd, _ in poll.poll(20)):
            return "abandoned", sent, tail, None, seen  # nobody reads us any more
        for fd in list(opened):
            try:
                data = os.read(fd, 1 << 16)
            except BlockingIOError:
                continue
            if not data:
                opened.discard(fd)
                poll.unregister(fd)
            elif fd == verdict:
                sent = (sent + data)[:8192]
            else:
                count, tail = count + len(data), (tail + data)[-TAIL:]
        if count > OUTPUT:
            return "output", sent, tail, None, seen
        status = reap(child, wait=verdict not in opened and printed not in opened)
        if status is None and time.monotonic() - checked > 0.018:
            kind = seen.broken()
            if kind is not None:
                return kind, sent, tail, None, seen
            checked = time.monotonic()
    for fd in opened:
        try:
            data = os.read(fd, 1 << 16)
        except BlockingIOError:
            continue
        if fd == verdict:
            sent = (sent + data)[:8192]
        else:
            tail = (tail + data)[-TAIL:]
    seen.cpu = max(seen.cpu, waited_for() - seen.before)
    return "ended", sent, tail, status, seen


def reap(child, wait):
    """Waits for whoever ended (process 1 inherits orphans); the exit status of the child once it has one."""
    if wait:
        time.sleep(0.001)  # its pipes are closed, so it is about to end or plays dead
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return -1
        if pid == child:
            return status
        if pid == 0:
            return None


def clean():
    """Without a process namespace nobody else ends what is left."""
    for _ in range(200):
        left = members()
        if not left:
            return
        for signal_ in (signal.SIGSTOP, signal.SIGKILL):
            for pid in left:
                try:
                    os.kill(pid, signal_)
                except OSError:
                    pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0] != 0:
                pass
        except ChildProcessError:
            pass
        time.sleep(0.01)


def judge(kind, sent, status, secret):
    if kind != "ended":
        return kind, b""
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0 and sent == secret[::-1]:
        return "passed", b""
    if sent.startswith(b"raised\n"):
        return "raised", sent[7:]
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return ("timeout", b"") if number == signal.SIGXCPU else ("killed", b"%d" % number)
    return "exited", b"%d" % os.WEXITSTATUS(status)


def main():
    protect()
    os.write(1, b"ready\n")
    head = sys.stdin.buffer.readline()
    body = sys.stdin.buffer.read()
    if sum(int(one) for one in head.split()) != len(body):
        sys.exit(1)
    secret = os.urandom(16).hex().encode()
    (program, feed), (receive, verdict), (listen, printed) = os.pipe(), os.pipe(), os.pipe()
    child = start(program, verdict, printed)
    for fd in (program, verdict, printed):
        os.close(fd)
    try:
        os.write(feed, head)
        while body:
            body = body[os.write(feed, body) :]
        os.write(feed, secret)
    except BrokenPipeError:
        pass
    os.close(feed)
    kind, sent, tail, status, seen = watch(child, receive, listen)
    if not ALONE:
        clean()
    kind, report = judge(kind, sent, status, secret)
    line = "%s %.3f %d %d\n" % (kind, seen.cpu, seen.peak, len(report))
    out = line.encode() + report + tail
    while out:
        out = out[os.write(1, out) :]
    os._exit(0)


main()
`;
