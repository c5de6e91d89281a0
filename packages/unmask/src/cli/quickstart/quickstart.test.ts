// The whole quickstart with budgets of a moment: every stage runs, none is worth anything.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { builtModule, type ChildOptions, runModule } from "../../../test/built.ts";
import { bundledFolder } from "../../generate/bundled.ts";
import { trainConfigSchema } from "../../train/config.ts";
import { readConfig } from "../config.ts";
import { displayWidth } from "../terminal.ts";
import { quickstart } from "./quickstart.ts";
import { type Settings, usualSettings } from "./settings.ts";

const moment = { minutes: 1e-3 };
const small = { batch_size: 4, warmup: 1 };

const settings: Settings = {
  ...usualSettings,
  processes: 1, // sources do not run in processes of their own; the last tests have the built package
  ...{ story: "tiny", stories: 60, prompts: 12, texts: 3, ownTexts: 2 },
  teacher: { ...moment, model: { hidden_size: 16, blocks: 1, heads: 2 }, train: { batch_size: 4 } },
  didi: {
    ...moment,
    distill: { ...usualSettings.didi.distill, discriminator_warmup_steps: 1 },
    train: small,
  },
  sdtt: { ...moment, distill: usualSettings.sdtt.distill!, train: small },
  t3d: { ...moment, distill: usualSettings.t3d.distill!, train: small },
  d3llm: { ...moment, distill: usualSettings.d3llm.distill!, train: small },
  grids: {
    stories: { decoder: "ancestral", option: "steps", values: [4, 2] },
    ownText: { decoder: "ancestral", option: "steps", values: [4, 2] },
    sdar: { decoder: "block_diffusion", option: "denoising_steps", values: [4, 1] },
    llada: { decoder: "multi_block", option: "threshold", values: [0.3, 2] },
  },
  scratch: { examples: 14, minutes: 1e-3 },
};

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "unmask-quickstart-"));
});
afterAll(() => rmSync(root, { recursive: true }));

/** What a quickstart prints; `until` interrupts it at the first output that holds a text. */
async function run(options: Partial<Parameters<typeof quickstart>[0]>, until?: string) {
  const written = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      written[name] += text;
      if (until !== undefined && String(text).includes(until)) process.emit("SIGINT");
      return true;
    });
  }
  try {
    const exitCode = await quickstart(
      { seed: 0, fromScratch: false, out: join(root, "own"), ...options },
      settings,
    );
    return { exitCode, ...written };
  } finally {
    vi.restoreAllMocks();
  }
}

describe("on the language", () => {
  const out = () => join(root, "language");

  it("stops where it is told and goes on from there", async () => {
    const first = await run({ out: out() }, "student (T3D)");
    expect(first.exitCode).toBe(130);
    expect(first.stdout).toContain("The same command goes on from here.");
    const done = readdirSync(join(out(), "done")).sort();
    expect(done).toEqual([
      ...["corpus.json", "didi.json", "measure-stories-didi.json", "measure-stories-teacher.json"],
      ...["rollout-sdar.json", "teacher.json"],
    ]);
    const trained = statSync(join(out(), "teacher/model/model.safetensors")).mtimeMs;

    const second = await run({ out: out() });
    expect(second.exitCode).toBe(0);
    expect(second.stdout).toContain("Teacher of stories (MDLM): done before");
    expect(statSync(join(out(), "teacher/model/model.safetensors")).mtimeMs).toBe(trained);
    for (const name of ["t3d", "d3llm", "didi"]) expect(existsSync(join(out(), name, "model"))).toBe(true);
    expect(existsSync(join(out(), "curves-word-problems-sdar.yaml"))).toBe(true);

    const third = await run({ out: out(), json: true });
    expect(third.exitCode).toBe(0);
    expect(third.stderr).toContain("all is done");
    const { comparisons } = JSON.parse(third.stdout);
    expect(comparisons.map(({ name }: { name: string }) => name)).toEqual([
      ...["Stories", "Word problems, SDAR", "Word problems, LLaDA"],
    ]);
    for (const { points } of comparisons) expect(points).toHaveLength(4);
  }, 300_000);

  it("prints tables that fit a terminal of 80 columns", async () => {
    const { stdout } = await run({ out: out() });
    const lines = stdout.slice(stdout.indexOf("Stories: valid"), stdout.indexOf("Few steps")).split("\n");
    expect(lines.length).toBeGreaterThan(10);
    for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(80);
  });

  it("draws curves, and replays of teacher and student side by side", () => {
    const { document } = parseHTML(readFileSync(join(out(), "report.html"), "utf8"));
    const headings = [...document.querySelectorAll("h2")].map((one) => one.textContent);
    expect(headings).toEqual(["Stories", "Word problems, SDAR", "Word problems, LLaDA", "How it was made"]);
    expect(document.querySelectorAll("svg").length).toBeGreaterThanOrEqual(9);
    const beside = [...document.querySelectorAll(".beside")];
    expect(beside.length).toBeGreaterThanOrEqual(9);
    for (const one of beside) expect(one.querySelectorAll("[data-replay]")).toHaveLength(3);
    expect(beside[0]!.textContent).toContain("DiDi-Instruct, steps 2");
    const replays = JSON.parse(document.getElementById("replays")!.textContent);
    expect(replays).toHaveLength(3 * beside.length);
  });

  it("refuses a folder that holds another one", async () => {
    await expect(run({ out: out(), seed: 1 })).rejects.toThrow("holds a quickstart with seed 0");
  });
});

