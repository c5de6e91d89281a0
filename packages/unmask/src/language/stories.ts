/**
 * The sizes of the story language, as data. All stories of a size have one length, so a fixed canvas holds them.
 *
 *   tiny    7 words, enumerable: for tests against brute force
 *   small  16 words: for tests that train a network in seconds
 *   medium 27 words, over 10^9 stories: the quickstart
 *   large  48 words, three plots that decide who owns what at the end: an hour of training
 *
 * What makes few-step sampling fail is the number of choices that come back later: in `medium` both names (three
 * times each, once as a pronoun), the toy and the place. Choices that come back have equal weights, so that words
 * drawn independently rarely agree; choices that stand alone are skewed, which keeps the entropy low at a
 * large support. A perfect denoiser (`oracle.ts`), revealing positions in random order in equal steps of time, writes
 * valid stories in this share of samples (150 to 1,000), at 256, 32, 16, 8, 4, 2 and 1 steps, in per cent:
 *   small  98 92 87 71 47 23 0     medium  98 89 77 57 29 5 0     large  93 62 31 12 1 0 0
 * One position at a time it is always valid; `large` wants 1,000 steps (97) or that.
 */
import { compile, type Entry, entries, type Grammar, type GrammarSource } from "./grammar.ts";
import { countTexts, entropy } from "./probability.ts";

export const storySizes = ["tiny", "small", "medium", "large"] as const;
export type StorySize = (typeof storySizes)[number];

/** Names, all of one weight, with the pronouns that fit: {a.he} is the subject form, {a.him} the object form. */
function names(girls: string, boys: string): Entry[] {
  const withFeatures = (words: string, features: Record<string, string>) =>
    entries(words).map((entry) => ({ ...entry, features }));
  return [...withFeatures(girls, { he: "she", him: "her" }), ...withFeatures(boys, { he: "he", him: "him" })];
}

const second = { domain: "name", differsFrom: ["a"] } as const;

const tiny: GrammarSource = {
  name: "tiny",
  domains: {
    name: [
      { word: "anna", weight: 2, features: { he: "she" } },
      { word: "ben", weight: 1, features: { he: "he" } },
      { word: "tom", weight: 1, features: { he: "he" } },
    ],
    toy: entries("kite ball", [2, 1]),
  },
  shapes: [
    {
      weight: 2,
      slots: { a: "name", toy: "toy" },
      sentences: [[{ template: "{a} has {toy} .", weight: 3 }, "{toy} helps {a} ."], ["{a.he} waves ."]],
    },
    { slots: { a: "name", b: second }, sentences: [["{a} met {b} ."], ["{b.he} smiles ."]] },
  ],
  promptSentences: 1,
};

const small: GrammarSource = {
  name: "small",
  domains: {
    name: names("anna mia eva", "ben tom max"),
    look: entries("red blue green big"),
    toy: entries("kite ball drum boat doll book"),
    met: entries("met saw found", [4, 2, 1]),
    gave: entries("gave brought sold", [4, 2, 1]),
  },
  shapes: [
    {
      slots: { a: "name", met: "met", b: second, gave: "gave", look: "look", toy: "toy" },
      sentences: [["{a} {met} {b} ."], ["{a.he} {gave} {b.him} a {look} {toy} ."], ["{b} has the {toy} ."]],
    },
  ],
  promptSentences: 1,
};

/**
 * The two names come from two lists: that the second must differ from the first is learned late (without it,
 * a third of all mistakes of a briefly trained network go away), and `small` and `large` ask for it anyway.
 */
const medium: GrammarSource = {
  name: "medium",
  domains: {
    child: names("anna mia eva zoe", "ben tom max leo"),
    friend: names("ivy lena rosa nina", "sam finn paul jack"),
    place: entries("park lake farm zoo beach school market castle"),
    look: entries("red blue green new round big small soft"),
    toy: entries("kite ball drum boat doll book hat cup box lamp coin bell"),
    time: entries("once today yesterday earlier lately recently", [16, 8, 4, 2, 1, 1]),
    met: entries("met saw found joined visited", [8, 4, 2, 1, 1]),
    gave: entries("gave brought sold lent showed bought", [16, 8, 4, 2, 1, 1]),
    has: entries("has owns keeps holds", [8, 4, 2, 1]),
    left: entries("left liked loved missed", [8, 4, 2, 1]),
    how: entries("early late happily alone quietly slowly quickly sadly", [8, 4, 2, 2, 1, 1, 1, 1]),
  },
  shapes: [
    {
      slots: {
        ...{ time: "time", a: "child", met: "met", b: "friend", place: "place" },
        ...{ gave: "gave", look: "look", toy: "toy", has: "has", left: "left", how: "how" },
      },
      sentences: [
        ["{time} {a} {met} {b} at the {place} ."],
        ["{a.he} {gave} {b.him} a {look} {toy} ."],
        ["now {b} {has} the {toy} ."],
        ["{a} {left} the {place} {how} ."],
      ],
    },
  ],
  promptSentences: 1,
};

