// `npm run test:browser`: the page in Chromium, through every feature.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

export default defineConfig({
  root: path("."),
  resolve: {
    alias: {
      "#unmask": path("../../packages/unmask/src"),
      "@unmask/torch": path("../../packages/torch/src/index.ts"),
    },
  },
  test: { include: ["test/**/*.browser.ts"], pool: "forks", testTimeout: 60_000, hookTimeout: 60_000 },
});
