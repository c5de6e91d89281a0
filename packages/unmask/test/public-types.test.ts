// Types of the public interface as an application meets them. The compiler is the judge (npm run check): a line that is
// marked as an error and is none fails too.

import { describe, expect, expectTypeOf, it } from "vitest";
import {
  type AupOptions,
  aup,
  type Decoder,
  type DistillerName,
  decodeTrajectories,
  type Fidelity,
  type GenerateEvent,
  type GenerateOptions,
  type generate,
  generateTask,
  isUnmaskError,
  load,
  type Model,
  type Prompt,
  replay,
  scriptedProposer,
  type Task,
  type Trajectory,
  trajectoryStats,
  UsageError,
} from "../src/index.ts";

describe("generation", () => {
  it("takes a text, a conversation or ids, and yields events told apart by their type", () => {
    expectTypeOf(load).returns.resolves.toEqualTypeOf<Model>();
    expectTypeOf<string>().toExtend<Prompt>();
    expectTypeOf<{ ids: number[] }>().toExtend<Prompt>();
    expectTypeOf([{ role: "user", content: "hello" }] as const).toExtend<Prompt>();
    expectTypeOf<Awaited<ReturnType<ReturnType<typeof generate>["next"]>>["value"]>().toExtend<
      GenerateEvent | undefined
    >();
    type Delta = Extract<GenerateEvent, { type: "text-delta" }>;
    expectTypeOf<Delta["text"]>().toBeString();
    type Finish = Extract<GenerateEvent, { type: "finish" }>;
    expectTypeOf<Finish["totals"]["tokens_per_forward"]>().toBeNumber();
  });

  it("has options that are all optional, and no others", () => {
    expectTypeOf({}).toExtend<GenerateOptions>();
    const options: GenerateOptions = {
      maxNewTokens: 8,
      // @ts-expect-error the field is maxNewTokens
      max_new_tokens: 8,
    };
    expect(options.maxNewTokens).toBe(8);
    expectTypeOf<Fidelity>().toEqualTypeOf<"corrected" | "released">();
  });
});

describe("trajectories", () => {
  it("are read with their header, and replayed without a model", () => {
    expectTypeOf(decodeTrajectories).parameters.toEqualTypeOf<[Uint8Array, string]>();
    expectTypeOf(replay).parameters.toEqualTypeOf<[Trajectory, number]>();
    expectTypeOf(trajectoryStats).returns.toHaveProperty("tokensPerForward").toBeNumber();
    // @ts-expect-error a record is not changed
    const change = (one: Trajectory) => (one.forwards = 1);
    expect(change).toBeTypeOf("function");
  });
});

describe("tables and tasks", () => {
  it("names of distillers are known to the compiler", () => {
    expectTypeOf<"t3d" | "d3llm" | "didi">().toExtend<DistillerName>();
    expectTypeOf<"t4d">().not.toExtend<DistillerName>();
    expectTypeOf<Decoder["options"]>().toBeObject();
  });

  it("a task of one's own is a Task", () => {
    expectTypeOf(generateTask).returns.toEqualTypeOf<Task>();
    expectTypeOf(aup).parameter(1).toEqualTypeOf<AupOptions>();
  });
});

describe("errors", () => {
  it("are told apart by a guard", () => {
    const error: unknown = new UsageError("a sentence");
    expect(isUnmaskError(error)).toBe(true);
    if (isUnmaskError(error)) expectTypeOf(error.exitCode).toExtend<number>();
    expectTypeOf(scriptedProposer).parameter(0).toBeFunction();
  });
});