/** Three plots with one canvas: a gift, a swap, and a wish not granted. The last two sentences tell who owns what. */
const largeOpening = [
  [
    { template: "{time} on {day} {a} {met} {b} at the {place} .", weight: 2 },
    "at the {place} {a} {met} {b} {time} on {day} .",
  ],
  ["{a} had a {look} {toy} and {b} had a {pet} .", "{b} had a {pet} and {a} had a {look} {toy} ."],
];
const largeSlots = {
  ...{ time: "time", day: "day", a: "name", met: "met", b: second, place: "place" },
  ...{ look: "look", toy: "toy", pet: "pet", has: "has", how: "how" },
};

const large: GrammarSource = {
  name: "large",
  domains: {
    name: names("anna mia eva zoe ivy lena", "ben tom max leo sam finn"),
    place: entries("park lake farm zoo beach school market castle"),
    look: entries("red blue green new round big small soft"),
    toy: entries("kite ball drum boat doll book hat cup box lamp coin bell"),
    pet: entries("cat dog hen frog fish mouse"),
    time: entries("once early late again", [8, 4, 2, 1]),
    day: entries("monday tuesday wednesday thursday friday saturday sunday", [1, 1, 1, 1, 2, 4, 4]),
    met: entries("met saw found joined visited", [8, 4, 2, 1, 1]),
    gave: entries("gave sold lent sent", [8, 4, 2, 1]),
    asked: entries("asked wished begged hoped", [8, 4, 2, 1]),
    thanked: entries("thanked hugged praised", [4, 2, 1]),
    has: entries("has owns keeps holds", [8, 4, 2, 1]),
    how: entries("happily alone quietly slowly", [4, 2, 1, 1]),
  },
  shapes: [
    {
      weight: 2,
      slots: { ...largeSlots, gave: "gave", thanked: "thanked" },
      sentences: [
        ...largeOpening,
        ["then {a.he} {gave} the {toy} to {b} ."],
        ["now {b} {has} the {look} {toy} and the {pet} ."],
        ["{b} {thanked} {a} and left the {place} {how} ."],
      ],
    },
    {
      slots: largeSlots,
      sentences: [
        ...largeOpening,
        ["they swapped the {toy} for the {pet} ."],
        ["now {b} {has} the {toy} and {a} the {pet} ."],
        ["{a} and {b} left the {place} {how} together ."],
      ],
    },
    {
      slots: { ...largeSlots, asked: "asked" },
      sentences: [
        ...largeOpening,
        ["{b} {asked} for the {toy} in vain ."],
        ["now {a} {has} the {toy} and {b} the {pet} ."],
        ["{b} forgave {a} and left the {place} {how} ."],
      ],
    },
  ],
  promptSentences: 2,
};

const sources = { tiny, small, medium, large } satisfies Record<StorySize, GrammarSource>;
const compiled = new Map<StorySize, Grammar>();

/** The compiled grammar of a size (compiled once). */
export function storyGrammar(size: StorySize): Grammar {
  const grammar = compiled.get(size) ?? compile(sources[size]);
  compiled.set(size, grammar);
  return grammar;
}

/** The words of a size, sorted: the same list on every machine. */
export function vocabulary(size: StorySize): string[] {
  return [...storyGrammar(size).words];
}

export interface StoryFigures {
  /** Words per story; every story of a size has as many. */
  readonly words: number;
  readonly vocabularySize: number;
  /** The number of distinct stories, exact. */
  readonly supportSize: bigint;
  /** Entropy of a story in nats divided by its words, exact. */
  readonly entropyPerToken: number;
}

export function describe(size: StorySize): StoryFigures {
  const grammar = storyGrammar(size);
  return {
    words: grammar.maxLength,
    vocabularySize: grammar.words.length,
    supportSize: countTexts(grammar),
    entropyPerToken: entropy(grammar) / grammar.maxLength,
  };
}
