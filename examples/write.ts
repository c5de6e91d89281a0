// Writes a text with a model and shows how it came about: node write.js MODEL [PROMPT]

import { writeFileSync } from "node:fs";
import { encodeTrajectories, generate, load, replay, type Trajectory, type TrajectoryHeader } from "unmask";

const [source, prompt = ""] = process.argv.slice(2);
if (source === undefined) {
  console.error("usage: node write.js MODEL [PROMPT]");
  process.exit(2);
}

const model = await load(source, { onProgress: ({ file }) => console.error(`fetching ${file}`) });
const records: { trajectory: Trajectory; header: TrajectoryHeader }[] = [];

// Text comes in pieces that only ever append, although the model writes in any order.
for await (const event of generate(model, prompt, {
  maxNewTokens: 16,
  seed: 1,
  onTrajectory: (trajectory, header) => records.push({ trajectory, header }),
})) {
  if (event.type === "text-delta") process.stdout.write(event.text);
  if (event.type === "finish") {
    const { nfe, tokens_per_forward } = event.totals;
    console.log(`\n${nfe} forwards, ${tokens_per_forward.toFixed(2)} tokens a forward`);
  }
}

const record = records[0];
if (record !== undefined) {
  const { trajectory, header } = record;
  for (const { forward, revealed } of replay(trajectory, model.facts.maskId ?? -1)) {
    const written = revealed.map(
      (column) => model.tokenizer?.decode([trajectory.token_ids[column] ?? 0]) ?? "?",
    );
    console.log(`forward ${forward}: ${written.map((text) => JSON.stringify(text)).join(" ")}`);
  }
  // Parquet: `unmask inspect trajectory out.parquet`, pandas and DuckDB open it.
  writeFileSync("out.parquet", encodeTrajectories(header, [trajectory]));
}
model.dispose();
