"""Does network.py compute what the published code computes? Compares it with recorded logits of tiny networks.

python3 check_peer.py FOLDER     FOLDER holds llada/, dream/ and sdar/ with logits_*.json; exit code 1 if one differs
"""

import glob
import json
import os
import sys

import torch

from checkpoint import read_safetensors
from network import BlockCache, Network, RangeCache, block_causal


def main(folder):
    paths = sorted(path for family in ("llada", "dream", "sdar") for path in glob.glob(f"{folder}/{family}/logits_*.json"))
    failed = 0
    for path in paths:
        with open(path) as file:
            case = json.load(file)
        network = Network(os.path.join(folder, case["checkpoint"]), torch.float32)
        recorded = read_safetensors(path.replace(".json", ".safetensors"))
        name = os.path.relpath(path, folder).replace(".json", "")
        for title, ours, theirs, absolute, relative in compare(network, case, recorded):
            difference = (ours - theirs).abs()
            good = bool((difference <= absolute + relative * theirs.abs()).all())
            failed += not good
            allowed = f"{absolute:.0e}" + (f" + {relative:.0e} relative" if relative else "")
            print(f"{'ok  ' if good else 'FAIL'}  {name}, {title}: worst {difference.max().item():.2e}, allowed {allowed}")
    print(f"{len(paths)} cases, {failed} comparisons failed")
    return 1 if failed or not paths else 0


def compare(network, case, recorded):
    """(what, ours, recorded, allowed difference: absolute, relative) for each comparison of a case."""
    if network.family != "sdar":
        return masked(network, case, recorded["logits"])
    if "clean_ids" in case["inputs"]:
        return blocks(network, case, recorded)
    return causal(network, case, recorded["logits"])


def masked(network, case, logits):
    """LLaDA and Dream: all positions see each other, padding apart."""
    inputs, allowed = case["inputs"], case["tolerance"]["logits_abs"]
    ids = torch.tensor(inputs["input_ids"])
    compared = case["outputs"]["compare_positions"]
    # The copies of LLaDA that ignore the mask are recorded too; there every position is compared.
    padding = "attention_mask" in inputs and compared is not None
    visible = torch.tensor(inputs["attention_mask"]).bool()[:, None, None] if padding else None
    positions = torch.tensor(inputs["position_ids"]) if "position_ids" in inputs else None
    wanted = torch.ones_like(ids, dtype=torch.bool) if compared is None else torch.tensor(compared).bool()
    ours = network.forward(ids, positions, visible)
    yield "logits", ours[wanted], logits[wanted], allowed, 0
    if padding:
        return
    # Fed again with everything cached, the second half must give the same.
    cache, half = RangeCache(ids.shape[1]), ids.shape[1] // 2
    network.forward(ids, cache=cache)
    again = network.forward(ids[:, half:], cache=cache, start=half)
    yield "second half with cache", again, logits[:, half:], allowed, 0


def causal(network, case, logits):
    inputs = case["inputs"]
    ids = torch.tensor(inputs["input_ids"])
    positions = torch.tensor(inputs["position_ids"]) if "position_ids" in inputs else None
    visible = block_causal(ids.shape[1], case["arguments"]["block_size"])
    yield "logits", network.forward(ids, positions, visible), logits, *allowed_in(case)


def blocks(network, case, recorded):
    """The first blocks at once, then one by one; the last also as it was before it was clean, without storing it."""
    size, first = case["arguments"]["block_size"], case["arguments"]["prefill_blocks"]
    clean, noisy = torch.tensor(case["inputs"]["clean_ids"]), torch.tensor(case["inputs"]["noisy_ids"])
    cache, start = BlockCache(), size * first
    prefill = network.forward(clean[:, :start], visible=block_causal(start, size), cache=cache)
    yield "prefill", prefill, recorded["prefill_logits"], *allowed_in(case)
    last = clean.shape[1] - size
    while start <= last:
        if start == last:
            cache.store = False
            noise = network.forward(noisy[:, start:], cache=cache, start=start)
            yield "denoising", noise, recorded["denoise_last_block_logits"], *allowed_in(case)
            cache.store = True
        block = network.forward(clean[:, start : start + size], cache=cache, start=start)
        yield f"block {start // size}", block, recorded[f"block_{start // size}_logits"], *allowed_in(case)
        start += size
    yield "keys", cache.layers[0][0][0], recorded["layer0_keys_after_rope"], *allowed_in(case)


def allowed_in(case):
    return case["tolerance"]["abs"], case["tolerance"]["rel"]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: check_peer.py FOLDER")
    with torch.inference_mode():
        sys.exit(main(sys.argv[1]))
