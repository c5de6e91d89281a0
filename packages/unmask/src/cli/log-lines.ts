// The server's log for people: a line an event, of what pino writes as JSON.

import { hasColours, type Output, printable, styles } from "./terminal.ts";

interface Event {
  readonly level: number;
  readonly time: string;
  readonly msg?: string;
  readonly request?: string;
  readonly method?: string;
  readonly path?: string;
  readonly status?: number;
  readonly ms?: number;
  readonly err?: { readonly stack?: string };
}

/** A stream for pino. */
export function logLines(output: Output): { write(line: string): void } {
  const style = styles(hasColours(output));
  return {
    write(line) {
      const event = JSON.parse(line) as Event;
      const { level, time, msg = "", request, method, path, status, ms, err } = event;
      const parts = method === undefined ? [msg] : [status, `${ms} ms`, method, path];
      const text = printable(parts.join(" ") + (err?.stack === undefined ? "" : `\n${err.stack}`));
      const shown = level >= 40 ? style.red(text) : text;
      output.write(`${style.dim(time.slice(11, 19))} ${shown} ${style.dim(request ?? "")}\n`);
    },
  };
}
