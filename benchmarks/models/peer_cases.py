"""What is timed: whole forwards, and denoising steps against a cache. One repetition is one forward."""

from time import perf_counter

import torch

from network import Network, block_causal

COMPARED = 256
PROBE_SECONDS = 1

network = None


def load(request):
    """Loads a checkpoint in the dtype of `dtypes` that is fastest on the ids of `probe`, if there are several.
    Answers the dtype and the seconds of a probe in each."""
    global network
    network = None
    probe = torch.tensor(request["probe"])
    seconds = {}
    for dtype in request["dtypes"]:
        network = None
        network = Network(request["folder"], getattr(torch, dtype))
        seconds[dtype] = probe_seconds(probe)
    fastest = min(seconds, key=seconds.get)
    if fastest != request["dtypes"][-1]:
        network = None
        network = Network(request["folder"], getattr(torch, fastest))
    return {"dtype": fastest, "seconds": seconds}


@torch.inference_mode()
def probe_seconds(ids):
    """The best of a few forwards."""
    best, total = float("inf"), 0
    for _ in range(4):
        begin = perf_counter()
        network.forward(ids, visible=visible(ids.shape[1]))
        taken = perf_counter() - begin
        best, total = min(best, taken), total + taken
        if total > PROBE_SECONDS:
            break
    return best


def visible(length):
    """None where everybody sees everybody."""
    return block_causal(length, network.block_size) if network.family == "sdar" and length > network.block_size else None


def evenly(logits):
    """Values at even distances, the first and the last among them; the same as evenly() in ours.mjs."""
    flat = logits.reshape(-1)
    last = flat.numel() - 1
    return flat[torch.tensor([i * last // (COMPARED - 1) for i in range(COMPARED)])].float().tolist()


class Forward:
    """The whole sequence. `rows` (places in the flattened batch) are what the caller wants; the plain way is to compute
    the logits of all rows and to pick."""

    def __init__(self, request):
        self.ids = torch.tensor(request["ids"])
        self.rows = None if request.get("rows") is None else torch.tensor(request["rows"])

    def forward(self):
        logits = network.forward(self.ids, visible=visible(self.ids.shape[1]))
        return logits if self.rows is None else logits.flatten(0, 1)[self.rows]

    @torch.inference_mode()
    def value(self):
        return evenly(self.forward())

    @torch.inference_mode()
    def run(self, count):
        begin = perf_counter()
        for _ in range(count):
            self.forward()
        return perf_counter() - begin


class Step(Forward):
    """A block's forward against a cache that holds the positions before it; the cache is filled beforehand."""

    @torch.inference_mode()
    def __init__(self, request):
        prefix, self.ids = torch.tensor(request["prefix"]), torch.tensor(request["ids"])
        self.start = prefix.shape[1]
        self.cache = network.new_cache(self.start + self.ids.shape[1])
        network.forward(prefix, visible=visible(self.start), cache=self.cache)
        self.cache.store = False

    def forward(self):
        return network.forward(self.ids, cache=self.cache, start=self.start)
