// `npm run test:pack`: slow, because it compiles the addon; everything else of the packing is in `npm test`.

import { defineConfig } from "vitest/config";
import base from "../../vitest.config.ts";

export default defineConfig({
  ...base,
  test: { include: ["tools/pack/install.check.ts"], root: ".", testTimeout: 2_400_000, hookTimeout: 120_000 },
});
