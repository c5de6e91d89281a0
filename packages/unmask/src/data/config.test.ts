import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { dataConfigSchema } from "./config.ts";

it("the page on data shows sections that are right", async () => {
  const page = await readFile(new URL("../../../../docs/data.md", import.meta.url), "utf8");
  const blocks = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, block]) => block!);
  expect(blocks).toHaveLength(6);
  for (const block of blocks) expect(dataConfigSchema.safeParse(parse(block)).error).toBeUndefined();
  const names = [...page.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name!);
  for (const name of ["rows", "turns", "too_long", "messages_field", "prompt_field", "text_unit"]) {
    expect(names).toContain(name);
    expect(Object.keys(dataConfigSchema.shape)).toContain(name);
  }
});
