// Asks `unmask serve` as one asks OpenAI: node ask-server.js [ADDRESS]

import OpenAI from "openai";

const baseURL = process.argv[2] ?? "http://127.0.0.1:8000/v1";
const client = new OpenAI({ baseURL, apiKey: "none" });

const { data: models } = await client.models.list();
const model = models[0]?.id;
if (model === undefined) throw new Error(`${baseURL} serves no model`);

const answer = await client.completions.create({ model, prompt: "mia met", max_tokens: 8, seed: 1 });
console.log(answer.choices[0]?.text);

const stream = await client.completions.create({
  model,
  prompt: "mia met",
  max_tokens: 8,
  seed: 1,
  stream: true,
});
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.text ?? "");
console.log();
