// The addon in several environments of one process, and clean ends.

import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import * as t from "../src/index.ts";
import { builtPackage, runChild } from "./helpers.ts";

interface Outcome {
  code: number;
  messages: unknown[];
  errors: string[];
}

const preamble = `
const { parentPort, workerData } = require("node:worker_threads");
const matmul = (torch, a) => torch.callAsync(torch.operator("aten::matmul"), a, a);
import(${JSON.stringify(builtPackage())}).then(async (torch) => {
  const a = torch.full([400, 400], torch.float(workerData + 1));
`;

/** Runs `body` (with \`torch\` and \`a\`) in workers at once. */
function inWorkers(count: number, body: string, onMessage?: (worker: Worker) => void): Promise<Outcome[]> {
  const one = (workerData: number) =>
    new Promise<Outcome>((resolve) => {
      const worker = new Worker(`${preamble}${body}\n});`, { eval: true, workerData });
      const outcome: Outcome = { code: -1, messages: [], errors: [] };
      worker.on("message", (message) => {
        outcome.messages.push(message);
        onMessage?.(worker);
      });
      worker.on("error", (error) => outcome.errors.push(error.message));
      worker.on("exit", (code) => resolve({ ...outcome, code }));
    });
  return Promise.all(Array.from({ length: count }, (_, i) => one(i)));
}

test("several workers compute at once, each with its own handles", async () => {
  using here = t.keep(t.ones([3]));
  const before = t.liveTensors();
  const outcomes = await inWorkers(
    3,
    `const sum = torch.item(torch.sum(torch.matmul(a, a)));
     parentPort.postMessage({ sum, live: torch.liveTensors(), handle: a.handle });`,
  );
  outcomes.forEach(({ code, messages, errors }, i) => {
    expect({ code, errors }).toEqual({ code: 0, errors: [] });
    expect(messages).toEqual([
      { sum: 400 ** 3 * (i + 1) ** 2, live: { count: 3, bytes: 2 * 400 * 400 * 4 + 4 }, handle: 0 },
    ]);
  });
  expect(t.liveTensors()).toEqual(before);
  expect(t.toNumbers(here)).toEqual([1, 1, 1]);
});

test("a worker waits for its pending calls", async () => {
  const outcomes = await inWorkers(
    2,
    "for (let i = 0; i < 5; i++) matmul(torch, a).then(() => parentPort.postMessage(i));",
  );
  for (const outcome of outcomes) expect(outcome).toEqual({ code: 0, messages: [0, 1, 2, 3, 4], errors: [] });
});

test("process.exit in a worker with pending calls", async () => {
  const outcomes = await inWorkers(3, "for (let i = 0; i < 50; i++) matmul(torch, a); process.exit(3);");
  for (const outcome of outcomes) expect(outcome).toEqual({ code: 3, messages: [], errors: [] });
});

test("terminate with pending calls", async () => {
  const body = `parentPort.postMessage("ready"); for (let i = 0; i < 500; i++) matmul(torch, a);`;
  const outcomes = await inWorkers(3, body, (worker) => void worker.terminate());
  for (const { code, errors } of outcomes) expect({ code, errors }).toEqual({ code: 1, errors: [] });
});

test("an exception in a worker with pending calls", async () => {
  const [outcome] = await inWorkers(1, `matmul(torch, a); throw new Error("boom");`);
  expect(outcome).toEqual({ code: 1, messages: [], errors: ["boom"] });
});

const pendingCalls = `
const a = torch.ones([600, 600]);
for (let i = 0; i < 10; i++) torch.callAsync(torch.operator("aten::matmul"), a, a);
`;

test.each([
  ["process.exit", "process.exit(5);", 5],
  ["an exception", `throw new Error("boom");`, 1],
  ["nothing more to do", "", 0],
  [
    "a call from an exit listener",
    `process.on("exit", () => torch.callAsync(torch.operator("aten::neg"), a).catch(() => {})); process.exit(6);`,
    6,
  ],
])("the process ends cleanly with pending calls: %s", (_, end, status) => {
  for (let i = 0; i < 2; i++) expect(runChild(pendingCalls + end)).toMatchObject({ status, signal: null });
});
