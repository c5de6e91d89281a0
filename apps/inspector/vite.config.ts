// Builds the page into packages/unmask/dist/inspector, where `unmask serve` and `unmask inspect open` find it: one
// script, one style sheet, nothing else, so that the page can also put itself into a single file.

import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'";

/**
 * Says in the page what it may load, and the hash of its script, which an exported file needs for its own policy. The
 * script is spelled so that it can stand inside a page, too: all of that is in texts, where an escape means the same.
 */
function policies(): Plugin {
  return {
    name: "unmask-policies",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler(_html, { bundle = {} }) {
        const script = Object.values(bundle).find((one) => one.type === "chunk" && one.isEntry);
        if (script === undefined || script.type !== "chunk") throw new Error("the page has no script");
        script.code = script.code.replace(/<(?=\/?script|!--)/gi, "\\x3c");
        const hash = createHash("sha256").update(script.code).digest("base64");
        return [
          {
            tag: "meta",
            attrs: { "http-equiv": "Content-Security-Policy", content: policy },
            injectTo: "head-prepend",
          },
          { tag: "meta", attrs: { name: "script-hash", content: `sha256-${hash}` }, injectTo: "head" },
        ];
      },
    },
  };
}

export default defineConfig({
  root: path("."),
  base: "./",
  plugins: [svelte(), policies()],
  resolve: { alias: { "#unmask": path("../../packages/unmask/src") } },
  build: {
    outDir: path("../../packages/unmask/dist/inspector"),
    emptyOutDir: true,
    modulePreload: false,
    cssCodeSplit: false,
    target: "es2022",
    rolldownOptions: {
      checks: { pluginTimings: false },
      output: {
        codeSplitting: false,
        entryFileNames: "inspector.js",
        assetFileNames: "inspector[extname]",
      },
    },
  },
});
