"""LLaDA, Dream and SDAR in plain eager PyTorch, from Hugging Face-shaped checkpoints.

The three are one transformer: norm, attention with rotary positions, norm, gated MLP. They differ in names, biases,
grouped heads, norms of queries and keys, and in the precision of the rotation.
Letters: B batch, L fed positions, T keys, D hidden, H query heads, G key heads, E head size, V vocabulary.
"""

from types import SimpleNamespace

import torch
import torch.nn.functional as F

from checkpoint import read_config, read_weights

LLADA_CONFIG = {
    "hidden": "d_model",
    "layers": "n_layers",
    "heads": "n_heads",
    "groups": "n_kv_heads",
    "epsilon": "rms_norm_eps",
    "theta": "rope_theta",
}
LLADA_NAMES = {
    "embedding": "model.transformer.wte",
    "layer": "model.transformer.blocks",
    "norm": "model.transformer.ln_f",
    "head": "model.transformer.ff_out",
    "attention_norm": "attn_norm",
    "q": "q_proj",
    "k": "k_proj",
    "v": "v_proj",
    "out": "attn_out",
    "mlp_norm": "ff_norm",
    "gate": "ff_proj",
    "up": "up_proj",
    "down": "ff_out",
}
QWEN_CONFIG = {
    "hidden": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "groups": "num_key_value_heads",
    "epsilon": "rms_norm_eps",
    "theta": "rope_theta",
}
QWEN_NAMES = {
    "embedding": "model.embed_tokens",
    "layer": "model.layers",
    "norm": "model.norm",
    "head": "lm_head",
    "attention_norm": "input_layernorm",
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "out": "self_attn.o_proj",
    "mlp_norm": "post_attention_layernorm",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}
DREAM_BIASES = {"q_bias": "self_attn.q_proj.bias", "k_bias": "self_attn.k_proj.bias", "v_bias": "self_attn.v_proj.bias"}
SDAR_NORMS = {"q_norm": "self_attn.q_norm.weight", "k_norm": "self_attn.k_norm.weight"}
# Fields of config.json, names of weights, further weights of a layer, whether the rotation is in float32.
FAMILIES = {
    "llada": (LLADA_CONFIG, LLADA_NAMES, {}, True),
    "Dream": (QWEN_CONFIG, QWEN_NAMES, DREAM_BIASES, False),
    "sdar": (QWEN_CONFIG, QWEN_NAMES, SDAR_NORMS, False),
}


def rms_norm(x, weight, epsilon):
    """In float32, back to the dtype of x, then times the weight."""
    wide = x.float()
    return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + epsilon)).to(x.dtype) * weight


def rotate(x, cos, sin):
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-second, first], dim=-1) * sin


def repeat_groups(x_BGTE, count):
    """Every key head for `count` query heads."""
    if count == 1:
        return x_BGTE
    B, G, T, E = x_BGTE.shape
    return x_BGTE[:, :, None].expand(B, G, count, T, E).reshape(B, G * count, T, E)


def attention(q, k, v, bias):
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
    if bias is not None:
        scores = scores + bias
    return torch.softmax(scores, dim=-1, dtype=torch.float32).to(v.dtype) @ v


def bias_of(visible, dtype):
    """Added to the scores: 0 where visible; elsewhere finite, so that a row that sees nothing stays a number."""
    return torch.zeros(visible.shape, dtype=dtype).masked_fill(~visible, torch.finfo(dtype).min)


class RangeCache:
    """Keys and values of the whole canvas ("dual cache"): those of the fed positions replace the old ones."""

    def __init__(self, length):
        self.length, self.filled, self.layers = length, 0, {}

    def update(self, layer, k, v, start):
        end = start + k.shape[2]
        if layer not in self.layers:
            B, G, _, E = k.shape
            self.layers[layer] = k.new_empty(B, G, self.length, E), v.new_empty(B, G, self.length, E)
        keys, values = self.layers[layer]
        keys[:, :, start:end] = k
        values[:, :, start:end] = v
        total = max(end, self.filled)
        return keys[:, :, :total], values[:, :, :total]

    def filled_to(self, end):
        self.filled = max(end, self.filled)


class BlockCache:
    """Keys and values of the committed blocks: those of a block are appended, and kept only with `store`."""

    def __init__(self):
        self.store, self.filled, self.layers = True, 0, {}

    def update(self, layer, k, v, start):
        if layer in self.layers:
            keys, values = self.layers[layer]
            k, v = torch.cat([keys, k], dim=2), torch.cat([values, v], dim=2)
        if self.store:
            self.layers[layer] = k, v
        return k, v

    def filled_to(self, end):
        if self.store:
            self.filled = end


