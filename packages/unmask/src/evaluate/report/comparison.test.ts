import { runInNewContext } from "node:vm";
import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import { byteTokenizer } from "../../text/new-tokenizer.ts";
import type { Trajectory } from "../../trajectory/record.ts";
import type { ComparedPoint, Comparison } from "../run/comparison.ts";
import { comparisonHtml } from "./comparison.ts";

const tokenizer = byteTokenizer();

function trajectoryOf(text: string, forwards: number): Trajectory {
  const ids = [...tokenizer.encode(text)];
  return {
    ...{ sequence: 0, prompt_ids: [], token_ids: ids, given: ids.map(() => 0), forwards, reward_passes: 0 },
    ...{
      reveal_step: ids.map((_, at) => at % forwards),
      confidence: ids.map(() => 0.5),
      entropy: ids.map(() => 1),
    },
    ...{ fed_from: [], fed_length: [], cached: [], finish_reason: "length", seconds: 0 },
  };
}

const point = (method: string, value: number, score: number): ComparedPoint => ({
  ...{ method, option: "steps", value, tokens_per_forward: 8 / value, forwards_per_answer: value },
  ...{ score, low: score - 0.1, high: score + 0.1, distinctPairs: 0.5, beside: { answer: "90.0 %" } },
  entropy: { mean: 2, low: 1.9, high: 2.1 },
});

function comparison(text: string): Comparison {
  const answer = (label: string, forwards: number, verdict: string) => {
    return { label, text, verdict, trajectory: trajectoryOf(text, forwards) };
  };
  return {
    ...{ name: text, about: text, metric: "valid,none", is_share: true, tokenizer },
    points: [
      point("teacher", 8, 0.9),
      point("teacher", 2, 0.2),
      point("student", 8, 0.9),
      point("student", 2, 0.7),
    ],
    examples: [
      { prompt: text, answers: [answer("teacher", 4, "right"), answer("student", 2, `wrong: ${text}`)] },
    ],
  };
}

describe("the page", () => {
  it("shows models beside each other: curves, a table with intervals, entropy", () => {
    const page = comparisonHtml({
      title: "t",
      about: "a",
      comparisons: [comparison("abcd")],
      facts: [["seed", "0"]],
    });
    const { document } = parseHTML(page);
    const rows = [...document.querySelectorAll("tbody tr")].map((row) =>
      [...row.querySelectorAll("td")].map((cell) => cell.textContent),
    );
    expect(rows[3]).toEqual([
      ...["student", "steps 2", "2.0", "4.00", "70.0 %", "60.0 % – 80.0 %", "90.0 %", "2.000", "50.0 %"],
    ]);
    const charts = [...document.querySelectorAll("svg")].map((one) => one.getAttribute("aria-label"));
    expect(charts).toContain("abcd: valid,none, per cent over tokens a forward");
    expect(charts).toContain("abcd: entropy over tokens a forward");
  });

  it("keeps hostile texts texts", () => {
    const hostile = `</script><img src=x onerror="alert(1)">`;
    const page = comparisonHtml({
      ...{ title: hostile, about: hostile, comparisons: [comparison(hostile)], facts: [[hostile, hostile]] },
    });
    const { document } = parseHTML(page);
    expect(document.querySelectorAll("img")).toHaveLength(0);
    expect(document.querySelectorAll("script")).toHaveLength(2);
    expect(document.querySelector("h1")!.textContent).toBe(hostile);
  });
});

describe("replays side by side", () => {
  it("play together, a forward of each at a time; who has fewer is done first", () => {
    const page = comparisonHtml({ title: "t", about: "a", comparisons: [comparison("abcd")], facts: [] });
    const { document, Event } = parseHTML(page);
    const ticks: (() => void)[] = [];
    runInNewContext([...document.querySelectorAll("script")].at(-1)!.textContent, {
      ...{ document, JSON, Math, String, Number },
      setInterval: (tick: () => void) => ticks.push(tick),
      clearInterval: () => undefined,
    });
    // This document knows attributes, not what browsers do with them.
    const details = document.querySelector("details[open]")! as unknown as EventTarget & { open: boolean };
    details.open = true;
    details.dispatchEvent(new Event("toggle"));
    const shown = () => [...document.querySelectorAll(".answer")].map((one) => one.textContent);
    expect(shown()).toEqual(["abcd", "abcd"]);
    const button = [...document.querySelectorAll("button")].find((one) => one.textContent === "Play all")!;
    button.dispatchEvent(new Event("click"));
    const seen = [shown()];
    for (let forward = 1; forward <= 4; forward++) {
      ticks[0]!();
      seen.push(shown());
    }
    expect(seen).toEqual([
      ["▒▒▒▒", "▒▒▒▒"],
      ["a▒▒▒", "a▒c▒"],
      ["ab▒▒", "abcd"],
      ["abc▒", "abcd"],
      ["abcd", "abcd"],
    ]);
    expect(button.textContent).toBe("Play all");
  });
});
