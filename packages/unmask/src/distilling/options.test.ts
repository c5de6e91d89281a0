import { describe, expect, it } from "vitest";
import { z } from "zod";
import { type DistillerName, distillers } from "../distill/distillers.ts";
import { distillConfigSchema, usual } from "./config.ts";
import { methodKeys, methodOptions } from "./options.ts";

const names = Object.keys(distillers) as DistillerName[];

describe("options of distillers", () => {
  it("reach the method under its own names, without those of the run", () => {
    const section = {
      method: "didi",
      tau_mode: "beta22",
      t0_eps: 0.1,
      kl_hi: 1,
      discriminator_lr: 1e-4,
      kl: undefined,
    };
    expect(methodOptions(section)).toEqual({ tauMode: "beta22", t0Eps: 0.1, klHi: 1 });
    expect(methodOptions({ path_k_steps: 3, mask_ratio_exponent: 8 })).toEqual({
      pathKSteps: 3,
      maskRatioExponent: 8,
    });
  });

  it.each(names)("of %s make a configuration that its own defaults fill, and a JSON Schema", (method) => {
    const schema = distillConfigSchema(method);
    const where =
      distillers[method].data === "trajectories" ? { trajectories: { path: "x" } } : { data: { path: "x" } };
    const given = { ...usual[method], ...where, model: { path: "m" }, distill: { method } };
    const config = schema.parse(given);
    expect(config.out).toBe(`runs/${method}`);
    expect(() => schema.parse({ ...given, distill: { method, no_such_option: 1 } })).toThrow();
    const json = z.toJSONSchema(schema, { io: "input" }) as unknown as {
      properties: { distill: { properties: object } };
    };
    expect(Object.keys(json.properties.distill.properties)).toEqual([
      "method",
      ...Object.keys(methodKeys[method]),
    ]);
  });
});
