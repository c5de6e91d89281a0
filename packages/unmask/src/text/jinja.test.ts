import { describe, expect, it } from "vitest";
import { CheckpointError, UnmaskError } from "../base/errors.ts";
import { chatMlTemplate, headerTemplate, thinkTemplate } from "./example-checkpoints.ts";
import { compileTemplate } from "./jinja.ts";

const render = (text: string, variables = {}) => compileTemplate(text, "test")(variables);

describe("as Jinja2 and Python do", () => {
  it.each([
    ["{{ 'xxaxx'.strip('x') }}", "a"],
    ["[{{ '\n a \n'.strip('\n') }}]", "[ a ]"],
    ["[{{ '\n\n  a'.lstrip('\n') }}]", "[  a]"],
    ["[{{ 'a \n'.rstrip('\n') }}]", "[a ]"],
    ["[{{ '\ufeffa\u0085\u001c'.strip() }}]", "[\ufeffa]"],
    ["[{{ ' \u0085a ' | trim }}]", "[a]"],
    ["[{{ 'xax' | trim('x') }}]", "[a]"],
    ["{{ 'a</think>\n\n b'.split('</think>')[-1].lstrip('\n') }}", " b"],
    ["{{ 'abc'.removeprefix('a').removesuffix('c') }}", "b"],
    ["{{ 'hELLO'.capitalize() }}", "Hello"],
    ["{{ messages | trim }}", "m"],
    ["{%- for i in range(3) -%} {{ i }} {%- endfor %}", "012"],
    ["{% if true %}\n  a\n  {% endif %}\nb\n", "  a\nb"],
    ["{{ strftime_now('%d %b %Y, %A %I %p %%') }}", "05 Mar 2024, Tuesday 03 PM %"],
    ["{{ missing }}{{ bos_token }}", ""],
  ])("%j", (text, expected) => {
    expect(render(text, { messages: " m ", now: new Date(2024, 2, 5, 15, 4, 9) })).toBe(expected);
  });
});

describe("failures are one sentence with the place", () => {
  it.each([
    ["{% for %}", /^test: the chat template cannot be read \(.*fetch the tokenizer again$/],
    ["{{ 1.nothing() }}", /^test: the chat template/],
    ["{{ missing.strip() }}", /strip is called on nothing/],
    ["{{ 'a'.zfill(3) }}", /^test: the chat template failed \(Cannot call something that is not a function/],
    ["{% for i in range(10**9) %}{% endfor %}", /a range of 1000000000 numbers/],
    ["{{ 'a' | nosuch }}", /nosuch/],
    ["{{ namespace.a.b.c + 1 }}", /failed/],
    ["{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", /failed/],
  ])("%s", (text, message) => {
    expect(() => render(text)).toThrow(CheckpointError);
    expect(() => render(text)).toThrow(message);
  });

  it("two thousand damaged templates: an UnmaskError or a text", () => {
    const messages = [
      { role: "user", content: "a" },
      { role: "assistant", content: "<think>b</think>c" },
    ];
    for (let trial = 0; trial < 2000; trial++) {
      const whole = [headerTemplate, chatMlTemplate, thinkTemplate][trial % 3]!;
      const at = (trial * 7919) % whole.length;
      const junk = ["", "{{", "%}", "'", "(", "none", "[0]", "|", "."][trial % 9]!;
      const text = whole.slice(0, at) + junk + whole.slice(at + (trial % 7));
      try {
        expect(typeof render(text, { messages, bos_token: "<s>" })).toBe("string");
      } catch (error) {
        expect(error, text).toBeInstanceOf(UnmaskError);
      }
    }
  });
});
