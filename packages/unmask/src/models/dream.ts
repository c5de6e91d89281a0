// Dream (Ye et al. 2025): Dream-7B, Dream-Coder, and d3LLM's students of them. Qwen-2.5's network with full attention;
// row p of the logits predicts position p + 1.
// Reference for parity: hao-ai-lab/d3LLM e5bfcac, ZHZisZZ/dllm ca17675, modeling_dream.py.

import type { Facts, Family, RawConfig } from "./family.ts";
import { tokenId, tokenIds } from "./parts/fields.ts";
import { endFields, qwenFields, qwenSizes, qwenStart } from "./parts/qwen.ts";
import { type Architecture, Transformer, transformerShapes, transformerSizes } from "./parts/transformer.ts";

export interface DreamConfig extends Architecture {
  readonly facts: Facts;
}

function readConfig(raw: RawConfig): DreamConfig {
  const sizes = qwenSizes(raw);
  const { vocabularySize, contextLength } = sizes;
  return {
    ...sizes,
    headNorms: false,
    projectionBias: true,
    visibility: { kind: "full" },
    facts: {
      family: "dream",
      vocabularySize,
      maskId: tokenId(raw, "mask_token_id", vocabularySize),
      endIds: tokenIds(raw, "eos_token_id", vocabularySize),
      padId: tokenId(raw, "pad_token_id", vocabularySize),
      beginId: tokenId(raw, "bos_token_id", vocabularySize),
      shift: 1,
      contextLength,
      denoises: true,
    },
  };
}

export const dream: Family<DreamConfig> = {
  name: "dream",
  modelTypes: ["Dream", "dream"],
  prefixes: [""],
  readConfig,
  facts: ({ facts }) => facts,
  shapes: transformerShapes,
  cacheShape: ({ layers, keyHeads, headSize }) => ({ layers, keyHeads, headSize }),
  sizes: transformerSizes,
  inputs: ["padding", "positions", "segments"],
  positionsSkipPadding: true,
  servesInt8: true,
  create: (config, parameters) => new Transformer(config, parameters),
  fresh: {
    takes: ["keyHeads", "innerSize", "tied"],
    files: (sizes) => ({
      config: {
        architectures: ["DreamModel"],
        auto_map: {
          AutoConfig: `${published}--configuration_dream.DreamConfig`,
          AutoModel: `${published}--modeling_dream.DreamModel`,
        },
        model_type: "Dream",
        ...qwenFields(sizes),
      },
      generation: endFields(sizes),
    }),
    start: qwenStart,
  },
};

/** Where transformers finds the network's code. */
const published = "Dream-org/Dream-v0-Base-7B";
