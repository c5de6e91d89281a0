// Which files of a dataset's repository belong to which configuration and split, by the conventions of Hugging Face's
// `datasets`:
//
//   README.md     `configs` in its YAML head: a name, and `data_files` as one pattern, several, or { split, path }
//   else          data/train-00000-of-00005.parquet        the split is the word in front
//                 train/…, data/dev/…                      a folder named after a split
//                 train.jsonl, my-test-part2.parquet       a file named after a split, as a word of its own
//                 anything                                 all of it is train
//   converted     default/train/0000.parquet               on the branch refs/convert/parquet
//
// Where a split has files of several formats, the one with the most files counts (they are usually copies of each other).

import { parseDocument } from "yaml";
import { DataError } from "../base/errors.ts";
import { globMatcher } from "../base/glob.ts";

/** Split -> names of its files, sorted. */
export type Splits = ReadonlyMap<string, readonly string[]>;

export interface DatasetConfigs {
  readonly configs: ReadonlyMap<string, Splits>;
  /** The one that its author made the default. */
  readonly default: string | undefined;
}

export const convertedRevision = "refs/convert/parquet";

const formats = [
  ["parquet", /\.parquet$/],
  ["jsonl", /\.(jsonl|ndjson|json)(\.gz)?$/],
  ["text", /\.(txt|text)(\.gz)?$/],
] as const;

const formatOf = (name: string) => formats.find(([, ending]) => ending.test(name))?.[0];

const keywords = {
  train: ["train", "training"],
  validation: ["validation", "valid", "dev", "val"],
  test: ["test", "testing", "eval", "evaluation"],
} as const;

const isHidden = (name: string) => name.split("/").some((part) => /^(\.|__)/.test(part));
const isAside = (name: string) =>
  /^(dataset_infos?|metadata|license|readme|requirements)\b/i.test(name.split("/").at(-1)!);

/** `readme` is the text of README.md; `source` names the repository in messages. */
export function datasetConfigs(
  names: readonly string[],
  {
    readme,
    revision,
    source,
  }: { readme?: string | undefined; revision?: string | undefined; source: string },
): DatasetConfigs {
  const files = names.filter((name) => !isHidden(name) && formatOf(name) !== undefined).sort();
  const usual = files.filter((name) => !isAside(name));
  if (revision === convertedRevision) return { configs: converted(usual), default: undefined };
  const declared = readme === undefined ? [] : declaredConfigs(readme, source);
  if (declared.length === 0) {
    return {
      configs: new Map(usual.length > 0 ? [["default", oneFormat(usualSplits(usual))]] : []),
      default: undefined,
    };
  }
  const configs = declared.map(({ name, folder, patterns }) => {
    const inside = folder === "" ? usual : usual.filter((file) => file.startsWith(`${folder}/`));
    const splits = patterns === undefined ? usualSplits(inside, folder) : byPatterns(files, patterns, folder);
    return [name, oneFormat(splits)] as const;
  });
  return { configs: new Map(configs), default: declared.find((one) => one.isDefault)?.name };
}

function converted(files: readonly string[]): Map<string, Splits> {
  const configs = new Map<string, Map<string, string[]>>();
  for (const file of files) {
    const [config, split, ...rest] = file.split("/");
    if (split === undefined || rest.length === 0) continue;
    const splits = configs.get(config!) ?? new Map<string, string[]>();
    configs.set(config!, splits);
    add(splits, split.replace(/^partial-/, ""), file);
  }
  return configs;
}

const add = (splits: Map<string, string[]>, split: string, file: string) =>
  splits.set(split, [...(splits.get(split) ?? []), file]);

/** `folder` (of a configuration) is taken for the root. */
function usualSplits(files: readonly string[], folder = ""): Map<string, string[]> {
  const inside = (file: string) => (folder === "" ? file : file.slice(folder.length + 1));
  const ways: ((file: string) => string | undefined)[] = [
    (file) => /^data\/(\w+(?:\.\w+)*)-\d{5}-of-\d{5}[^/]*\.[^/]*$/.exec(file)?.[1],
    (file) => splitNamed(file.split("/").slice(0, -1)),
    (file) => splitNamed([`${file.split("/").at(-1)}`], true),
    () => "train",
  ];
  for (const way of ways) {
    const splits = new Map<string, string[]>();
    for (const file of files) {
      const split = way(inside(file));
      if (split !== undefined) add(splits, split, file);
    }
    if (splits.size > 0) return splits;
  }
  return new Map();
}

