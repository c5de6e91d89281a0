"""The network of packages/unmask/src/models/mdlm.ts in eager PyTorch, with the checkpoint's parameter names.

Two forms of the same mathematics at sigma 0. Plain: norm, then scale and shift; gate after the linear. Folded: shift,
scale and gate go into the neighbouring weights, as our side does it. The benchmark takes whichever is faster here.
Letters: B batch, L length, D hidden, H heads, E head size, C conditioning, V vocabulary, N picked positions.
"""

import torch
import torch.nn.functional as F
from torch import nn

TIME_FEATURES = 256
ROTARY_BASE = 10_000
NORM_EPSILON = 1e-5


def linear(x, weight, bias, dtype):
    """The product in `dtype`; .to() gives the tensor itself where it has that dtype already."""
    return F.linear(x.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype))


def modulated_norm(x, norm, shift, scale, folded):
    if folded:
        return F.layer_norm(x, norm.weight.shape, norm.weight * (scale + 1), shift, NORM_EPSILON)
    return F.layer_norm(x, norm.weight.shape, norm.weight, None, NORM_EPSILON) * (1 + scale) + shift


def gated_linear(x, layer, gate, dtype, folded):
    if not folded:
        return gate * linear(x, layer.weight, layer.bias, dtype)
    bias = None if layer.bias is None else gate * layer.bias
    return linear(x, gate.unsqueeze(1) * layer.weight, bias, dtype)


def rotate(x, cos, sin):
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-second, first], dim=-1) * sin


def attention(q, k, v):
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
    return torch.softmax(scores.float(), dim=-1).to(v.dtype) @ v


class Norm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))


class Embedding(nn.Module):
    def __init__(self, count, width):
        super().__init__()
        self.embedding = nn.Parameter(torch.empty(count, width))

    def forward(self, ids):
        return F.embedding(ids, self.embedding)


class SigmaMap(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(TIME_FEATURES, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, features):
        return F.silu(self.mlp(features))


class Block(nn.Module):
    def __init__(self, width, heads, condition):
        super().__init__()
        self.heads = heads
        self.norm1 = Norm(width)
        self.attn_qkv = nn.Linear(width, 3 * width, bias=False)
        self.attn_out = nn.Linear(width, width, bias=False)
        self.norm2 = Norm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(approximate="tanh"), nn.Linear(4 * width, width))
        self.adaLN_modulation = nn.Linear(condition, 6 * width)

    def forward(self, x_BLD, condition, rotary, dtype, folded):
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = self.adaLN_modulation(condition).chunk(6, dim=-1)
        h = modulated_norm(x_BLD, self.norm1, shift_a, scale_a, folded)
        mixed = self.attend(linear(h, self.attn_qkv.weight, None, dtype), rotary)
        x_BLD = x_BLD + gated_linear(mixed, self.attn_out, gate_a, dtype, folded)
        h = modulated_norm(x_BLD, self.norm2, shift_m, scale_m, folded)
        inner = self.mlp[1](linear(h, self.mlp[0].weight, self.mlp[0].bias, dtype))
        return x_BLD + gated_linear(inner, self.mlp[2], gate_m, dtype, folded)

    def attend(self, qkv, rotary):
        B, L, width = qkv.shape
        q, k, v = qkv.reshape(B, L, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        mixed_BHLE = attention(rotate(q, *rotary), rotate(k, *rotary), v)
        return mixed_BHLE.permute(0, 2, 1, 3).reshape(B, L, width // 3)


class OutputLayer(nn.Module):
    def __init__(self, vocabulary, width, condition):
        super().__init__()
        self.norm_final = Norm(width)
        self.linear = nn.Linear(width, vocabulary)
        self.adaLN_modulation = nn.Linear(condition, 2 * width)

    def forward(self, rows_ND, condition, dtype, folded):
        shift, scale = self.adaLN_modulation(condition).chunk(2, dim=-1)
        h = modulated_norm(rows_ND, self.norm_final, shift, scale, folded)
        return linear(h, self.linear.weight, self.linear.bias, dtype).float()


class Mdlm(nn.Module):
    def __init__(self, config, dtype):
        super().__init__()
        width, heads, condition = config["hiddenSize"], config["heads"], config["conditionSize"]
        self.length, self.head_size = config["length"], width // heads
        self.use(dtype)
        self.vocab_embed = Embedding(config["vocabularySize"], width)
        self.sigma_map = SigmaMap(condition)
        self.blocks = nn.ModuleList(Block(width, heads, condition) for _ in range(config["blocks"]))
        self.output_layer = OutputLayer(config["vocabularySize"], width, condition)
        # sigma is 0 in every row: cos 1 and sin 0 for every frequency, one row for the whole batch.
        half = TIME_FEATURES // 2
        self.features = torch.cat([torch.ones(half), torch.zeros(half)])

    def use(self, dtype):
        """Sets the dtype of the products."""
        self.dtype = dtype
        self.rotary = rotary_tables(self.length, self.head_size, dtype)

    def forward(self, ids_BL, positions_N, folded):
        """Raw float32 logits [N, V] of the picked positions of the flattened batch."""
        condition = self.sigma_map(self.features)
        x_BLD = self.vocab_embed(ids_BL)
        for block in self.blocks:
            x_BLD = block(x_BLD, condition, self.rotary, self.dtype, folded)
        rows_ND = x_BLD.flatten(0, 1).index_select(0, positions_N)
        return self.output_layer(rows_ND, condition, self.dtype, folded)


def rotary_tables(length, head_size, dtype):
    half = torch.arange(head_size // 2, dtype=torch.float64)
    angles = torch.arange(length, dtype=torch.float64).outer(ROTARY_BASE ** (-2 * half / head_size))
    angles = torch.cat([angles, angles], dim=1)
    return angles.cos().float().to(dtype), angles.sin().float().to(dtype)
