// The mixture that the bundled model learns: problems and stories, each right in its own way.

import { expect, it } from "vitest";
import { verifyReasoning } from "../language/arithmetic-check.ts";
import { storyGrammar } from "../language/stories.ts";
import { validate } from "../language/validate.ts";
import { mixtureAt } from "./language.ts";

it("has five problems, a free story and one that is asked for in seven examples", () => {
  const kinds = { problem: 0, free: 0, asked: 0 };
  const requests = new Set<string>();
  for (let i = 0; i < 70; i++) {
    const { prompt, response } = mixtureAt(3, i);
    if (prompt.includes("how many")) {
      kinds.problem++;
      expect(verifyReasoning(prompt, response)).toMatchObject({ faithful: true });
      continue;
    }
    kinds[prompt === "" ? "free" : "asked"]++;
    if (prompt !== "") requests.add(prompt);
    expect(response.startsWith(" ")).toBe(prompt !== "");
    expect(validate(storyGrammar("medium"), response.trim().split(" ")).valid).toBe(true);
  }
  expect(kinds).toEqual({ problem: 50, free: 10, asked: 10 });
  expect(requests.size).toBe(3);
});
