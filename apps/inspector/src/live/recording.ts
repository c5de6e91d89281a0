// What a server told of a generation, as a trajectory: it is then replayed, compared and exported like one of a file.
// Servers tell texts and no ids, so the ids in it are the page's own.

import type { TrajectoryFile } from "#unmask/trajectory/file.ts";
import type { Asked, Draft, WrittenToken } from "./client.ts";

const maskId = 0;

export class Recording {
  private last: Draft | undefined;
  /** Of the first draft: servers may count steps from 0. */
  private first = 1;
  private readonly revealed: number[] = [];
  private readonly tokens: WrittenToken[] = [];
  decoder = "";
  seed = 0;

  addDraft(told: Draft): void {
    if (this.last === undefined) this.first = Math.min(1, told.step);
    const draft = { ...told, step: told.step + 1 - this.first };
    // Drafts may be left out where the page reads too slowly: what is written now was written by now.
    [...draft.states].forEach((state, place) => {
      if ((state === "w" || state === "f") && this.revealed[place] === undefined)
        this.revealed[place] = draft.step - 1;
    });
    this.last = draft;
  }

  addTokens(tokens: readonly WrittenToken[]): void {
    this.tokens.push(...tokens);
  }

  /** undefined if no draft came. */
  finish(model: string, { prompt, options }: Asked, seconds: number): TrajectoryFile | undefined {
    const { last, decoder, seed } = this;
    if (last === undefined) return undefined;
    const ids = new Map<string, number>([["[open]", maskId]]);
    const idOf = (text: string) => {
      if (!ids.has(text)) ids.set(text, ids.size);
      return ids.get(text)!;
    };
    const states = [...last.states];
    const isWritten = (place: number) => states[place] === "w" || states[place] === "f";
    const token_ids = last.tokens.map((text, place) => (states[place] === "o" ? maskId : idOf(text)));
    const reveal_step = states.map((_, place) => (isWritten(place) ? this.revealed[place]! : -1));
    const confidence = this.confidences(last, reveal_step);
    const none = Array<number>(last.step).fill(0);
    const row = {
      ...{
        sequence: 0,
        prompt_ids: prompt === "" ? [] : [idOf(prompt)],
        token_ids,
        reveal_step,
        confidence,
        seconds,
      },
      given: states.map((state) => (state === "g" ? 1 : 0)),
      entropy: states.map(() => Number.NaN),
      ...{ forwards: last.step, reward_passes: 0, fed_from: none, fed_length: none, cached: none },
      finish_reason: "",
    };
    const header = {
      ...{ model, model_hash: "", tokenizer_hash: "", template_hash: "", decoder, options, seed },
      ...{ fidelity: "corrected", mask_id: maskId, end_ids: [] },
    };
    const texts = Object.fromEntries([...ids].map(([text, id]) => [String(id), text]));
    return { header, rows: [row], texts: { between: "", texts } };
  }

  /** The server tells probabilities from left to right; where its token is another one, there is none. */
  private confidences({ tokens }: Draft, reveal: readonly number[]): number[] {
    let next = 0;
    return tokens.map((text, place) => {
      if (reveal[place]! < 0) return Number.NaN;
      const found = this.tokens[next++];
      return found !== undefined && found.token.trim() === text.trim() ? Math.exp(found.logprob) : Number.NaN;
    });
  }
}
