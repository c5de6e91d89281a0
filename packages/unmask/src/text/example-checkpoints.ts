// Tokenizer folders in the shapes that checkpoints come in, small enough to read: for tests. Vocabularies are trained
// on a page of text; templates are ours, in the shape of those that LLaDA, Dream and SDAR ship.
import { alphabet } from "./byte-level.ts";
import { type Merge, trainBpe } from "./train-bpe.ts";
import { qwen2Pattern } from "./word-cutter.ts";

export const exampleText =
  `The cat that sat on the mat saw the other cat there, too. "Don't," said the cat, "we'll see 1,234 cats in 2024!"
user system assistant tool function name arguments content You are a helpful assistant.
猫は猫である。 Die Bäume träumen. Ça va? 🙂🙂
\tif (x == 10) {\n\t\treturn "the end";\n\t}\n\n\n    the theme of the anthem\n`.repeat(3);

const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };

export interface ExampleFolder {
  /** File name -> content. */
  readonly files: Readonly<Record<string, string>>;
  readonly merges: readonly Merge[];
  readonly vocab: Readonly<Record<string, number>>;
}

function vocabularyOf(size: number, extra: readonly string[] = []) {
  const merges = trainBpe([exampleText], { size });
  const tokens = [...new Set([...alphabet, ...merges.map((pair) => pair.join(""))]), ...extra];
  return { merges, vocab: Object.fromEntries(tokens.map((token, id) => [token, id])) };
}

const json = (value: unknown): string => JSON.stringify(value, null, 2);
const decoderOf = (tokens: readonly (readonly [string, boolean])[], first: number) =>
  Object.fromEntries(
    tokens.map(([content, special], index) => [String(first + index), { content, ...flags, special }]),
  );

export const headerTemplate =
  "{% for m in messages %}{% if loop.first %}{{ bos_token }}{% endif %}{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n' + m['content'] | trim + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}";

/** LLaDA: tokenizer.json with all special tokens in it. */
export function lladaFolder(): ExampleFolder {
  const { merges, vocab } = vocabularyOf(400);
  const first = Object.keys(vocab).length;
  const specials = [
    "<|startoftext|>",
    "<|endoftext|>",
    "<|mdm_mask|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
  ];
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
  const pattern = { Regex: qwen2Pattern };
  const tokenizer = {
    version: "1.0",
    added_tokens: specials.map((content, index) => ({ id: first + index, content, ...flags, special: true })),
    normalizer: null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [{ type: "Split", pattern, behavior: "Isolated", invert: false }, byteLevel],
    },
    post_processor: null,
    decoder: byteLevel,
    model: { type: "BPE", ignore_merges: false, vocab, merges: merges.map((pair) => pair.join(" ")) },
  };
  const config = {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: "<|startoftext|>",
    eos_token: "<|endoftext|>",
    pad_token: "<|endoftext|>",
    chat_template: headerTemplate,
  };
  return {
    files: { "tokenizer.json": json(tokenizer), "tokenizer_config.json": json(config) },
    merges,
    vocab,
  };
}

export const chatMlTemplate = `{%- if messages[0]['role'] == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
{%- else %}
    {{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'user' or message.role == 'assistant' or (message.role == 'system' and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == 'tool' %}
        {{- raise_exception('tools are not supported') }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
`;

/** Dream: vocab.json, merges.txt and the added tokens in tokenizer_config.json, special_tokens_map.json. */
export function dreamFolder(): ExampleFolder {
  const { merges, vocab } = vocabularyOf(420);
  const added = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|beginoftext|>", "<|mask|>"];
  const config = {
    added_tokens_decoder: decoderOf(
      added.map((content) => [content, true] as const),
      Object.keys(vocab).length,
    ),
    additional_special_tokens: ["<|im_start|>", "<|im_end|>"],
    bos_token: "<|beginoftext|>",
    eos_token: "<|endoftext|>",
    pad_token: "<|endoftext|>",
    unk_token: "<|endoftext|>",
    mask_token: "<|mask|>",
    tokenizer_class: "DreamTokenizer",
    chat_template: chatMlTemplate,
  };
  return {
    files: { ...vocabMergesFiles(vocab, merges), "tokenizer_config.json": json(config) },
    merges,
    vocab,
  };
}

