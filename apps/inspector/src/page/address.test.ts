import { expect, it } from "vitest";
import { type Address, noAddress, readAddress, writeAddress } from "./address.ts";

it("an address comes back as it was", () => {
  const address: Address = {
    view: "replay",
    ...{ file: "a b/ü&=#.parquet", sequence: 3, other: "x", otherSequence: 1, step: 0, place: 12 },
    colour: "entropy",
    mono: true,
    rule: "confidence",
    value: 0.95,
  };
  expect(readAddress(`#${writeAddress(address)}`)).toEqual(address);
  expect(readAddress(writeAddress(noAddress))).toEqual(noAddress);
});

it("what makes no sense in it is left out", () => {
  expect(readAddress("#view=<b>&step=-1&place=1.5&colour=blue&rule=toString&value=x&sequence=1e99x")).toEqual(
    noAddress,
  );
  expect(readAddress("")).toEqual(noAddress);
});
