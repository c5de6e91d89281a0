import { expect, test } from "vitest";
import { ConfigError, DataError } from "../../base/errors.ts";
import { compileHarnessTemplate } from "./harness-template.ts";

const render = (template: string, fields: Record<string, unknown> = {}) =>
  compileHarnessTemplate(template, "t.yaml, doc_to_text")(fields);

// Computed by Jinja2 3.1 with lm-evaluation-harness's settings (StrictUndefined, keep_trailing_newline).
test.each([
  ["{{question.strip()}}\nA. {{choices[0]}}\n", { question: " q\u0085 ", choices: ["x"] }, "q\nA. x\n"],
  ["{{choices.label.index(key.lstrip())}}", { choices: { label: ["A", "B"] }, key: " B" }, "1"],
  ["{{[a, b]}}", { a: "it's", b: "x" }, `["it's", 'x']`],
  ["{{text.split(' ')[:-1]|join(' ')}}", { text: "a b c" }, "a b"],
  ["{{' '+text.split(' ')[-1]}}", { text: "a b c" }, " c"],
  ["{% if x is defined %}{{x}}{% else %}none{% endif %}", {}, "none"],
  ["{% if x is defined %}\n{{x}}\n{% endif %}\n", { x: true }, "\nTrue\n\n"],
  ["{{none}} {{1.5}} {{2}} {{n}}", { n: null }, "None 1.5 2 None"],
  ["{% set a = 'q: ' %}{{a + q}}", { q: "?" }, "q: ?"],
  ["{% for c in cs %}{{loop.index}}. {{c}}\n{% endfor %}", { cs: ["x", "y"] }, "1. x\n2. y\n"],
  ["{{ x|string + '!' }}", { x: false }, "False!"],
  ["{{s|regex_replace('(\\\\w)-', '\\\\1+')}}", { s: "a-b-c" }, "a+b+c"],
  ["{{answer[21:]}}{{answer|trim}}", { answer: "012345678901234567890 z" }, " z012345678901234567890 z"],
  ["{{'a,b'.replace(',', ';').capitalize()}}", {}, "A;b"],
  ["{{ d }}", { d: { a: [1] } }, "{'a': [1]}"],
  ["{{ s.find('b') }}{{ s.count('a') }}{{ '7'.zfill(3) }}", { s: "aab" }, "22007"],
  ["{% if not_there is not defined %}a{% endif %}", {}, "a"],
  ["[{{ body if body is defined }}]", {}, "[]"],
  ["{{ 'yes' if label == 1 else 'no' }}", { label: 1 }, "yes"],
])("%s", (template, fields, expected) => {
  expect(render(template, fields)).toBe(expected);
});

test("what a document lacks is named", () => {
  expect(() => render("{{quesion}}", { question: "q" })).toThrow(DataError);
  expect(() => render("{{quesion}}", { question: "q" })).toThrow(
    "t.yaml, doc_to_text: quesion is not defined; check the field's name",
  );
  expect(() => render("{{choices.texts}}", { choices: {} })).toThrow("choices.texts is not defined");
  expect(() => render("{{labels.index('C')}}", { labels: ["A"] })).toThrow("C is not in ['A']");
});

test("a template that cannot be read", () => {
  expect(() => render("{{question")).toThrow(ConfigError);
  expect(() => render("{% if %}")).toThrow("t.yaml, doc_to_text: the template cannot be read");
});
