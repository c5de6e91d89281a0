import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { builtModule } from "../../test/built.ts";
import { tinyModel } from "../../test/tiny-models.ts";
import { Conversation, readEntry } from "./chat-conversation.ts";
import { TerminalInput } from "./chat-input.ts";
import { styles } from "./terminal.ts";

describe("readEntry", () => {
  it("tells messages from commands", () => {
    expect(readEntry("  ")).toEqual({ kind: "nothing" });
    expect(readEntry(" /RESET ")).toEqual({ kind: "reset" });
    expect(readEntry("/quit")).toEqual({ kind: "quit" });
    expect(readEntry("/etc/passwd what is it?")).toMatchObject({ kind: "message" });
    expect(() => readEntry("/quti")).toThrow('there is no /quti (did you mean "/quit"?)');
  });
});

describe("Conversation", () => {
  it("grows by turns, and a reset leaves the system message", () => {
    const chat = new Conversation("be kind");
    const system = { role: "system", content: "be kind" };
    chat.add("one", "1");
    expect(chat.asked("two")).toEqual([
      system,
      { role: "user", content: "one" },
      { role: "assistant", content: "1" },
      { role: "user", content: "two" },
    ]);
    expect(chat.isEmpty).toBe(false);
    chat.reset();
    expect(chat.isEmpty).toBe(true);
    expect(chat.asked("x")).toEqual([system, { role: "user", content: "x" }]);
  });
});

describe("TerminalInput", () => {
  function terminal() {
    const keys = new PassThrough();
    const screen = Object.assign(new PassThrough(), { columns: 80, rows: 24, isTTY: true });
    let shown = "";
    screen.on("data", (text) => {
      shown += text;
    });
    const input = new TerminalInput(keys as never, screen as never, styles(false));
    const turn = () => new Promise((resolve) => setTimeout(resolve, 20));
    return { keys, input, turn, shown: () => shown };
  }

  it("reads lines, pasted ones too, each behind a prompt", async () => {
    const { keys, input, shown } = terminal();
    const first = input.next();
    keys.write("one\rtwo\r");
    expect(await first).toBe("one");
    expect(await input.next()).toBe("two");
    expect(shown()).toContain("> two\n");
    input.close();
    expect(await input.next()).toBeUndefined();
  });

  it("stops what runs at Ctrl-C, shows nothing that is typed meanwhile, and keeps it", async () => {
    const { keys, input, turn, shown } = terminal();
    const before = input.next();
    keys.write("go\r");
    await before;
    const quiet = shown().length;
    const stopped = await input.during(async (signal) => {
      keys.write("ahead");
      await turn();
      expect(signal.aborted).toBe(false);
      keys.write("\x03");
      await turn();
      return signal.aborted;
    });
    expect(stopped).toBe(true);
    expect(shown()).toHaveLength(quiet);
    const next = input.next();
    expect(shown().slice(quiet)).toContain("> ahead");
    keys.write("!\r");
    expect(await next).toBe("ahead!");
    input.close();
  });

  it("clears the line at Ctrl-C, and ends at Ctrl-D", async () => {
    const { keys, input, turn, shown } = terminal();
    const line = input.next();
    keys.write("wrong");
    await turn();
    keys.write("\x03");
    await turn();
    keys.write("\x03right\r");
    expect(await line).toBe("right");
    expect(shown()).toContain("/quit or Ctrl-D ends");
    const end = input.next();
    keys.write("\x04");
    expect(await end).toBeUndefined();
  });
});

describe("the program without a terminal", () => {
  const root = mkdtempSync(join(tmpdir(), "unmask-chat-"));
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  let model = "";
  beforeAll(async () => {
    model = await tinyModel(root, "llada");
  });

  function chat(stdin: string, ...args: string[]): Promise<{ stdout: string; stderr: string; code: number }> {
    const program = fileURLToPath(builtModule("cli/main.js"));
    const flags = ["chat", "--max-new-tokens", "6", ...args];
    const child = spawn(process.execPath, [program, ...flags]);
    const result = { stdout: "", stderr: "", code: -1 };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (text: string) => {
        result[name] += text;
      });
    }
    child.stdin.end(stdin);
    return new Promise((resolve) => child.on("close", (code) => resolve({ ...result, code: code ?? -1 })));
  }

  it("answers line by line; an answer joins the conversation until /reset", async () => {
    const { stdout, code } = await chat(
      "one\ntwo\n\n/reset\none",
      "--model",
      model,
      "--json",
      "--system",
      "s",
    );
    expect(code).toBe(0);
    const turns = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(turns).toHaveLength(3);
    const prompt = (i: number) => Buffer.from(turns[i].sequences[0].prompt_ids).toString();
    const head = "[system] s\n[user] one\n[assistant] ";
    expect([prompt(0), prompt(2)]).toEqual([head, head]);
    expect(prompt(1)).toContain("[user] two\n[assistant] ");
    expect(prompt(1).startsWith(head)).toBe(true);
    expect(turns.map((one) => one.options.seed)).toEqual([0, 1, 2]);
    expect(Object.keys(turns[0])).toEqual(["model", "decoder", "options", "sequences", "totals"]);
    const plain = await chat("one\n/quit\ntwo\n", "--model", model, "--system", "s");
    expect(plain).toMatchObject({ stdout: `${turns[0].sequences[0].text}\n`, stderr: "", code: 0 });
  });

  it("says one sentence of what cannot be", async () => {
    const bare = await tinyModel(root, "llada", { template: "" });
    const refused = await chat("hi\n", "--model", bare);
    expect(refused.stderr).toMatch(/^error: .* has no chat template, so it cannot tell who said what; /);
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    const wrong = await chat("hi\n", "--model", model, "--decoder", "block_diffusion");
    expect(wrong.stderr).toMatch(/does not fit this llada model/);
    const typo = await chat("/rest\n", "--model", model);
    expect([typo.code, typo.stderr]).toEqual([2, expect.stringMatching(/there is no \/rest/)]);
  });
});
