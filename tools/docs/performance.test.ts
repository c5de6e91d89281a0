import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { pagePath, renderPage, savedResults } from "../../benchmarks/page.mjs";

test("docs/performance.md is what benchmarks/results says (else: node benchmarks/page.mjs)", () => {
  expect(readFileSync(pagePath, "utf8")).toBe(renderPage(savedResults()));
});

describe("the page", () => {
  const one = {
    title: "a call",
    unit: "µs",
    ours: 1.234,
    peer: 2,
    ratio: 0.617,
    ratioMin: 0.6,
    ratioMax: 0.7,
  };
  const record = {
    bench: "torch",
    date: "2026-01-02T03:04:05Z",
    hardware: { cpu: "AMD EPYC", cores: 2, flags: ["avx512_bf16"] },
    ours: { libtorch: "2.6.0", threads: 1 },
    peer: { torch: "2.6.0", threads: 1 },
    warnings: ["BLAS differs"],
    cases: [{ ...one, targetIs: "at most", target: 1.5, met: true, problem: null }],
  };

  test("has a figure with its target, its machine and its warnings", () => {
    const page = renderPage([{ file: "torch_x_2026-01-02.json", record }]);
    expect(page).toContain("| a call | µs | 1.23 | 2.00 | 0.62 (0.60–0.70) | at most 1.5 | met |");
    expect(page).toContain(
      "2026-01-02, 2 virtual cores of an AMD EPYC, with avx512_bf16; libtorch 2.6.0, 1 threads",
    );
    expect(page).toContain("Warning: BLAS differs.");
  });

  test("has a quickstart's time and points", () => {
    const point = { method: "T3D", option: "denoising_steps", value: 2, tokens_per_forward: 1.83 };
    const scored = {
      ...point,
      score: 0.5,
      low: 0.4,
      high: 0.6,
      entropy: { mean: 2.4 },
      beside: { answer: "60 %" },
    };
    const comparison = {
      name: "Problems",
      metric: "faithful",
      is_share: true,
      points: [scored],
      aup: { T3D: 99.5 },
    };
    const record = { date: "2026-01-02", seconds: 275.4, comparisons: [comparison] };
    const page = renderPage([{ file: "quickstart_2026-01-02.json", record }]);
    expect(page).toContain("From nothing to the report in 4 min 35 s.");
    expect(page).toContain("| T3D | denoising_steps 2 | 1.83 | 50.0 (40.0–60.0) | 2.400 | 60 % |");
    expect(page).toContain("within 5 points of its first: T3D 99.5.");
  });

  test("shows every figure of a result of a kind that it does not know", () => {
    const record = {
      date: "2026-01-02",
      load: { answers: 12, latency: { median: 0.25 } },
      rows: [{ right: true }],
    };
    const page = renderPage([{ file: "other_2026-01-02.json", record }]);
    expect(page).toContain("[other_2026-01-02.json](../benchmarks/results/other_2026-01-02.json)");
    for (const row of ["load answers | 12", "load latency median | 0.250", "rows 0 right | true"])
      expect(page).toContain(`| ${row} |`);
  });
});
