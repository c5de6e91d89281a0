// Values of a configuration by path: groups in groups, and lists whose entries are reached by their numbers.

import { ConfigError } from "../base/errors.ts";
import { isIndex, isRecord } from "./schema-tree.ts";

export type Values = Record<string, unknown>;

export function merge(low: Readonly<Values>, high: Readonly<Values>): Values {
  const merged: Values = { ...low };
  for (const [key, value] of Object.entries(high)) {
    const under = merged[key];
    merged[key] = isRecord(value) && isRecord(under) ? merge(under, value) : value;
  }
  return merged;
}

export function withoutNulls(values: Values): Values {
  const kept: Values = {};
  for (const [key, value] of Object.entries(values)) {
    if (value === null) continue;
    kept[key] = isRecord(value) ? withoutNulls(value) : value;
  }
  return kept;
}

/** A copy with the value at a path set, or removed if it is null. A name in a list becomes a group when it gets a key. */
export function withValue(values: Values, [key, ...rest]: readonly string[], value: unknown): Values {
  const copy = { ...values };
  if (key === undefined) return copy;
  const under = copy[key];
  if (rest.length > 0 && Array.isArray(under)) copy[key] = withEntry(under, rest, value);
  else if (rest.length > 0) copy[key] = withValue(isRecord(under) ? under : {}, rest, value);
  else if (value === null || value === undefined) delete copy[key];
  else copy[key] = isRecord(value) && isRecord(under) ? merge(under, value) : value;
  return copy;
}

function withEntry(
  list: readonly unknown[],
  [at = "", ...rest]: readonly string[],
  value: unknown,
): unknown[] {
  const copy = [...list];
  if (!isIndex(at) || Number(at) > list.length) {
    throw new ConfigError(`${at} is no place in a list of ${list.length}; give 0 to ${list.length}`, { at });
  }
  const under = copy[Number(at)];
  const group = isRecord(under) ? under : typeof under === "string" ? { name: under } : {};
  copy[Number(at)] = rest.length === 0 ? value : withValue(group, rest, value);
  return copy;
}

export function valueAt(values: unknown, path: readonly string[]): unknown {
  const inside = (value: unknown, key: string): unknown =>
    isRecord(value) ? value[key] : Array.isArray(value) ? value[Number(key)] : undefined;
  return path.reduce<unknown>(inside, values);
}
