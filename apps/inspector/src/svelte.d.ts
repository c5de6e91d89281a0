declare module "*.svelte" {
  import type { Component } from "svelte";

  const component: Component<Record<string, unknown>>;
  // biome-ignore lint/style/noDefaultExport: what the compiler of components makes
  export default component;
}
