// A task that a user wrote: a module that exports `task`, made with generateTask() or chooseTask().

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { UsageError } from "../../base/errors.ts";
import type { Task } from "./task.ts";

export async function moduleTask(file: string): Promise<Task> {
  let module: { readonly task?: unknown };
  try {
    module = (await import(pathToFileURL(resolve(file)).href)) as { readonly task?: unknown };
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const help =
      code === "ERR_UNKNOWN_FILE_EXTENSION"
        ? `this Node.js does not run TypeScript; compile it to JavaScript, or use Node.js 22.18 or newer`
        : "mend the module";
    throw new UsageError(
      `${file} cannot be loaded (${message.split("\n")[0]}); ${help}`,
      { file },
      { cause },
    );
  }
  if (isTask(module.task)) return module.task;
  throw new UsageError(`${file} exports no task; write "export const task = generateTask({ … })"`, { file });
}

function isTask(value: unknown): value is Task {
  if (typeof value !== "object" || value === null) return false;
  const { name, version, kind, open } = value as Partial<Task>;
  return typeof name === "string" && typeof version === "string" && kind !== undefined && open !== undefined;
}
