import { describe, expect, it } from "vitest";
import { ConfigError } from "../base/errors.ts";
import { generator } from "../base/rng.ts";
import { nothingPending, wrapper } from "./wrap.ts";

const [bos, eos] = [90, 91];
const corrected = { fidelity: "corrected", document_end: true } as const;
const released = { fidelity: "released", document_end: true } as const;
const make = (config: Parameters<typeof wrapper>[0], length: number, specials: object = { bos, eos }) =>
  wrapper(config, { specials }, length);

function wrapAll(documents: readonly number[][], wrap: ReturnType<typeof wrapper>) {
  const rows: number[][] = [];
  let state = nothingPending;
  for (const document of documents) {
    const added = wrap.add(Int32Array.from(document), state);
    rows.push(...added.rows.map((row) => [...row]));
    // A state is plain data.
    state = JSON.parse(JSON.stringify(added.state));
  }
  return [...rows, ...wrap.end(state).map((row) => [...row])];
}

describe("wrapped rows", () => {
  it("join documents with an end behind each, and fill the last row up with ends", () => {
    expect(wrapAll([[1, 2, 3], [4], [], [5, 6, 7]], make(corrected, 4))).toEqual([
      [1, 2, 3, eos],
      [4, eos, eos, 5],
      [6, 7, eos, eos],
    ]);
    expect(
      wrapAll(
        [
          [1, 2, 3],
          [4, 5],
        ],
        make({ ...corrected, document_end: false }, 5),
      ),
    ).toEqual([[1, 2, 3, 4, 5]]);
  });

  it("lose no token and change no order, whatever the lengths", () => {
    for (let sequence = 0; sequence < 50; sequence++) {
      const next = generator({ seed: 4, stream: 6, sequence, step: 0 });
      let token = 0;
      const documents = Array.from({ length: Math.floor(next() * 9) }, () =>
        Array.from({ length: Math.floor(next() * 20) }, () => token++),
      );
      const length = 1 + Math.floor(next() * 12);
      const rows = wrapAll(documents, make(corrected, length));
      for (const row of rows) expect(row).toHaveLength(length);
      const joined = documents.flatMap((document) => [...document, eos]);
      const all = rows.flat();
      expect(all.slice(0, joined.length)).toEqual(joined);
      expect(all.slice(joined.length).every((id) => id === eos)).toBe(true);
      expect(all.length - joined.length).toBeLessThan(length);
    }
  });

  it("as released: framed, each thousand documents by themselves, what is left of them dropped", () => {
    const documents = Array.from({ length: 2003 }, (_, i) => (i === 5 ? [i, i] : [i]));
    const rows = wrapAll(documents, make(released, 6));
    for (const row of rows) expect([row[0], row.at(-1), row.length]).toEqual([bos, eos, 6]);
    const groups = [documents.slice(0, 1000), documents.slice(1000, 2000), documents.slice(2000)];
    const inner = groups.flatMap((group) => {
      const joined = group.flatMap((document) => [...document, eos]);
      return joined.slice(0, joined.length - (joined.length % 4));
    });
    expect(rows.flatMap((row) => row.slice(1, -1))).toEqual(inner);
    expect(wrapAll([[1]], make(released, 6))).toEqual([]);
    expect(wrapAll([[1, 2, 3, 4]], make({ ...released, document_end: false }, 6))).toEqual([
      [bos, 1, 2, 3, 4, eos],
    ]);
    // GPT-2's tokens of begin and end are one.
    expect(wrapAll([[1, 2, 3]], make(released, 6, { eos }))).toEqual([[eos, 1, 2, 3, eos, eos]]);
  });

  it("need an end token and room for a frame", () => {
    expect(() => make(corrected, 4, {})).toThrow(/has no end token/);
    expect(() => make(released, 2)).toThrow(ConfigError);
    expect(() => make(released, 2)).toThrow("The row length is 2; give at least 3");
  });
});
