// Trajectories as decoding makes them, without a network: a text is known, and how sure the made-up network is of each
// of its tokens grows with what stands around it.

import { uniform } from "#unmask/base/rng.ts";
import { newCanvas } from "#unmask/decode/canvas.ts";
import { decode } from "#unmask/decode/decode.ts";
import { lowConfidence } from "#unmask/decode/policies/low-confidence.ts";
import { multiBlock } from "#unmask/decode/policies/multi-block.ts";
import type { Policy, Proposer } from "#unmask/decode/policies/policy.ts";
import { Recorder } from "#unmask/decode/recorder.ts";
import { scriptedProposal } from "#unmask/decode/scripted.ts";
import { encodeTrajectories } from "#unmask/trajectory/file.ts";
import type { Trajectory, TrajectoryHeader } from "#unmask/trajectory/record.ts";
import type { TokenTexts } from "#unmask/trajectory/token-texts.ts";

export const maskId = 0;
export const endId = 1;

/** Texts to ids and back: pieces as a byte-level tokenizer cuts them, so that some hold a part of a character. */
export class Pieces {
  private readonly ids = new Map<string, number>([
    ["<|mask|>", maskId],
    ["<|end|>", endId],
  ]);

  idsOf(text: string): number[] {
    const pieces = text.match(/ ?[\p{L}\p{N}']+|\s|[^\s\p{L}\p{N}']/gu) ?? [];
    return pieces.flatMap((piece) => {
      const bytes = new TextEncoder().encode(piece);
      if (bytes.length < 4 || /^[\x20-\x7f\s]+$/.test(piece)) return [this.idOf(piece)];
      return [bytes.slice(0, 2), bytes.slice(2)].map((part) => this.idOf(`\0${[...part].join(" ")}`));
    });
  }

  private idOf(piece: string): number {
    const id = this.ids.get(piece) ?? this.ids.size;
    this.ids.set(piece, id);
    return id;
  }

  get texts(): TokenTexts {
    const entries = [...this.ids].map(([piece, id]) => [
      id,
      piece.startsWith("\0") ? piece.slice(1).split(" ").map(Number) : piece,
    ]);
    return { between: "", texts: Object.fromEntries(entries) as TokenTexts["texts"] };
  }

  get size(): number {
    return this.ids.size;
  }
}

interface Written {
  readonly prompt: readonly number[];
  readonly text: readonly number[];
}

/** Surer of a token the more of its neighbours are written; early on it may propose another one. */
function proposer(
  { prompt, text }: Written,
  { seed, vocabulary }: { seed: number; vocabulary: number },
): Proposer {
  return {
    propose: (requests) =>
      requests.map(({ canvas, plan }) => {
        const forward = canvas.forwards++;
        const answers = Array.from(plan.candidates, (column) => {
          const place = column - prompt.length;
          let known = 0;
          for (let d = -3; d <= 3; d++) {
            const at = column + d;
            if (d !== 0 && at >= 0 && at < canvas.length && canvas.open[at] === 0) known += 1 / Math.abs(d);
          }
          const ease = uniform({ seed, stream: 1 }, canvas.sequence, 0, column);
          const jitter = uniform({ seed, stream: 2 }, canvas.sequence, forward, column);
          const sure = Math.min(0.999, 0.08 + 0.55 * ease + 0.14 * known + 0.08 * jitter);
          const isOther = sure < 0.35 && jitter < 0.6;
          const other = 2 + Math.floor(jitter * (vocabulary - 2));
          return {
            token: isOther ? other : text[place]!,
            probability: sure,
            entropy: 3.2 * (1 - sure) ** 1.3,
          };
        });
        return scriptedProposal(plan.candidates, answers);
      }),
  };
}

export interface Recipe {
  readonly sequence: number;
  readonly policy: Policy;
  readonly proposals: boolean;
  readonly seed: number;
  readonly vocabulary: number;
}

