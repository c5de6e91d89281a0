// Progress of a download from the hub: one line on a terminal, a line a file elsewhere.

import type { HubProgress } from "../hub/progress.ts";
import { isLive } from "./terminal.ts";

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;

/** A listener that says how far the files are. */
export function downloadProgress(output: NodeJS.WriteStream): (progress: HubProgress) => void {
  const live = isLive(output);
  let done = -1;
  return ({ file, files, all }) => {
    const line = `Fetching ${files.done}/${files.total} files, ${gigabytes(all.receivedBytes)} of ${gigabytes(all.totalBytes)}: ${file}`;
    if (live) output.write(`\r\x1b[2K${line}${files.done === files.total ? "\n" : ""}`);
    else if (files.done !== done) output.write(`${line}\n`);
    done = files.done;
  };
}
