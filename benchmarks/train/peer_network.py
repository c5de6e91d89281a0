"""The network of models/network.py in training: all weights, or adapters of low rank beside frozen ones (LoRA)."""

import os

import torch
import torch.nn.functional as F

from checkpoint import read_safetensors
from network import LLADA_NAMES, Network

PARTS = ("q", "k", "v", "out", "gate", "up", "down")


class TrainedNetwork(Network):
    """`adapter` is a folder with PEFT's files; without one every weight is trained."""

    def __init__(self, folder, dtype, adapter=None):
        super().__init__(folder, dtype)
        if adapter is None:
            self.parameters = [self.embedding, self.norm, self.head]
            self.parameters += [weight for block in self.blocks for weight in vars(block).values()]
        else:
            self.parameters = self.add_adapters(adapter)
        for parameter in self.parameters:
            parameter.requires_grad_(True)

    def add_adapters(self, folder):
        """Scale 1: alpha is the rank."""
        stored = read_safetensors(os.path.join(folder, "adapter_model.safetensors"))
        added = []
        for i, block in enumerate(self.blocks):
            block.adapters = {}
            for part in PARTS:
                name = f"base_model.model.{LLADA_NAMES['layer']}.{i}.{LLADA_NAMES[part]}"
                pair = [stored[f"{name}.lora_{letter}.weight"].float().clone() for letter in "AB"]
                block.adapters[part] = pair
                added += pair
        if len(added) != len(stored):
            raise ValueError(f"{len(stored)} tensors in the adapter's file, {len(added)} are used")
        return added

    def linear(self, x, block, part):
        result = super().linear(x, block, part)
        adapters = getattr(block, "adapters", None)
        if adapters is None:
            return result
        down, up = adapters[part]
        return result + F.linear(F.linear(x.to(down.dtype), down), up)

    def logits_of(self, ids_BL, rows_N):
        """[N, V] of the picked rows of the flattened batch: the head sees no others."""
        hidden_ND = self.hidden_states(ids_BL).flatten(0, 1)[rows_N]
        return F.linear(hidden_ND, self.head).float()
