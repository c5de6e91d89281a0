import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^@unmask\/torch$/, replacement: source("packages/torch/src/index.ts") },
      { find: /^#unmask/, replacement: source("packages/unmask/src") },
    ],
  },
  test: {
    include: [
      "packages/*/src/**/*.test.ts",
      "packages/*/test/**/*.test.ts",
      "apps/*/src/**/*.test.ts",
      "packages/torch/setup/*.test.ts",
      "tools/**/*.test.ts",
    ],
    pool: "forks",
    // Vitest leaves one processor free, which of two is half. Operators of tests are small: a thread each is enough.
    maxWorkers: availableParallelism(),
    env: { OMP_NUM_THREADS: process.env.OMP_NUM_THREADS ?? "1" },
    testTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
  },
});
