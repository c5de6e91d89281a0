// Every generated operator, once with valid and once with wrong arguments. A name in ops.ts without a row here fails.

import { describe, expect, test } from "vitest";
import * as generated from "../src/generated/ops.ts";
import { liveTensors, scope } from "../src/index.ts";
import { expectClose, plain, torchErrorOf } from "./helpers.ts";
import type { Table } from "./operators/case.ts";
import { creation } from "./operators/creation.ts";
import { elementwise } from "./operators/elementwise.ts";
import { networks } from "./operators/networks.ts";
import { reductions } from "./operators/reductions.ts";
import { shapes } from "./operators/shapes.ts";

/** Files that ran before in this process may have kept some. */
const before = liveTensors();

const table: Table = { ...creation, ...elementwise, ...reductions, ...shapes, ...networks };

test("the table covers every generated operator", () => {
  const exported = Object.keys(generated).filter((name) => name !== "operators");
  expect(Object.keys(table).sort()).toEqual(exported.sort());
});

describe.each(Object.entries(table))("%s", (_, { good, want, bad, since }) => {
  const missing = since !== undefined && !since.exists;

  test("gives what it should", () => {
    if (missing) {
      expect(scope(() => torchErrorOf(good)).message).toContain("this libtorch has no such operator");
      return;
    }
    const result = scope(() => plain(good()));
    if (typeof want === "function") expect(want(result)).toBe(true);
    else expectClose(result, want);
  });

  test("refuses wrong arguments", () => {
    const { message } = scope(() => torchErrorOf(bad));
    expect(message).toMatch(/^(aten::\w|dtype|device)/);
    expect(message).not.toMatch(/\n|Exception raised from|frame #/);
  });
});

test("no tensor is left over", () => {
  expect(liveTensors()).toEqual(before);
});
