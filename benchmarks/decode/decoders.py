"""Decoding as the published code does it, in plain eager PyTorch over network.py; batch 1, temperature 0.

Each returns the canvas and, a forward, where it was fed from, how many positions, how many were cached before it and
how many of the fed ones it stored. What the published code spends without need is marked "Habit".
Letters: L fed positions, V vocabulary.
"""

import torch
import torch.nn.functional as F

from network import BlockCache, block_causal


def vanilla(network, prompt, *, mask_id, new_tokens, block_length, steps):
    """LLaDA: blocks from left to right, in each forward the quota's most confident positions of the block."""
    canvas = new_canvas(prompt, new_tokens, mask_id)
    blocks = new_tokens // block_length
    steps_per_block = steps // blocks
    forwards = []
    for b in range(blocks):
        end = len(prompt) + (b + 1) * block_length
        quotas = even_split(int((canvas[:, end - block_length : end] == mask_id).sum()), steps_per_block)
        for quota in quotas:
            is_mask = canvas == mask_id
            # Habit: the whole canvas is fed, and the logits of the prompt and of finished blocks are computed too.
            logits = network.forward(canvas)
            forwards.append((0, canvas.shape[1], 0, 0))
            token = torch.argmax(logits, dim=-1)
            # Habit: softmax in float64 of every position over the whole vocabulary.
            probability = F.softmax(logits.to(torch.float64), dim=-1)
            confidence = torch.gather(probability, -1, token.unsqueeze(-1)).squeeze(-1)
            confidence[:, end:] = -torch.inf
            token = torch.where(is_mask, token, canvas)
            confidence = torch.where(is_mask, confidence, -torch.inf)
            _, chosen = torch.topk(confidence[0], k=quota)
            canvas[0, chosen] = token[0, chosen]
    return canvas, forwards


class Block:
    def __init__(self, start, end, remaining, aggressive):
        self.start, self.end, self.total = start, end, end - start
        self.remaining, self.aggressive = remaining, aggressive
        self.completed_at, self.cached = None, False

    def progress(self):
        return 1 - self.remaining / self.total

    def within(self, positions):
        return [p for p in positions if self.start <= p < self.end]


class PartialCache(BlockCache):
    """Stores the keys and values of the first `keep` fed positions."""

    def __init__(self, keep=0):
        super().__init__()
        self.keep = keep

    def update(self, layer, k, v, start):
        past = self.layers[layer][0].shape[2] if layer in self.layers else 0
        if past > 0:
            keys, values = self.layers[layer]
            k, v = torch.cat([keys, k], dim=2), torch.cat([values, v], dim=2)
        if self.keep > 0:
            self.layers[layer] = k[:, :, : past + self.keep], v[:, :, : past + self.keep]
        return k, v

    def truncate(self, length):
        self.layers = {layer: (k[:, :, :length], v[:, :, :length]) for layer, (k, v) in self.layers.items()}


def multi_block(network, prompt, *, mask_id, new_tokens, block_length, threshold, block_add, decoded, delay=None, refresh=10_000):
    """d3LLM on LLaDA without early stop: several blocks at once, positions by entropy; with its delayed cache if `delay`
    is given."""
    threshold = 999 if threshold is None else threshold
    start = len(prompt)
    canvas = new_canvas(prompt, new_tokens, mask_id)
    blocks = [Block(0, start, 0, True), Block(start, start + block_length, block_length, 1 >= decoded)]
    blocks[0].completed_at = 0
    count = new_tokens // block_length
    engine = WholeCanvas(network) if delay is None else DelayedCache(network, delay, refresh)
    nfe, forwards = 0, []
    while True:
        is_mask = canvas == mask_id
        if not is_mask[0, start:].any() and len(blocks) == count + 1:
            break
        nfe += 1
        advance(blocks, count, block_add, decoded)
        right = max(block.end for block in blocks if block.aggressive or block.remaining > 0)
        logits, first, fed = engine.logits(canvas, blocks, right, nfe)
        if logits is None:
            break
        forwards.append(fed)
        entropy = entropies(logits)
        token = torch.argmax(logits, dim=-1)
        candidates = [p for p in torch.nonzero(is_mask[0]).flatten().tolist() if first <= p < right]
        # Habit: a number is read off the device for every candidate.
        scores = {p: entropy[0, p - first].item() for p in candidates}
        chosen = {p for p in candidates if scores[p] <= threshold}
        chosen.add(min(candidates, key=scores.get))
        eager = next((block for block in blocks[1:] if block.aggressive and block.remaining > 0), None)
        if eager is not None and not eager.within(chosen):
            chosen.add(min(eager.within(candidates), key=scores.get))
        for p in chosen:
            canvas[0, p] = token[0, p - first]
        for block in blocks:
            block.remaining -= len(block.within(chosen))
    return canvas, forwards


def advance(blocks, count, block_add, decoded):
    """Turns blocks aggressive whose predecessor is far enough, and creates the next one if it is due."""
    for before, block in zip(blocks, blocks[1:]):
        block.aggressive = block.aggressive or before.progress() >= decoded
    last = blocks[-1]
    if len(blocks) <= count and (last.progress() >= block_add or last.remaining == 0):
        blocks.append(Block(last.end, last.end + last.total, last.total, last.progress() >= decoded))


