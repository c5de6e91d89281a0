// The state of the page as the part of its address behind "#", so that a link shows what the sender saw.

import { type Colouring, colourings } from "../run/levels.ts";
import { type RuleName, ruleNames } from "../run/what-if.ts";

export const views = ["replay", "live", "training", "evaluation"] as const;
export type View = (typeof views)[number];

export interface Address {
  readonly view: View | undefined;
  /** Names of the files on the left and on the right, and the row of each that is shown. */
  readonly file: string | undefined;
  readonly sequence: number;
  readonly other: string | undefined;
  readonly otherSequence: number;
  /** undefined for the end. */
  readonly step: number | undefined;
  readonly colour: Colouring;
  readonly mono: boolean;
  readonly place: number | undefined;
  readonly rule: RuleName | undefined;
  readonly value: number | undefined;
}

export const noAddress: Address = {
  ...{ view: undefined, file: undefined, sequence: 0, other: undefined, otherSequence: 0, step: undefined },
  ...{ colour: "step", mono: false, place: undefined, rule: undefined, value: undefined },
};

export function writeAddress(address: Partial<Address>): string {
  const parts = new URLSearchParams();
  const put = (name: string, value: string | number | undefined) => {
    if (value !== undefined) parts.set(name, String(value));
  };
  const { view, file, other, colour, mono } = address;
  put("view", view);
  put("file", file);
  if (file !== undefined) put("sequence", address.sequence);
  put("other", other);
  if (other !== undefined) put("other_sequence", address.otherSequence);
  put("step", address.step);
  put("colour", colour);
  if (mono === true) put("mono", 1);
  put("place", address.place);
  put("rule", address.rule);
  if (address.rule !== undefined) put("value", address.value);
  return parts.toString();
}

/** Whatever it holds that makes no sense is left out: a link may be old, or cut. */
export function readAddress(text: string): Address {
  const parts = new URLSearchParams(text.replace(/^#/, ""));
  const one = <Name extends string>(name: string, known: readonly Name[]): Name | undefined =>
    known.find((value) => value === parts.get(name));
  const whole = (name: string): number | undefined => {
    const value = Number(parts.get(name) ?? Number.NaN);
    return Number.isInteger(value) && value >= 0 ? value : undefined;
  };
  const number = Number(parts.get("value") ?? Number.NaN);
  return {
    view: one("view", views),
    file: parts.get("file") ?? undefined,
    sequence: whole("sequence") ?? 0,
    other: parts.get("other") ?? undefined,
    otherSequence: whole("other_sequence") ?? 0,
    step: whole("step"),
    colour: one("colour", colourings) ?? noAddress.colour,
    mono: parts.get("mono") === "1",
    place: whole("place"),
    rule: one("rule", ruleNames),
    value: Number.isFinite(number) ? number : undefined,
  };
}
