"""Do the decoders write what the published code writes? Replays recorded decoding, token for token, and where recorded
what every forward was fed.

PYTHONPATH=../models python3 check_decoders.py FOLDER     FOLDER holds llada/, d3llm/ and sdar/; exit code 1 if one differs

Left out: cases with options that decoders.py does not have (guidance, early stop, padding, batches, end of text last),
and SDAR's in which the published code overwrites what it has fixed.
"""

import glob
import json
import os
import sys

import torch

from decoders import block_diffusion, multi_block, vanilla
from network import Network


def main(folder):
    names = ("llada/vanilla_*", "d3llm/llada_multi_block_*", "sdar/decode_static_*")
    paths = sorted(path for name in names for path in glob.glob(f"{folder}/{name}.json"))
    checked, failed = {"vanilla": 0, "multi_block": 0, "multi_block_kv": 0, "static": 0}, 0
    for path in paths:
        with open(path) as file:
            case = json.load(file)
        name = os.path.relpath(path, folder).replace(".json", "")
        if not is_covered(case):
            continue
        network = Network(os.path.join(folder, case["checkpoint"]), torch.float32)
        wrong = [what for what, ours, theirs in compare(network, case) if ours != theirs]
        checked[next(kind for kind in reversed(checked) if kind in name)] += 1
        failed += bool(wrong)
        print(f"{'FAIL' if wrong else 'ok  '}  {name}{': ' if wrong else ''}{', '.join(wrong)}")
    counts = ", ".join(f"{count} {kind}" for kind, count in checked.items())
    print(f"{sum(checked.values())} cases ({counts}), {failed} failed")
    return 1 if failed or not all(checked.values()) else 0


def is_covered(case):
    arguments, inputs = case["arguments"], case["inputs"]
    has_more = any(arguments.get(name) for name in ("cfg_scale", "logits_eos_inf", "confidence_eos_eot_inf", "early_stop"))
    return not has_more and "attention_mask" not in inputs and len(inputs.get("prompt", inputs.get("prompts"))) == 1


def compare(network, case):
    if network.family == "sdar":
        return compare_blocks(network, case)
    return compare_canvas(network, case)


def compare_canvas(network, case):
    """(what, ours, recorded)."""
    arguments, outputs = case["arguments"], case["outputs"]
    (prompt,) = case["inputs"]["prompt"]
    if "gen_length" in arguments:
        options = {"new_tokens": arguments["gen_length"], "block_length": arguments["block_length"], "steps": arguments["steps"]}
        canvas, forwards = vanilla(network, prompt, mask_id=arguments["mask_id"], **options)
    else:
        canvas, forwards = multi_block(network, prompt, **multi_block_options(arguments))
    yield "tokens", canvas.tolist(), outputs["sequences"]
    recorded = [(step["input_start"], step["input_len"], step["past_len"], step.get("cache_commit", 0)) for step in outputs["steps"]]
    yield "forwards", forwards, recorded


def multi_block_options(arguments):
    cache = {"delay": arguments["cache_delay_iter"], "refresh": arguments["refresh_interval"]} if "cache_delay_iter" in arguments else {}
    return {
        "mask_id": arguments["mask_id"],
        "new_tokens": arguments["max_new_tokens"],
        "block_length": arguments["block_size"],
        "threshold": arguments["threshold"],
        "block_add": arguments["block_add_threshold"],
        "decoded": arguments["decoded_token_threshold"],
        **cache,
    }


def compare_blocks(network, case):
    arguments, outputs = case["arguments"], case["outputs"]
    (prompt,), (recorded,) = case["inputs"]["prompts"], outputs["sequences"]
    canvas, forwards = block_diffusion(
        network,
        prompt,
        mask_id=arguments["mask_token_id"],
        new_tokens=arguments["max_tokens"],
        block_length=arguments["block_length"],
        steps=arguments["denoising_steps"],
        temperature=arguments["temperature"],
    )
    yield "tokens", canvas[0, len(prompt) :].tolist(), recorded["tokens"]
    stored = sum(keep > 0 for *_, keep in forwards)
    passes = outputs["forward_passes"]
    yield "forwards", [len(forwards) - stored, stored], [passes["denoise"], passes["prefill"] + passes["save"]]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: check_decoders.py FOLDER")
    with torch.inference_mode():
        sys.exit(main(sys.argv[1]))
