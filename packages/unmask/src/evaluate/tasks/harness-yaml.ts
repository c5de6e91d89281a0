// Reads a task file of lm-evaluation-harness: YAML 1.1, `include:` of other files (what stands in the file itself wins),
// and `!function module.name`, which stands for Python code. Such code is not run: where it would be needed the task is
// refused with the field's name.

import { readFileSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { parseDocument, type ScalarTag } from "yaml";
import { ConfigError } from "../../base/errors.ts";

/** Where a file calls for Python code. */
export class PythonFunction {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

const functionTag: ScalarTag = {
  tag: "!function",
  identify: (value) => value instanceof PythonFunction,
  resolve: (name) => new PythonFunction(name),
};

export type Settings = Readonly<Record<string, unknown>>;

/** As Python's reader takes them: of two equal keys the last, and lines of a text wherever they begin. */
const options: Parameters<typeof parseDocument>[1] = {
  ...{ version: "1.1", customTags: [functionTag], uniqueKeys: false, strict: false, logLevel: "error" },
};

/** The file's settings with those of what it includes below them. */
export function readHarnessYaml(file: string): Settings {
  return readWith(file, []);
}

function readWith(file: string, including: readonly string[]): Settings {
  if (including.includes(file)) {
    throw new ConfigError(`${[...including, file].join(" includes ")}; take one include out`, { file });
  }
  const { include, ...own } = readOne(file);
  const includes = include === undefined || include === null ? [] : [include].flat();
  const below = includes.map((name) => {
    if (typeof name !== "string") {
      throw new ConfigError(`${file}: include is no file name; give a file, or a list of files`, { file });
    }
    return readWith(isAbsolute(name) ? name : join(dirname(file), name), [...including, file]);
  });
  return Object.assign({}, ...below, own) as Settings;
}

function readOne(file: string): Settings {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const problem = code === "ENOENT" ? "does not exist" : `cannot be read (${code})`;
    throw new ConfigError(
      `${file} ${problem}; give a task file of lm-evaluation-harness`,
      { file },
      { cause },
    );
  }
  const document = parseDocument(text, options);
  const [error] = document.errors;
  if (error !== undefined) {
    const [sentence] = error.message.split("\n");
    throw new ConfigError(`${file} is no YAML: ${sentence!.replace(/:$/, "")}`, { file }, { cause: error });
  }
  const value = plainValue(document, file);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Settings;
  throw new ConfigError(`${file} holds no settings; give a task file such as "task: mine"`, { file });
}

function plainValue(document: ReturnType<typeof parseDocument>, file: string): unknown {
  let value: unknown;
  try {
    value = document.toJS();
  } catch (cause) {
    throw new ConfigError(`${file} is no YAML: ${(cause as Error).message}`, { file }, { cause });
  }
  if (!refersToItself(value, [])) return value;
  throw new ConfigError(`${file} holds a list or group that refers to itself; write it out`, { file });
}

function refersToItself(value: unknown, inside: readonly unknown[]): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (inside.includes(value)) return true;
  return Object.values(value).some((one) => refersToItself(one, [...inside, value]));
}