export const thinkTemplate = `{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content + '\\n\\n' }}
    {%- endif %}
    {{- "# Tools\\n\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- set ns = namespace(searching=true, last=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.searching and message.role == "user" and not (message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.searching = false %}
        {%- set ns.last = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
    {%- if message.role == "user" or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set thought = '' %}
        {%- if message.reasoning_content is string %}
            {%- set thought = message.reasoning_content %}
        {%- elif '</think>' in content %}
            {%- set thought = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {{- '<|im_start|>assistant\\n' }}
        {%- if loop.index0 > ns.last and (loop.last or thought) %}
            {{- '<think>\\n' + thought.strip('\\n') + '\\n</think>\\n\\n' }}
        {%- endif %}
        {{- content.lstrip('\\n') if loop.index0 > ns.last else content }}
        {%- for call in message.tool_calls or [] %}
            {%- if content or not loop.first %}
                {{- '\\n' }}
            {%- endif %}
            {%- set call = call.function if call.function else call %}
            {{- '<tool_call>\\n{"name": "' + call.name + '", "arguments": ' }}
            {{- call.arguments if call.arguments is string else call.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or messages[loop.index0 - 1].role != "tool" %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' + content + '\\n</tool_response>' }}
        {%- if loop.last or messages[loop.index0 + 1].role != "tool" %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}`;

/** SDAR: as Dream, with tokens that are not special, the mask named nowhere, and the template in its own file. */
export function sdarFolder(): ExampleFolder {
  const { merges, vocab } = vocabularyOf(420);
  const added = [
    ["<|endoftext|>", true],
    ["<|im_start|>", true],
    ["<|im_end|>", true],
    ["<tool_call>", false],
    ["</tool_call>", false],
    ["<tool_response>", false],
    ["</tool_response>", false],
    ["<think>", false],
    ["</think>", false],
    ["<|MASK|>", true],
  ] as const;
  const config = {
    added_tokens_decoder: decoderOf(added, Object.keys(vocab).length),
    bos_token: null,
    eos_token: "<|endoftext|>",
    pad_token: "<|endoftext|>",
    unk_token: null,
    tokenizer_class: "Qwen2Tokenizer",
  };
  const map = {
    additional_special_tokens: ["<|im_start|>", "<|im_end|>"],
    eos_token: { content: "<|endoftext|>" },
  };
  const files = {
    ...vocabMergesFiles(vocab, merges),
    "tokenizer_config.json": json(config),
    "special_tokens_map.json": json(map),
    "chat_template.jinja": thinkTemplate,
  };
  return { files, merges, vocab };
}

/** GPT-2 as MDLM uses it: the end of text inside vocab.json, mask and padding only in tokenizer_config.json. */
export function gpt2Folder(): ExampleFolder {
  const { merges, vocab } = vocabularyOf(380, ["<|endoftext|>"]);
  const added = [
    ["[MASK]", true],
    ["[PAD]", true],
  ] as const;
  const config = {
    added_tokens_decoder: decoderOf(added, Object.keys(vocab).length),
    pad_token: "[PAD]",
    tokenizer_class: "GPT2Tokenizer",
  };
  return {
    files: { ...vocabMergesFiles(vocab, merges), "tokenizer_config.json": json(config) },
    merges,
    vocab,
  };
}

function vocabMergesFiles(vocab: ExampleFolder["vocab"], merges: readonly Merge[]) {
  const lines = merges.map((pair) => `${pair.join(" ")}\n`);
  return { "vocab.json": json(vocab), "merges.txt": `#version: 0.2\n${lines.join("")}` };
}
