import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Files that put something else in a module's place: each has modules of its own. */
const mocking = ["packages/unmask/src/hub/disk.test.ts"];

export default defineConfig({
  resolve: {
    alias: [
      { find: /^@unmask\/torch$/, replacement: source("packages/torch/src/index.ts") },
      { find: /^#unmask/, replacement: source("packages/unmask/src") },
    ],
  },
  test: {
    // Files of a worker share its modules: to load them anew for each took two thirds of the time. What a helper
    // registers when it is loaded (afterAll) is therefore registered for one file alone.
    projects: [
      {
        extends: true,
        test: {
          name: "shared",
          isolate: false,
          include: [
            "packages/*/src/**/*.test.ts",
            "packages/*/test/**/*.test.ts",
            "apps/*/src/**/*.test.ts",
            "packages/torch/setup/*.test.ts",
            "tools/**/*.test.ts",
          ],
          exclude: ["**/node_modules/**", ...mocking],
        },
      },
      { extends: true, test: { name: "apart", include: mocking } },
    ],
    pool: "forks",
    // Vitest leaves one processor free, which of two is half. Operators of tests are small: a thread each is enough.
    maxWorkers: availableParallelism(),
    env: { OMP_NUM_THREADS: process.env.OMP_NUM_THREADS ?? "1" },
    testTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
  },
});
