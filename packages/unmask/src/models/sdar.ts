// SDAR (Cheng et al. 2025): SDAR-1.7B, 4B, 8B, and T3D's students of them. Qwen-3's network (a norm on every head's
// queries and keys), block-causal attention, no shift.
// Reference for parity: JetAstra/SDAR c2041a8, Tyrion58/T3D 330e9c6, modeling_sdar.py.
//
// The published 4B config.json names no mask token and no block size: the tokenizer's <|MASK|> is the mask then, and
// the block is 4, as published.

import type { Facts, Family, RawConfig } from "./family.ts";
import { expectField, positiveInteger, tokenId, tokenIds } from "./parts/fields.ts";
import { endFields, qwenFields, qwenSizes, qwenStart } from "./parts/qwen.ts";
import { type Architecture, Transformer, transformerShapes, transformerSizes } from "./parts/transformer.ts";

export interface SdarConfig extends Architecture {
  readonly facts: Facts;
}

const publishedBlockLength = 4;

function readConfig(raw: RawConfig): SdarConfig {
  expectField(raw, "attention_bias", [false]);
  const sizes = qwenSizes(raw);
  const { vocabularySize, contextLength } = sizes;
  const blockLength = positiveInteger(raw, "block_size", publishedBlockLength);
  return {
    ...sizes,
    headNorms: true,
    projectionBias: false,
    visibility: { kind: "block-causal", blockLength },
    facts: {
      family: "sdar",
      vocabularySize,
      maskId: tokenId(raw, "mask_token_id", vocabularySize),
      endIds: tokenIds(raw, "eos_token_id", vocabularySize),
      padId: tokenId(raw, "pad_token_id", vocabularySize),
      beginId: tokenId(raw, "bos_token_id", vocabularySize),
      shift: 0,
      blockLength,
      contextLength,
      denoises: true,
    },
  };
}

/** generation_config.json knows the padding and every end of a text. */
function facts({ facts: known }: SdarConfig, generation: RawConfig): Facts {
  const { vocabularySize } = known;
  const endIds = [...new Set([...tokenIds(generation, "eos_token_id", vocabularySize), ...known.endIds])];
  const padId = known.padId ?? tokenId(generation, "pad_token_id", vocabularySize);
  return { ...known, endIds, padId };
}

export const sdar: Family<SdarConfig> = {
  name: "sdar",
  modelTypes: ["sdar"],
  prefixes: [""],
  readConfig,
  facts,
  shapes: transformerShapes,
  cacheShape: ({ layers, keyHeads, headSize }) => ({ layers, keyHeads, headSize }),
  sizes: transformerSizes,
  inputs: ["padding", "positions", "segments"],
  positionsSkipPadding: true,
  servesInt8: true,
  create: (config, parameters) => new Transformer(config, parameters),
  fresh: {
    takes: ["keyHeads", "headSize", "innerSize", "blockLength", "tied"],
    files: (sizes) => ({
      config: {
        architectures: ["SDARForCausalLM"],
        attention_bias: false,
        auto_map: {
          AutoConfig: `${published}--configuration_sdar.SDARConfig`,
          AutoModel: `${published}--modeling_sdar.SDARModel`,
          AutoModelForCausalLM: `${published}--modeling_sdar.SDARForCausalLM`,
        },
        block_size: sizes.blockLength,
        fuse_cross_entropy: true,
        head_dim: sizes.headSize,
        model_type: "sdar",
        ...qwenFields(sizes),
      },
      generation: endFields(sizes),
    }),
    start: qwenStart,
  },
};

/** Where transformers finds the network's code. */
const published = "JetLM/SDAR-4B-Chat";