class Network:
    def __init__(self, folder, dtype):
        config = read_config(folder)
        weights = read_weights(folder, dtype)
        self.family, self.dtype = config["model_type"], dtype
        fields, names, more, self.wide_rotation = FAMILIES[self.family]
        for name, field in fields.items():
            setattr(self, name, config[field])
        self.head_size = config.get("head_dim") or self.hidden // self.heads
        self.block_size = config.get("block_size")
        self.embedding, self.norm, self.head = (weights[f"{names[part]}.weight"] for part in ("embedding", "norm", "head"))
        parts = list(names)[4:]
        self.blocks = [
            SimpleNamespace(
                **{part: weights[f"{names['layer']}.{i}.{names[part]}.weight"] for part in parts},
                **{part: weights[f"{names['layer']}.{i}.{name}"] for part, name in more.items()},
            )
            for i in range(self.layers)
        ]

    def forward(self, ids_BL, positions=None, visible=None, cache=None, start=0):
        """Logits [B, L, V]. `visible` [B or 1, 1, L or 1, T] says which keys count; `start` is the place of the first
        fed position in the cache; `positions` [B or 1, L] for the rotation count from there if not given."""
        return F.linear(self.hidden_states(ids_BL, positions, visible, cache, start), self.head)

    def hidden_states(self, ids_BL, positions=None, visible=None, cache=None, start=0):
        """What the head gets, [B, L, D]."""
        if positions is None:
            positions = torch.arange(start, start + ids_BL.shape[1])[None]
        bias = None if visible is None else bias_of(visible, self.dtype)
        rotary = self.rotary(positions)
        x_BLD = F.embedding(ids_BL, self.embedding)
        for i, block in enumerate(self.blocks):
            x_BLD = x_BLD + self.attend(i, block, rms_norm(x_BLD, block.attention_norm, self.epsilon), rotary, bias, cache, start)
            h = rms_norm(x_BLD, block.mlp_norm, self.epsilon)
            inner = F.silu(self.linear(h, block, "gate")) * self.linear(h, block, "up")
            x_BLD = x_BLD + self.linear(inner, block, "down")
        if cache is not None:
            cache.filled_to(start + ids_BL.shape[1])
        return rms_norm(x_BLD, self.norm, self.epsilon)

    def linear(self, x, block, part):
        return F.linear(x, getattr(block, part), getattr(block, f"{part}_bias", None))

    def attend(self, i, block, h_BLD, rotary, bias, cache, start):
        B, L, _ = h_BLD.shape
        q = self.linear(h_BLD, block, "q").view(B, L, self.heads, self.head_size)
        k = self.linear(h_BLD, block, "k").view(B, L, self.groups, self.head_size)
        v = self.linear(h_BLD, block, "v").view(B, L, self.groups, self.head_size)
        if hasattr(block, "q_norm"):
            q, k = rms_norm(q, block.q_norm, self.epsilon), rms_norm(k, block.k_norm, self.epsilon)
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
        cos, sin = rotary
        q, k = rotate(q.to(cos.dtype), cos, sin).to(v.dtype), rotate(k.to(cos.dtype), cos, sin).to(v.dtype)
        if cache is not None:
            k, v = cache.update(i, k, v, start)
        count = self.heads // self.groups
        mixed_BHLE = attention(q, repeat_groups(k, count), repeat_groups(v, count), bias)
        return self.linear(mixed_BHLE.transpose(1, 2).reshape(B, L, self.heads * self.head_size), block, "out")

    def rotary(self, positions):
        """Cosines and sines [B or 1, 1, L, E], once a forward."""
        pairs = torch.arange(0, self.head_size, 2, dtype=torch.int64).float()
        angles = positions[..., None].float() * self.theta ** (-pairs / self.head_size)
        angles = torch.cat([angles, angles], dim=-1)[:, None]
        dtype = torch.float32 if self.wide_rotation else self.dtype
        return angles.cos().to(dtype), angles.sin().to(dtype)

    def new_cache(self, length):
        return BlockCache() if self.family == "sdar" else RangeCache(length)


def block_causal(length, block_size):
    """[1, 1, L, L]: position i sees j where j's block is not later than i's."""
    block = torch.arange(length) // block_size
    return (block[None, :] <= block[:, None])[None, None]
