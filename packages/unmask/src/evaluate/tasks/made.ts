// Documents that are drawn and not read: rows of the synthetic language. Row number n is the same whatever is asked for.

import { generator, streams } from "../../base/rng.ts";
import { type Documents, type Fields, rowsOf } from "./documents.ts";

/** Of these tasks; other seeds are free for training. */
const seed = 20_260_821;
const usualCount = 256;

/** `draw` gets uniform numbers in [0, 1) of a row's own. */
export function madeDocuments(
  draw: (uniform: () => number) => Fields,
): (count: number | undefined) => Documents {
  return (count = usualCount) => {
    const fields = Array.from({ length: count }, (_, sequence) =>
      draw(generator({ seed, stream: streams.story, sequence, step: 0 })),
    );
    return {
      rows: rowsOf(`seed ${seed}`, fields),
      provenance: { source: `made from seed ${seed}`, rows: count },
    };
  };
}
