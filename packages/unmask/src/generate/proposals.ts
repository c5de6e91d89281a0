// How a model's proposals are made for the sequences of a request: what its decoder says, and what of it lives on the
// device. Requests that say the same share the tensors and guides, so that they may share a forward.

import { type Device, type Tensor, tensor } from "@unmask/torch";
import type { Canvas } from "../decode/canvas.ts";
import type { Fidelity, ReadyDecoder } from "../decode/decoder.ts";
import type { Judge, Proposer } from "../decode/policies/policy.ts";
import { maskColumn } from "../diffusion/objective.ts";
import { classifierFree } from "../propose/guidance.ts";
import { PrefixCache } from "../propose/prefix-cache.ts";
import {
  type ForwardFacts,
  type Guide,
  type NetworkOptions,
  type ProposalOptions,
  sharedProposer,
} from "../propose/propose.ts";
import { rewardGuidance } from "../propose/reward-guidance.ts";
import { drawTransition } from "../propose/transition.ts";
import { discriminatorOf, type Model, maskIdOf } from "./load.ts";

export interface ProposalRequest {
  readonly decoder: ReadyDecoder;
  readonly seed: number;
  readonly fidelity: Fidelity;
  /** Most probable tokens that each proposal lists; 0 by default. */
  readonly top?: number | undefined;
}

export interface RequestProposals {
  readonly options: ProposalOptions;
  /** Chooses where the decoder leaves a choice. */
  readonly judge: Judge | undefined;
}

export interface ProposalsOptions {
  /** Bytes of keys and values of seen beginnings; 0 (the default) keeps none. */
  readonly prefixBytes?: number | undefined;
  readonly onForward?: ((forward: ForwardFacts) => void) | undefined;
}

/** Guides that are kept to be shared. */
const mostGuides = 64;

export class ModelProposals {
  readonly proposer: Proposer;
  private readonly model: Model;
  private readonly device: Device;
  private readonly prefixes: PrefixCache | undefined;
  private readonly canvases = new WeakMap<Canvas, ProposalOptions>();
  private readonly found = new WeakMap<Canvas, number>();
  private readonly forbidden = new Map<string, Tensor>();
  private readonly guides = new Map<number, Guide>();

  constructor(model: Model, { prefixBytes = 0, onForward }: ProposalsOptions = {}) {
    this.model = model;
    this.device = [...model.network.parameters.values()][0]!.device;
    this.prefixes = prefixBytes > 0 ? new PrefixCache(prefixBytes) : undefined;
    const { inputs } = model.origin.family;
    const options: NetworkOptions = {
      shift: model.facts.shift,
      device: this.device,
      takesPadding: inputs.includes("padding"),
      takesSegments: inputs.includes("segments"),
      prefixes: this.prefixes,
      onForward,
      onPrefix: (canvas, columns) => this.found.set(canvas, columns),
    };
    this.proposer = sharedProposer(model.network, options, (canvas) => this.canvases.get(canvas)!);
  }

  /** Throws a CheckpointError where the decoder needs a discriminator and the model has none. */
  prepare({ decoder, seed, fidelity, top }: ProposalRequest): RequestProposals {
    const drawsTransition = decoder.drawsTransition === true;
    const forbidden = drawsTransition ? undefined : this.forbiddenColumn(decoder.forbiddenIds ?? []);
    const { guide, judge } = this.guidanceOf(decoder, seed, forbidden);
    const options: ProposalOptions = {
      seed,
      forbidden,
      sampling: decoder.sampling,
      needsMargin: decoder.policy.needsMargin,
      ownRowAtBoundary: fidelity === "released",
      visibility: decoder.visibility,
      tellsNoise: decoder.tellsNoise,
      draw: drawsTransition ? drawTransition(seed) : undefined,
      guide,
      top,
    };
    return { options, judge };
  }

  /** Says how the proposals of a canvas are made, before the first is asked for. */
  assign(canvas: Canvas, { options }: RequestProposals): void {
    this.canvases.set(canvas, options);
  }

  /** Columns of a canvas that were not computed but found among seen beginnings. */
  prefixOf(canvas: Canvas): number {
    return this.found.get(canvas) ?? 0;
  }

  dispose(): void {
    for (const one of this.forbidden.values()) one.dispose();
    this.forbidden.clear();
    this.prefixes?.dispose();
  }

  /** float32 [V]: the mask, and what the decoder forbids besides, may never be drawn. */
  private forbiddenColumn(ids: readonly number[]): Tensor {
    const key = ids.join();
    let column = this.forbidden.get(key);
    if (column === undefined) {
      const maskId = maskIdOf(this.model);
      const values = maskColumn(this.model.facts.vocabularySize, maskId);
      for (const id of ids) values[id] = values[maskId]!;
      column = tensor(values, undefined, { device: this.device });
      this.forbidden.set(key, column);
    }
    return column;
  }

  private guidanceOf(
    decoder: ReadyDecoder,
    seed: number,
    forbidden: Tensor | undefined,
  ): { guide: Guide | undefined; judge: Judge | undefined } {
    if (decoder.needsReward === true) {
      return rewardGuidance(discriminatorOf(this.model), { seed, forbidden });
    }
    const scale = decoder.guidance ?? 0;
    if (scale === 0) return { guide: undefined, judge: undefined };
    const guide = this.guides.get(scale) ?? classifierFree(scale);
    if (this.guides.size >= mostGuides) this.guides.clear();
    this.guides.set(scale, guide);
    return { guide, judge: undefined };
  }
}
