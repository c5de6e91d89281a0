// One forward of the doubled sequence against plain forwards of the same small network.

import { indexSelect, reshape, tensor, toNumbers } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { tinyAnswers as answers, tinyNetwork as network, tiny } from "../../test/oracle/tiny-networks.ts";
import { doubledVisibility } from "../diffusion/doubled.ts";
import type { ForwardOptions } from "../models/family.ts";
import { doubledBatch, doubledColumns } from "./doubled-batch.ts";
import type { MaskedBatch } from "./masked-batch.ts";

const { vocabularySize: V, padId, maskId } = tiny;
const ids = (values: number[][]) => tensor(values, undefined, { dtype: "int64" });

describe("the doubled sequence's forward", () => {
  const model = network("sdar");
  const logitsOf = (batch: MaskedBatch, rows: ArrayLike<number>, allowed?: Uint8Array) => {
    const { rows: B, length: L } = batch;
    const flags = (values: Uint8Array, shape: number[]) => tensor(values, shape, { dtype: "bool" });
    const shape = allowed === undefined ? [L, L] : [B, L, L];
    const logits = model.logits(
      tensor(BigInt64Array.from(batch.ids, BigInt), [B, L]),
      tensor(BigInt64Array.from(Array.from(rows), BigInt)),
      {
        positions: tensor(BigInt64Array.from(batch.places!, BigInt), [B, L]),
        padding: allowed !== undefined || batch.real === undefined ? undefined : flags(batch.real, [B, L]),
        visibility: { kind: "explicit", allowed: flags(allowed ?? batch.allowed!, shape) },
      },
    );
    return toNumbers(logits);
  };
  const plainLogits = (text: number[], rows: number[], options?: ForwardOptions) =>
    toNumbers(
      indexSelect(
        reshape(model.logits(ids([text]), undefined, options), [-1, V]),
        0,
        tensor(rows, undefined, { dtype: "int64" }),
      ),
    );
  const close = (found: number[], expected: number[]) => {
    expect(found).toHaveLength(expected.length);
    found.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 9);
    });
  };
  const noisyRows = (
    { length }: MaskedBatch,
    columns: { promptColumns: number; responseColumns: number },
    row: number,
    count: number,
  ) =>
    Array.from(
      { length: count },
      (_, i) => row * length + columns.promptColumns + columns.responseColumns + i,
    );
  const clean = (alignment: "corrected" | "released", some = answers) => {
    const columns = doubledColumns(some, { padId, padding: "none", blockLength: 3, alignment });
    const none = {
      ids: columns.responses,
      positions: new Int32Array(0),
      times: new Float64Array(0),
      weights: new Float64Array(0),
      size: 0,
    };
    return { columns, batch: doubledBatch(columns, none) };
  };

  it("is the plain one where the noisy copy is clean", () => {
    const { columns, batch } = clean("corrected");
    answers.forEach((answer, row) => {
      const head = answer.promptLength - (answer.promptLength % 3);
      const rest = answer.ids.length - head;
      const places = Array.from({ length: rest }, (_, i) => head + i);
      close(
        logitsOf(batch, noisyRows(batch, columns, row, rest)),
        plainLogits(answer.ids as number[], places),
      );
    });
  });

  it("is as released the plain one with blocks counted from the prompt's end", () => {
    const { columns, batch } = clean("released");
    answers.forEach((answer, row) => {
      const { promptLength } = answer;
      const rest = answer.ids.length - promptLength;
      const places = Array.from({ length: rest }, (_, i) => promptLength + i);
      const visibility = { kind: "block-causal", blockLength: 3, firstBlock: promptLength % 3 } as const;
      const expected = plainLogits(answer.ids as number[], places, { visibility });
      close(logitsOf(batch, noisyRows(batch, columns, row, rest)), expected);
    });
  });

  it("is, for prompts of whole blocks, the same in both alignments", () => {
    const some = [{ ids: [1, 2, 3, 4, 5, 6, 7, 8], promptLength: 3 }];
    expect(clean("released", some).batch).toEqual(clean("corrected", some).batch);
  });

  it("is the same with the mask of each row as with structure and padding", () => {
    const { columns, batch } = clean(
      "released",
      answers.map((one) => ({
        ...one,
        ids: [...Array.from(one.ids), 1, 1, 1].slice(0, one.promptLength + 6),
      })),
    );
    const allowed = doubledVisibility(columns, columns.realPrompts);
    const masked = {
      ...batch,
      real: batch.real!.map((_, i) => (i % batch.length < columns.promptColumns ? batch.real![i]! : 1)),
    };
    const rows = answers.flatMap((_, row) => noisyRows(batch, columns, row, 3));
    close(logitsOf(masked, rows), logitsOf(masked, rows, allowed));
  });

  it("gives every noisy block what a forward of its own would, of the clean text before it and the block", () => {
    const { columns, batch } = clean("corrected");
    const noisy = columns.responses.map((id, i) => (i % 3 === 1 || i % 5 === 0 ? maskId : id));
    const nothing = new Float64Array(0);
    const given = { positions: new Int32Array(0), times: nothing, weights: nothing, size: 0 };
    const made = doubledBatch(columns, { ids: noisy, ...given });
    answers.forEach((answer, row) => {
      const head = answer.promptLength - (answer.promptLength % 3);
      const text = answer.ids as number[];
      for (let start = head; start < text.length; start += 3) {
        const end = Math.min(start + 3, text.length);
        const own = row * columns.responseColumns - head;
        const input = [...text.slice(0, start), ...noisy.subarray(own + start, own + end)];
        const places = input.slice(start).map((_, i) => start + i);
        const rows = noisyRows(batch, columns, row, end - head).slice(start - head);
        close(logitsOf(made, rows), plainLogits(input, places));
      }
    });
  });
});
