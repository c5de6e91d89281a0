// Why two evaluations may differ: what of their identities is not the same, in plain words, and what that touches.

import type { DifferenceKind } from "./compare.ts";
import { type Difference, differences, type Identity } from "./identity.ts";
import type { Manifest } from "./manifest.ts";
import { machine } from "./timing.ts";
import { engineVersion } from "./worker.ts";

export interface Cause {
  /** "weights", "seed" … */
  readonly name: string;
  /** Kinds of difference that it can bring about by itself. */
  readonly affects: readonly DifferenceKind[];
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
}

interface Rule {
  readonly path: RegExp;
  readonly name: string;
  readonly affects: readonly DifferenceKind[];
}

/** The first that fits a path. */
const rules: readonly Rule[] = [
  { path: /^model\.weights_hash$/, name: "weights", affects: ["generation"] },
  { path: /^model\.adapter_hash$/, name: "adapter", affects: ["generation"] },
  { path: /^model\.config_hash$/, name: "model configuration", affects: ["generation"] },
  { path: /^model\.tokenizer_hash$/, name: "tokenizer", affects: ["prompt", "generation"] },
  { path: /^model\.template_hash$/, name: "chat template", affects: ["prompt"] },
  { path: /^tasks\.\d+\.(prompts_hash|chat_template)$/, name: "prompts", affects: ["prompt"] },
  { path: /^tasks\.\d+\.provenance\.data\.rows$/, name: "data", affects: ["missing"] },
  { path: /^tasks\.\d+\.provenance\.data/, name: "data", affects: ["prompt", "extraction", "score"] },
  { path: /^tasks\.\d+\.provenance\.fewshot/, name: "shots", affects: ["prompt"] },
  {
    path: /^tasks\.\d+\.(version|task|metrics)/,
    name: "task version",
    affects: ["prompt", "extraction", "score"],
  },
  { path: /^tasks\.\d+\.questions$/, name: "limit", affects: ["missing"] },
  { path: /^tasks\.\d+\.(max_new_tokens|stop)/, name: "length and stop strings", affects: ["generation"] },
  { path: /^settings\./, name: "decoder options", affects: ["generation"] },
  { path: /^run\.seed$/, name: "seed (sampling)", affects: ["generation"] },
  { path: /^run\.likelihood_draws$/, name: "likelihood draws", affects: ["generation"] },
  { path: /^run\.fidelity$/, name: "fidelity", affects: ["generation", "extraction", "score"] },
  { path: /^run\.(batch_size|threads|device|dtype)/, name: "arithmetic", affects: ["generation"] },
  { path: /^unmask\.code_hash$/, name: "program", affects: ["prompt", "generation"] },
  { path: /^unmask\.graders_hash$/, name: "graders", affects: ["prompt", "extraction", "score"] },
  { path: /^machine\./, name: "machine", affects: ["generation"] },
];

/** Facts of the machine that decide the last bits of its arithmetic. */
const machineFacts = ["cpu", "torch"] as const;

export function causesOf(manifest: Manifest, now: Identity): Cause[] {
  const here = machine(engineVersion());
  const facts = (of: Manifest["machine"]) => Object.fromEntries(machineFacts.map((name) => [name, of[name]]));
  const changed = differences(
    { ...manifest.identity, machine: facts(manifest.machine) },
    { ...(JSON.parse(JSON.stringify(now)) as Identity), machine: facts(here) },
  );
  return changed.flatMap(causeOf);
}

function causeOf({ path, before, after }: Difference): Cause[] {
  const rule = rules.find((one) => one.path.test(path));
  return rule === undefined ? [] : [{ name: nameOf(rule, path), affects: rule.affects, path, before, after }];
}

/** Options of decoders are named one by one. */
function nameOf({ name }: Rule, path: string): string {
  const option = /^settings\.\d+\.options\.(.+)$/.exec(path)?.[1];
  const setting = /^run\.(batch_size|threads|device|dtype)$/.exec(path)?.[1];
  return option === undefined
    ? setting === undefined
      ? name
      : `${name} (${setting})`
    : `decoder option ${option}`;
}