def entropies(logits):
    """Habit: in float64, of every fed position over the whole vocabulary."""
    probability = F.softmax(logits.to(torch.float64), dim=-1)
    return -torch.sum(probability * torch.log(probability + 1e-12), dim=-1)


class WholeCanvas:
    def __init__(self, network):
        self.network = network

    def logits(self, canvas, blocks, right, nfe):
        # Habit: logits of the prompt, of finished blocks and of those that are not begun are computed too.
        return self.network.forward(canvas), 0, (0, canvas.shape[1], 0, 0)


class DelayedCache:
    """A finished block waits `delay` forwards until its keys are appended; while one waits, and every `refresh` forwards,
    the whole canvas is fed and the cache rebuilt."""

    def __init__(self, network, delay, refresh):
        self.network, self.delay, self.refresh = network, delay, refresh
        self.cache, self.cached = None, 0

    def logits(self, canvas, blocks, right, nfe):
        """Logits of the fed positions, the first of these, and what was fed."""
        write = self.due(blocks, nfe)
        fresh = write[-1].end - self.cached if write else 0
        waiting = [block for block in blocks if block.remaining == 0 and block.completed_at is not None and not block.cached]
        starts = [block.start for block in blocks if block.remaining > 0] + [block.start for block in waiting]
        start = min([self.cached, *starts])
        length = canvas.shape[1]
        if start >= right:
            return None, 0, None
        if fresh > 0:
            past, self.cached = self.cached, self.cached + fresh
            self.cache = self.cache or PartialCache()
            return self.feed(canvas, past, fresh)
        if self.cache is not None and not waiting and nfe % self.refresh != 0:
            return self.feed(canvas, self.cached, 0)
        if self.cache is None:
            return self.network.forward(canvas), 0, (0, length, 0, 0)
        self.cache = PartialCache(keep=length)
        logits = self.network.forward(canvas, cache=self.cache)
        self.cache.truncate(waiting[-1].start if waiting else self.cached)
        return logits, 0, (0, length, 0, 0)

    def due(self, blocks, nfe):
        """Finished blocks that have waited long enough, from left to right."""
        write = []
        for block in blocks:
            if block.end <= self.cached:
                continue
            if block.remaining > 0:
                break
            if block.completed_at is None:
                block.completed_at = nfe
            if nfe - block.completed_at < self.delay:
                break
            if not block.cached:
                block.cached = True
                write.append(block)
        return write

    def feed(self, canvas, start, keep):
        self.cache.keep = keep
        logits = self.network.forward(canvas[:, start:], cache=self.cache, start=start)
        # Habit: a tensor of logits for the whole canvas is made every time, and the fed rows are written into it.
        whole = torch.full((1, canvas.shape[1], logits.shape[-1]), -torch.inf, dtype=logits.dtype)
        whole[:, start:] = logits
        # Kinder than the published code may be: entropies are then taken of the fed rows alone.
        return whole[:, start:], start, (start, canvas.shape[1] - start, start, keep)


def block_diffusion(network, prompt, *, mask_id, new_tokens, block_length, steps, temperature=1.0):
    """SDAR and T3D, static: `steps` forwards a block against an exact cache, and one more to store the block."""
    prefilled = len(prompt) // block_length * block_length
    cache, forwards = BlockCache(), []
    if prefilled > 0:
        # Habit: logits of the whole prompt, which nobody reads.
        network.forward(torch.tensor([prompt[:prefilled]]), visible=block_causal(prefilled, block_length), cache=cache)
        forwards.append((0, prefilled, 0, prefilled))
    text = list(prompt[:prefilled])
    quotas = even_split(block_length, steps)
    block = list(prompt[prefilled:])
    while len(text) < len(prompt) + new_tokens:
        start = len(text)
        block_1L = torch.tensor([block + [mask_id] * (block_length - len(block))])
        cache.store = False
        for quota in quotas:
            is_mask = block_1L == mask_id
            if not is_mask.any():
                break
            logits = network.forward(block_1L, cache=cache, start=start)
            forwards.append((start, block_length, start, 0))
            probability = F.softmax(logits.float() / temperature, dim=-1)
            token = torch.argmax(probability, dim=-1)
            confidence = torch.gather(probability, -1, token.unsqueeze(-1)).squeeze(-1)
            confidence = torch.where(is_mask, confidence, -torch.inf)
            _, chosen = torch.topk(confidence[0], k=quota)
            block_1L[0, chosen] = token[0, chosen]
        cache.store = True
        # Habit: a forward that only stores the finished block's keys and values; its logits are thrown away.
        network.forward(block_1L, cache=cache, start=start)
        forwards.append((start, block_length, start, block_length))
        text += block_1L[0].tolist()
        block = []
    return torch.tensor([text[: len(prompt) + new_tokens]]), forwards


def new_canvas(prompt, new_tokens, mask_id):
    return torch.tensor([list(prompt) + [mask_id] * new_tokens])


def even_split(total, steps):
    return [total // steps + (step < total % steps) for step in range(steps)]


DECODERS = {"vanilla": vanilla, "multi_block": multi_block, "block_diffusion": block_diffusion}