export async function record(
  written: Written,
  { sequence, policy, proposals, ...made }: Recipe,
): Promise<Trajectory> {
  const { prompt, text } = written;
  const canvas = newCanvas({ length: prompt.length + text.length, noiseId: maskId, prompt, sequence });
  const recorder = new Recorder(canvas, { proposals });
  for await (const steps of decode([canvas], proposer(written, made), policy)) {
    for (const step of steps) recorder.add(step);
  }
  const end = prompt.length + text.length;
  return recorder.finish({ promptLength: prompt.length, end, finishReason: "length", seconds: 1.5 });
}

export const teacher = (steps: number): Policy =>
  lowConfidence({ steps, blockLength: 32, remasking: "low_confidence", seed: 7, fidelity: "corrected" });

export const student = (threshold: number): Policy =>
  multiBlock({
    ...{ rule: "llada", released: false, blockLength: 32, threshold, blockAddThreshold: 0.1 },
    ...{ decodedTokenThreshold: 0.95, endIds: [endId], remasking: "low_confidence", seed: 7 },
  });

export function header(decoder: string, options: Record<string, unknown>): TrajectoryHeader {
  return {
    ...{
      model: `runs/${decoder}`,
      model_hash: "a1",
      tokenizer_hash: "b2",
      template_hash: "",
      decoder,
      options,
    },
    ...{ fidelity: "corrected", seed: 7, mask_id: maskId, end_ids: [endId] },
    facts: { family: "llada", shift: 0, block_length: null },
  };
}

const sentences = `Diffusion language models begin with nothing but masks. In every step the network looks at the whole canvas and proposes a token for each open position; the surest of them are written, the others wait.
A cautious decoder writes one token at a time and needs as many forwards as the text is long. A bold one writes many, and pays for it where two words that depend on each other are guessed at once.
Anna gave Ben two red kites, so now she has five — “naïve” arithmetic, 日本語 and 🪁 included. Model text is text: <img src=x onerror="window.hacked=1"> <script>window.hacked=1</script> stays what it is.`;

export interface Made {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A careful teacher, a quick student with all its proposals, the same without texts, and a long text. */
export async function makeTrajectories(): Promise<Made[]> {
  const pieces = new Pieces();
  const prompt = pieces.idsOf("Explain how diffusion language models write.\n\n");
  const lines = sentences.split("\n");
  const texts = [sentences, lines[0]!, lines[2]!].map((text) => [...pieces.idsOf(text), endId]);
  const vocabulary = pieces.size;
  const all = (policy: (length: number) => Policy, proposals: boolean, seed: number) =>
    Promise.all(
      texts.map((text, sequence) =>
        record({ prompt, text }, { sequence, policy: policy(text.length), proposals, seed, vocabulary }),
      ),
    );
  const slow = await all((length) => teacher(length), true, 1);
  const quick = await all(() => student(0.5), true, 2);
  const plain = quick.map(({ proposals: _, ...one }) => one);
  // The student says some words differently.
  const other = {
    ...quick[0]!,
    token_ids: quick[0]!.token_ids.map((id, at) => (at % 37 === 5 ? texts[1]![7]! : id)),
  };
  const quickHeader = header("multi_block", { threshold: 0.5, block_length: 32 });
  return [
    {
      name: "teacher.parquet",
      bytes: encodeTrajectories(header("low_confidence", { block_length: 32 }), slow, pieces.texts),
    },
    {
      name: "student.parquet",
      bytes: encodeTrajectories(quickHeader, [other, ...quick.slice(1)], pieces.texts),
    },
    { name: "bare.parquet", bytes: encodeTrajectories(quickHeader, plain) },
  ];
}

/** 1,024 tokens in 1,024 steps: what the budget for a step is measured on. */
export async function makeLong(length = 1024): Promise<Made> {
  const pieces = new Pieces();
  const text: number[] = [];
  while (text.length < length) text.push(...pieces.idsOf(`${sentences}\n`));
  text.length = length;
  const recipe = { sequence: 0, policy: teacher(length), proposals: false, seed: 3, vocabulary: pieces.size };
  const row = await record({ prompt: [], text }, recipe);
  const bytes = encodeTrajectories(
    header("low_confidence", { block_length: 32, steps: length }),
    [row],
    pieces.texts,
  );
  return { name: "long.parquet", bytes };
}
