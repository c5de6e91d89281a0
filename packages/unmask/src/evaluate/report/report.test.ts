import { runInNewContext } from "node:vm";
import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import { byteTokenizer } from "../../text/new-tokenizer.ts";
import type { Identity } from "../run/identity.ts";
import { outcomeOf } from "../run/outcome.ts";
import type { PlannedTask } from "../run/plan.ts";
import { piecesOf } from "./answers.ts";
import { escapeText, html, jsonData } from "./html.ts";
import { type ReportInput, reportHtml } from "./report.ts";

const hostile = `</script><script>alert(1)</script><img src=x onerror="alert(2)">'&amp;\u202e\u0007`;
const tokenizer = byteTokenizer();

/** An evaluation in which every text is hostile. */
function input(text: string): ReportInput {
  const ids = [...tokenizer.encode(text)];
  const trajectory = {
    ...{ sequence: 0, prompt_ids: [], token_ids: ids, given: ids.map(() => 0) },
    reveal_step: ids.map((_, at) => at % 3),
    confidence: ids.map(() => 0.5),
    entropy: ids.map(() => 0.5),
    ...{ forwards: 3, reward_passes: 0, fed_from: [0, 0, 0], fed_length: [9, 9, 9], cached: [0, 0, 0] },
    ...{ finish_reason: "length", seconds: Number.NaN },
  };
  const item = { id: text, row: 1, prompt: { text, messages: [], answerPrefix: "" }, target: text };
  const planned = {
    ...{ name: text, config: { name: text }, chat: false, prompts: [{ ids: Int32Array.of(1), cut: 0 }] },
    ...{ options: {}, promptsHash: "" },
    task: {
      ...{ kind: "generate", name: text, version: "1", description: text, items: [item] },
      metrics: [{ name: "correct,x", higherIsBetter: true, isShare: true }],
      provenance: { data: { source: text, rows: 1 }, fewshot: { count: 0 } },
    },
  } as unknown as PlannedTask;
  const written = { text, tokens: ids.length, tokens_behind_end: 0, trajectory };
  const verdict = { correct: false, extracted: text, reason: text, unparsed: false };
  const graded = { id: text, scores: { "correct,x": 0 }, verdicts: [verdict] };
  const rows = [{ item: 0, written: [written], graded }];
  const outcome = outcomeOf({ planned, header: undefined, rows, seed: 0 });
  const identity = {
    unmask: { version: text, commit: null, modified: false, code_hash: "a", graders_hash: "b" },
    model: {
      source: text,
      family: text,
      weights_hash: "c",
      tokenizer_hash: "d",
      template_hash: "e",
      adapter_hash: text,
    },
    settings: [{ label: text, decoder: text, options: { [text]: text } }],
    tasks: [
      {
        name: text,
        task: text,
        version: text,
        questions: 1,
        chat_template: false,
        provenance: planned.task.provenance,
      },
    ],
    run: { fidelity: text, seed: 0, batch_size: 1, device: text, dtype: text, threads: 1, judge_hash: null },
  } as unknown as Identity;
  const point = {
    ...{ method: text, option: text, value: text, tokens_per_forward: 3, forwards_per_answer: 3 },
    ...{ score: 0.5, low: 0.2, high: 0.7 },
  };
  const machine = { cpu: text, cpus: 1, memory_bytes: 1, platform: text, node: text, torch: text };
  const sweep = { tasks: { [text]: { metric: text, is_share: true, points: [point] } }, aup: undefined };
  return {
    identity,
    machine,
    lines: [{ label: text, outcome, timing: undefined, text: undefined }],
    tokenizer,
    sweep,
  };
}