it("makes the bundled teachers too where it is asked to", async () => {
  const out = join(root, "scratch");
  expect((await run({ out, fromScratch: true }, "Trajectories of tiny-sdar")).exitCode).toBe(130);
  for (const name of ["tiny", "tiny-sdar"]) {
    const { model, train } = readConfig(join(out, name, "config.yaml")) as Record<
      string,
      Record<string, number>
    >;
    const bundled = JSON.parse(readFileSync(join(bundledFolder(name)!, "config.json"), "utf8"));
    const made = JSON.parse(readFileSync(join(out, name, "model/config.json"), "utf8"));
    expect(made.model_type).toBe(bundled.model_type);
    expect(model!.blocks).toBe(bundled.n_layers ?? bundled.num_hidden_layers);
    expect(train!.minutes).toBeLessThan(1);
  }
}, 120_000);

describe("on one's own text", () => {
  it("has the teacher judge what all write", async () => {
    const data = join(root, "my.txt");
    writeFileSync(data, "a small text of one's own, said again and again.\n".repeat(60));
    const { exitCode, stdout } = await run({ data, json: true });
    expect(exitCode).toBe(0);
    const [{ points, metric }] = JSON.parse(stdout).comparisons;
    expect(metric).toBe("NELBO under the teacher, nats a token");
    expect(points.map(({ method, value }: { method: string; value: number }) => [method, value])).toEqual([
      ...[
        ["teacher", 4],
        ["teacher", 2],
        ["DiDi-Instruct", 4],
        ["DiDi-Instruct", 2],
        ["SDTT", 4],
        ["SDTT", 2],
      ],
    ]);
    for (const { score, low, high, entropy } of points) {
      expect(low).toBeLessThanOrEqual(score);
      expect(high).toBeGreaterThanOrEqual(score);
      expect(entropy.mean).toBeGreaterThan(0);
    }
  }, 120_000);

  it("says what is missing before anything is made", async () => {
    const data = join(root, "none.txt");
    await expect(run({ data, out: join(root, "none") })).rejects.toThrow("none.txt does not exist");
    expect(existsSync(join(root, "none"))).toBe(false);
    await expect(run({ data, fromScratch: true })).rejects.toThrow("leave one out");
  });
});

/** The built package, in a process of its own, lanes side by side. */
function built(out: string, options: ChildOptions = {}) {
  const choices = { seed: 0, fromScratch: false, out };
  return runModule(
    `import { quickstart } from ${JSON.stringify(builtModule("cli/quickstart/quickstart.js"))};
    import { writeSync } from "node:fs";
    const settings = JSON.parse(${JSON.stringify(JSON.stringify({ ...settings, processes: 2 }))});
    process.exitCode = await quickstart(${JSON.stringify(choices)}, settings).catch((error) => {
      writeSync(2, error.message);
      return 1;
    });`,
    options,
  );
}

describe.skipIf(availableParallelism() < 2)("side by side", () => {
  const out = () => join(root, "beside");

  it("stops both lanes, and goes on to what one lane after the other makes", async () => {
    const first = await built(out(), {
      onLine: (line, kill) => void (line.includes(" | ") && kill("SIGINT")), // which of their stages meet, the load says
    });
    expect(first).toMatchObject({ status: 130, stderr: "" });
    expect(first.stdout).toMatch(/\d\/14 .* left {2}.+ \| .+/);
    const second = await built(out());
    expect(second).toMatchObject({ status: 0, stderr: "" });
    expect(second.stdout).toContain("Corpus of 60 stories: done before");
    const marker = (name: string) => JSON.parse(readFileSync(join(out(), "done", name), "utf8"));
    expect(readdirSync(join(out(), "done"))).toHaveLength(14);
    expect(marker("report.json").seconds).toBeGreaterThan(0);
    const { comparisons, minutes } = JSON.parse(readFileSync(join(out(), "results.json"), "utf8"));
    for (const { points } of comparisons) expect(points).toHaveLength(4);
    expect(minutes).toBeGreaterThan(0);
    expect(minutes).toBeLessThan(5);
  }, 300_000);

  it("says what went wrong in a lane, and the other lane is kept", async () => {
    const other = join(root, "broken");
    mkdirSync(join(other, "rollout-sdar"), { recursive: true });
    writeFileSync(join(other, "rollout-sdar", "rollout.json"), "{");
    const { status, stderr } = await built(other);
    expect(status).toBe(1);
    expect(stderr).toContain("rollout-sdar/rollout.json is damaged");
    expect(existsSync(join(other, "teacher"))).toBe(true);
  }, 120_000);
});

it("every training's settings are those of a recipe", () => {
  const { teacher } = usualSettings;
  const keys = { data: { path: "x" }, model: teacher.model, train: teacher.train };
  expect(trainConfigSchema.safeParse(keys).success).toBe(true);
});
