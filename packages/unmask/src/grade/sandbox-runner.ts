// The runner: a Python program, as text, that executes program and tests in one interpreter, as the public rules do.
// It proves that it came to the end of the tests by sending back a secret, which it reads from a pipe only then:
// `exit()`, a forked child or a printed "passed" prove nothing. Program and tests are compiled apart, so that an
// open quotation mark cannot swallow the tests.

/** Program on descriptor 3, verdict to descriptor 4. Everything it needs at the end it holds before the program runs. */
export const runnerSource = String.raw`
def run(os, sys):
    read, write, leave, getpid = os.read, os.write, os._exit, os.getpid
    make, execute, pid = compile, exec, os.getpid()

    def take(count):
        parts = []
        while count > 0:
            parts.append(read(3, min(count, 1 << 16)))
            if not parts[-1]:
                leave(1)
            count -= len(parts[-1])
        return b"".join(parts)

    head = b""
    while not head.endswith(b"\n"):
        head += take(1)
    program, tests = [take(int(one)).decode("utf-8", "replace") for one in head.split()]

    def report(error):
        text = ""
        try:
            text = str(error)[:500]
        except BaseException:
            pass
        where, line, at = "", "", error.__traceback__
        while at is not None:
            if at.tb_frame.f_code.co_filename in ("<program>", "<tests>"):
                where, line = at.tb_frame.f_code.co_filename[1:-1], at.tb_lineno
            at = at.tb_next
        source = ""
        if where:
            lines = (program if where == "program" else tests).split("\n")
            source = lines[line - 1].strip()[:300] if 0 < line <= len(lines) else ""
        name = type.__dict__["__name__"].__get__(type(error))
        parts = ["raised", str(name)[:100], where, str(line), source, text]
        return "\n".join([" ".join(one.split()) for one in parts[:-1]] + [text]).encode("utf-8", "replace")

    try:
        second = make(tests, "<tests>", "exec")
        first = make(program, "<program>", "exec")
        namespace = {}
        execute(first, namespace)
        execute(second, namespace)
    except BaseException as error:
        try:
            if getpid() == pid:
                write(4, report(error))
        finally:
            leave(1)
    if getpid() != pid:
        leave(1)
    write(4, take(32)[::-1])
    leave(0)


run(__import__("os"), __import__("sys"))
`;