describe("the page", () => {
  const page = reportHtml(input(hostile));
  const { document } = parseHTML(page);

  it("holds hostile texts as texts: its own elements alone are markup", () => {
    const scripts = [...document.querySelectorAll("script")];
    expect(scripts.map((one) => one.getAttribute("type"))).toEqual(["application/json", null]);
    expect(document.querySelectorAll("img, iframe, object, embed, link, base, form")).toHaveLength(0);
    const handlers = [...document.querySelectorAll("*")].flatMap((element) =>
      [...element.attributes].filter(({ name }) => name.startsWith("on")),
    );
    expect(handlers).toEqual([]);
    expect(document.querySelector("h1")!.textContent).toBe(hostile.replace("\u202e\u0007", "\uFFFD␇"));
    expect(page).not.toContain("\u202e");
  });

  it("refers to nothing outside itself", () => {
    const styles = [...document.querySelectorAll("style")].map((one) => one.textContent).join("");
    expect(styles).not.toMatch(/@import|url\(/);
    const references = [...document.querySelectorAll("[src], [href], [xlink\\:href], [action], [srcset]")];
    expect(references.every((one) => one.getAttribute("href")?.startsWith("#"))).toBe(true);
    const policy = document.querySelector("meta[http-equiv]")!.getAttribute("content");
    expect(policy).toContain("default-src 'none'");
    expect(policy).toMatch(/script-src 'sha256-[\w+/=]+';/);
  });

  it("draws every chart as SVG with a name", () => {
    const charts = [...document.querySelectorAll("svg")];
    expect(charts.length).toBeGreaterThanOrEqual(2);
    for (const chart of charts) expect(chart.getAttribute("aria-label")).not.toBe("");
  });
});

describe("the replay", () => {
  it("shows after every forward what is written, and holes elsewhere", () => {
    const text = "abcdef";
    const { document, Event } = parseHTML(reportHtml(input(text)));
    const script = [...document.querySelectorAll("script")].at(-1)!.textContent;
    runInNewContext(script, {
      document,
      JSON,
      Math,
      String,
      Number,
      setInterval: () => 1,
      clearInterval: () => undefined,
    });
    const details = document.querySelector("details")! as unknown as EventTarget & { open: boolean };
    details.open = true;
    details.dispatchEvent(new Event("toggle"));
    const slider = document.querySelector("input")! as unknown as EventTarget & { value: string };
    const shownAt = (forward: number) => {
      slider.value = String(forward);
      slider.dispatchEvent(new Event("input"));
      return document.querySelector(".answer")!.textContent;
    };
    expect([0, 1, 2, 3].map(shownAt)).toEqual(["▒▒▒▒▒▒", "a▒▒d▒▒", "ab▒de▒", "abcdef"]);
    expect(document.querySelectorAll(".fresh").length).toBe(2);
    expect(document.querySelector("output")!.textContent).toBe("after 3 of 3 forwards: 6 of 6 tokens");
  });
});

describe("pieces", () => {
  it("joined are the text; a character of several tokens stands at the last", () => {
    expect(piecesOf([...tokenizer.encode("é!")], tokenizer)).toEqual(["", "é", "!"]);
    expect(piecesOf([...tokenizer.encode("é")].slice(0, 1), tokenizer).join("")).toBe("\uFFFD");
  });
});

describe("html", () => {
  it("escapes every text put into it, and nothing twice", () => {
    expect(html`<p title="${`"<'>`}">${["<b>", html`<i>${"&"}</i>`]}</p>`.markup).toBe(
      `<p title="&quot;&lt;&#39;&gt;">&lt;b&gt;<i>&amp;</i></p>`,
    );
    expect(escapeText("a\u0000b\u001b[31m")).toBe("a␀b␛[31m");
  });

  it("data for scripts cannot end its element", () => {
    const { markup } = jsonData("x", { text: "</script><!--\u2028" });
    expect(markup.match(/<\/script>/g)).toHaveLength(1);
    const [, body = ""] = />(.*)</s.exec(markup)!;
    expect(JSON.parse(body)).toEqual({ text: "</script><!--\u2028" });
  });
});