/** The split that one of the names holds as a word. */
function splitNamed(parts: readonly string[], mustGoOn = false): string | undefined {
  const end = mustGoOn ? "[-._ 0-9]" : "(?:[-._ 0-9]|$)";
  return Object.entries(keywords).find(([, words]) => {
    const word = new RegExp(`(?:^|[-._ 0-9])(?:${words.join("|")})${end}`);
    return parts.some((part) => word.test(part));
  })?.[0];
}

function byPatterns(files: readonly string[], patterns: readonly SplitPatterns[], folder: string): Splits {
  const splits = new Map<string, string[]>();
  for (const { split, paths } of patterns) {
    const matchers = paths.map((path) => {
      const whole = folder === "" ? path : `${folder}/${path}`;
      return globMatcher(whole.replace(/^\.\//, ""));
    });
    const found = files.filter((file) => matchers.some((matches) => matches(file)));
    if (found.length > 0) splits.set(split, [...new Set([...(splits.get(split) ?? []), ...found])].sort());
  }
  return splits;
}

function oneFormat(splits: Splits): Splits {
  return new Map(
    [...splits].map(([split, files]) => {
      const groups = formats.map(([format]) => files.filter((file) => formatOf(file) === format));
      return [split, groups.reduce((best, group) => (group.length > best.length ? group : best))];
    }),
  );
}

interface SplitPatterns {
  readonly split: string;
  readonly paths: readonly string[];
}

interface Declared {
  readonly name: string;
  readonly isDefault: boolean;
  readonly folder: string;
  readonly patterns: readonly SplitPatterns[] | undefined;
}

function declaredConfigs(readme: string, source: string): Declared[] {
  const [, head] = /^\uFEFF?---\r?\n([\s\S]*?)\r?\n---/.exec(readme) ?? [];
  if (head === undefined) return [];
  // A card is for people first: one that is no YAML declares nothing.
  const document = parseDocument(head, { logLevel: "silent" });
  if (document.errors.length > 0) return [];
  const configs: unknown = (document.toJS({ maxAliasCount: 100 }) as { configs?: unknown } | null)?.configs;
  if (configs === undefined || configs === null) return [];
  if (!Array.isArray(configs)) throw strange(source, "configs is no list");
  return configs.map((entry: unknown) => {
    const {
      config_name: name = "default",
      data_files: files,
      data_dir: folder = "",
      default: isDefault,
    } = record(entry);
    if (typeof name !== "string" || typeof folder !== "string")
      throw strange(source, "a config's name or folder is no text");
    const plain = folder.replace(/^\.\/|\/+$/g, "");
    return { name, isDefault: isDefault === true, folder: plain, patterns: patternsOf(files, source) };
  });
}

const record = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

function patternsOf(files: unknown, source: string): SplitPatterns[] | undefined {
  if (files === undefined || files === null) return undefined;
  const texts = (value: unknown): string[] => {
    const list: unknown[] = Array.isArray(value) ? value : [value];
    if (list.every((one) => typeof one === "string")) return list as string[];
    throw strange(source, "data_files holds something that is no path");
  };
  if (typeof files === "string") return [{ split: "train", paths: [files] }];
  if (!Array.isArray(files)) {
    return Object.entries(record(files)).map(([split, paths]) => ({ split, paths: texts(paths) }));
  }
  if (files.every((one) => typeof one === "string")) return [{ split: "train", paths: files as string[] }];
  return files.map((one: unknown) => {
    const { split = "train", path } = record(one);
    if (typeof split !== "string") throw strange(source, "a split's name is no text");
    return { split, paths: texts(path) };
  });
}

const strange = (source: string, found: string): DataError =>
  new DataError(
    `${source}: the head of README.md cannot be followed (${found}); name the files yourself, as hf://datasets/${source}/data/*.parquet`,
    {
      source,
    },
  );
