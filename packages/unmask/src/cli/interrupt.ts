// Ctrl-C. The first asks the running work to stop where it can be gone on from; the second ends the process at once.
//
// A terminal sends the signal to every process of the group, and npm passes on what it gets itself, so that one key
// may arrive twice: a signal within half a second of the first is the same one.

export const interruptedExitCode = 130;

const sameKey = 500; // ms
const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface Interrupt {
  readonly signal: AbortSignal;
  /** Gives the signals back to Node. */
  release(): void;
}

/** `notify` is called once, at the first signal. */
export function onInterrupt(notify: () => void): Interrupt {
  const controller = new AbortController();
  let first = 0;
  const handle = (): void => {
    const now = performance.now();
    if (!controller.signal.aborted) {
      first = now;
      controller.abort();
      notify();
    } else if (now - first > sameKey) {
      process.exit(interruptedExitCode);
    }
  };
  for (const name of names) process.on(name, handle);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of names) process.removeListener(name, handle);
    },
  };
}
