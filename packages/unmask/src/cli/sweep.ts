// `unmask sweep`: one model, several points of one or more decoders; curves and their AUP at the end.

import { UsageError } from "../base/errors.ts";
import { sweepConfigSchema } from "../evaluate/run/config.ts";
import { type Swept, sweepVariants, writeSweep } from "../evaluate/run/sweep.ts";
import { aupJson, aupRemarks } from "./aup.ts";
import { describeKeys, resolveConfig } from "./config.ts";
import { type EvalFlags, runEvaluation, sourcesOf, valuesOf } from "./eval.ts";
import { qualityNote, scoreText, table } from "./eval-view.ts";
import { printable } from "./terminal.ts";

export const sweepKeys = (): string => describeKeys(sweepConfigSchema);

/** Returns the exit code. */
export function sweepVerb(positionals: readonly string[], flags: EvalFlags): Promise<number> {
  const { file, overrides } = sourcesOf(positionals);
  if (file === undefined) {
    throw new UsageError("no configuration is named; give CONFIG.yaml, as --help shows one");
  }
  const resolved = resolveConfig(sweepConfigSchema, { file, flags: valuesOf(flags), overrides });
  const variants = sweepVariants(resolved.config);
  return runEvaluation(resolved, flags, {
    variants,
    async finish(evaluated) {
      const swept = await writeSweep(evaluated, variants);
      if (flags.json !== true) return renderSweep(swept, resolved.config.out);
      const { tasks, aup, written } = swept;
      const timing = Object.fromEntries(written.map((one, at) => [variants[at]!.label, one.timing]));
      return JSON.stringify({ tasks, aup: aup === undefined ? null : aupJson(aup), timing });
    },
  });
}

function renderSweep({ tasks, aup, written }: Swept, folder: string): string {
  const head = ["task", "point", "score", "95 % interval", "tokens/forward", "forwards/answer", "tokens/s"];
  const rows = Object.entries(tasks).flatMap(([name, { points, is_share: isShare }]) =>
    points.map((point, at) => {
      const { method, option, value, score, low, high } = point;
      const timing = written[at]!.timing[name];
      return [
        ...(at === 0 ? [printable(name)] : [""]),
        `${method} ${option}=${value}`,
        scoreText(score, isShare),
        `${scoreText(low, isShare)}–${scoreText(high, isShare)}`,
        ...[point.tokens_per_forward.toFixed(2), point.forwards_per_answer.toFixed(1)],
        timing === undefined ? "–" : `${timing.tokens_per_second.toFixed(1)}${timing.is_warm_up ? "*" : ""}`,
      ];
    }),
  );
  const warm = written.some(({ timing }) => Object.values(timing).some((one) => one.is_warm_up));
  return [
    ...table([head, ...rows]),
    "",
    ...qualityLines(tasks, written),
    ...(aup === undefined ? [] : aupLines(aup)),
    ...(warm ? ["* with the warm-up: there was but one batch"] : []),
    ...(aup === undefined ? [] : [`Curves for unmask aup: ${folder}/curves.yaml`]),
  ].join("\n");
}

/** Of every point, where there was a judge. */
function qualityLines(tasks: Swept["tasks"], written: Swept["written"]): string[] {
  return Object.entries(tasks).flatMap(([name, { points }]) =>
    points.flatMap(({ method, option, value }, at) => {
      const quality = written[at]!.quality.get(name);
      return quality === undefined ? [] : [`${method} ${option}=${value}, ${qualityNote(name, quality)}`];
    }),
  );
}

function aupLines(report: NonNullable<Swept["aup"]>): string[] {
  const lines = report.tasks.flatMap(({ name, methods }) =>
    methods.map((method) => {
      const { aup: score, intervals } = method;
      const { low, high } = intervals?.aup ?? {};
      const interval =
        low === undefined || high === undefined ? "" : ` (95 %: ${low.toFixed(1)}–${high.toFixed(1)})`;
      const found = score === undefined ? "no score" : score.toFixed(2);
      return `AUP of ${printable(method.name)} on ${printable(name)}: ${found}${interval}`;
    }),
  );
  const { problems, warnings } = aupRemarks(report);
  return [...lines, ...problems, ...warnings];
}
