// A save that is killed, runs out of room or is refused leaves the earlier file whole.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { childScript, f, runChild, temporaryFolder } from "../../test/helpers.ts";
import * as t from "../index.ts";

const folder = temporaryFolder();
const path = join(folder, "file.safetensors");
const leftovers = () => readdirSync(folder).filter((name) => name.endsWith(".tmp"));
const size = 1 << 19;

/** All elements of "x" are the number in the metadata, or the file is torn. */
function consistentStep(): number {
  return t.scope(() => {
    const file = t.openSafetensors(path);
    const step = Number(file.metadata.step);
    const x = file.tensor("x");
    expect(t.item(t.amin(x))).toBe(step);
    expect(t.item(t.amax(x))).toBe(step);
    file.close();
    return step;
  });
}

beforeEach(() => {
  t.scope(() => t.saveSafetensors(path, { x: f([0]) }, { metadata: { step: "0" } }));
});

test("killed in the middle of a save, again and again", async () => {
  const script = childScript(`
    for (let step = 1; ; step++) {
      torch.scope(() => torch.saveSafetensors(${JSON.stringify(path)}, { x: torch.full([${size}], torch.float(step)) },
        { metadata: { step: String(step) } }));
      if (step === 1) console.log("saved");
    }`);
  for (let round = 0; round < 6; round++) {
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const closed = once(child, "close");
    await once(child.stdout, "data");
    await new Promise((resolve) => setTimeout(resolve, 5 + 12 * round));
    child.kill("SIGKILL");
    await closed;
    expect(consistentStep()).toBeGreaterThan(0);
    expect(leftovers().length).toBeLessThanOrEqual(1);
  }
  // What the last kill left goes with the next save.
  t.scope(() => t.saveSafetensors(path, { x: f([5]) }, { metadata: { step: "5" } }));
  expect(leftovers()).toEqual([]);
  expect(readdirSync(folder).filter((name) => name.includes(hostname()))).toEqual([]);
});

test("no room: the error names the file and the remedy, the earlier file stays", () => {
  // The shell's limit is in blocks of 512 or 1024 bytes; the tensor has 2 MB.
  const { status, stdout, stderr } = runChild(
    `
    try {
      torch.saveSafetensors(${JSON.stringify(path)}, { x: torch.ones([${size}]) }, { metadata: { step: "1" } });
    } catch (error) {
      console.log(JSON.stringify([error.name, error.message]));
    }`,
    { before: "trap '' XFSZ; ulimit -f 512" },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const [name, message] = JSON.parse(stdout) as [string, string];
  expect(name).toBe("SafetensorsError");
  expect(message.startsWith(`${path}: could not be written, an earlier file is untouched: EFBIG`)).toBe(true);
  expect(message).toContain("raise the limit or save in smaller shards");
  expect(consistentStep()).toBe(0);
  expect(leftovers()).toEqual([]);
});

test("a folder that is none", () => {
  expect(() => t.saveSafetensors("/dev/full/x", { x: f([1]) })).toThrow(
    /^\/dev\/full\/x: could not be written.*ENOTDIR/,
  );
});

test("saving does not need the memory again", () => {
  const { stdout, status } = runChild(`
    torch.setThreads(1);
    const tensors = torch.scope(() => Object.fromEntries(
      Array.from({ length: 10 }, (_, i) => ["t" + i, torch.full([1 << 22], torch.float(i))])));
    torch.saveSafetensors(${JSON.stringify(path)}, { t: torch.zeros([1]) });
    const before = process.resourceUsage().maxRSS;
    torch.saveSafetensors(${JSON.stringify(path)}, tensors);
    console.log(JSON.stringify(process.resourceUsage().maxRSS - before));`);
  expect(status).toBe(0);
  expect(statSync(path).size).toBeGreaterThan(160 << 20);
  // In KB: well below the 160 MB of the tensors.
  expect(Number(stdout)).toBeLessThan(100_000);
});

describe("saving refuses", () => {
  const cases: Record<string, [() => void, RegExp]> = {
    "a freed tensor": [
      () => {
        const x = f([1]);
        x.dispose();
        t.saveSafetensors(path, { x });
      },
      /tensor "x": it was freed/,
    ],
    "an empty name": [() => t.saveSafetensors(path, { "": f([1]) }), /no tensor can have this name/],
    "the name of the metadata": [
      () => t.saveSafetensors(path, { __metadata__: f([1]) }),
      /no tensor can have this name/,
    ],
    "half a character": [() => t.saveSafetensors(path, { "\ud800": f([1]) }), /must be valid Unicode/],
    "what is no tensor": [() => t.saveSafetensors(path, { x: [1] as never }), /must be a Tensor, got \[1\]/],
    "metadata of numbers": [
      () => t.saveSafetensors(path, {}, { metadata: { step: 1 as never } }),
      /metadata holds strings, got 1 for "step"/,
    ],
    "a missing folder": [
      () => t.saveSafetensors(join(folder, "none", "x"), {}),
      /could not be written.*ENOENT/,
    ],
  };
  test.each(Object.entries(cases))("%s, and leaves the earlier file and no other", (_, [body, pattern]) => {
    t.saveSafetensors(path, {}, { metadata: { earlier: "yes" } });
    expect(() => t.scope(body)).toThrow(pattern);
    expect(() => t.scope(body)).toThrow(t.SafetensorsError);
    expect(t.openSafetensors(path).metadata).toEqual({ earlier: "yes" });
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  test("a folder in the file's place", () => {
    mkdirSync(join(folder, "taken"));
    expect(() => t.saveSafetensors(join(folder, "taken"), {})).toThrow(/could not be written/);
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });
});
