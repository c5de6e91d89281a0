"""A training step in eager PyTorch: loss at the masked positions, backward, clipping, AdamW.

Which form of the network and which AdamW are fastest depends on the machine, so both are timed first and the fastest
are used: our side is compared with the best of them.
"""

import json
import statistics
import struct
from time import perf_counter

import torch
import torch.nn.functional as F

from peer_mdlm import Mdlm

# Timings of each form and optimiser: more where a step is short, and no longer than this.
SELECTION_ROUNDS = range(3, 15)
SELECTION_SECONDS = 20
FORMS_TOLERANCE = 1e-4


def load_safetensors(path):
    """float32 tensors by name. The file is our own: no checks."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = torch.frombuffer(bytearray(file.read()), dtype=torch.float32)
    header.pop("__metadata__", None)
    part = lambda info: data[info["data_offsets"][0] // 4 : info["data_offsets"][1] // 4].reshape(info["shape"])
    return {name: part(info) for name, info in header.items()}


def to_tensors(batch):
    return {
        "ids": torch.tensor(batch["ids"]).reshape(batch["rows"], -1),
        "positions": torch.tensor(batch["positions"]),
        "targets": torch.tensor(batch["targets"]),
        "weights": torch.tensor(batch["weights"]),
    }


class Training:
    """One repetition is one step; the batches take turns."""

    def __init__(self, request):
        self.settings = request["settings"]
        self.batches = [to_tensors(batch) for batch in request["batches"]]
        self.mask_column = torch.zeros(request["config"]["vocabularySize"])
        self.mask_column[request["maskId"]] = -1e6
        self.model = Mdlm(request["config"], getattr(torch, request["dtype"]))
        self.weights = request["weights"]
        self.load_weights()
        forms_apart = self.forms_apart()
        self.select()
        self.load_weights()
        self.steps = 0
        self.facts["forms_apart"] = forms_apart

    def load_weights(self):
        self.model.load_state_dict(load_safetensors(self.weights))

    def optimiser(self, kind):
        s = self.settings
        options = {"lr": s["learningRate"], "betas": s["betas"], "eps": s["eps"], "weight_decay": s["weightDecay"]}
        kinds = {"for-loop": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}
        return torch.optim.AdamW(self.model.parameters(), **options, **kinds[kind])

    def loss(self, batch, folded):
        logits = self.model(batch["ids"], batch["positions"], folded)
        losses = F.cross_entropy(logits + self.mask_column, batch["targets"], reduction="none")
        return (losses * batch["weights"]).sum()

    def backward(self, batch, folded):
        loss = self.loss(batch, folded)
        loss.backward()
        return loss

    def forms_apart(self):
        """Relative difference of the forms' first losses in float32, so that the timed form is known to be right."""
        dtype = self.model.dtype
        self.model.use(torch.float32)
        with torch.no_grad():
            plain, folded = (self.loss(self.batches[0], form).item() for form in [False, True])
        self.model.use(dtype)
        apart = abs(plain - folded) / abs(folded)
        if not apart <= FORMS_TOLERANCE:
            raise ValueError(f"the plain and the folded form differ by {apart:.1e}")
        return apart

    def update(self, optimiser):
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings["clip"])
        optimiser.step()

    def step(self):
        return self.step_as(self.folded)

    def step_as(self, folded):
        loss = self.backward(self.batches[self.steps % len(self.batches)], folded)
        self.update(self.chosen)
        self.chosen.zero_grad(set_to_none=True)
        self.steps += 1
        return loss.item()

    def select(self):
        optimisers = {}
        for kind in ["for-loop", "foreach", "fused"]:
            try:
                optimisers[kind] = self.optimiser(kind)
            except (RuntimeError, TypeError):
                pass  # fused on the CPU came with PyTorch 2.4
        seconds = {name: [] for name in ["plain", "folded", *optimisers]}
        started = perf_counter()
        for round in range(SELECTION_ROUNDS.stop):
            if round > SELECTION_ROUNDS.start and perf_counter() - started > SELECTION_SECONDS:
                break
            for form in ["plain", "folded"]:
                self.model.zero_grad(set_to_none=True)
                begin = perf_counter()
                self.backward(self.batches[round % len(self.batches)], form == "folded")
                seconds[form].append(perf_counter() - begin)
            for kind, optimiser in optimisers.items():
                begin = perf_counter()
                self.update(optimiser)
                seconds[kind].append(perf_counter() - begin)
        # The first round warms up and makes the optimisers' states.
        medians = {name: statistics.median(times[1:]) for name, times in seconds.items()}
        form = min(["plain", "folded"], key=medians.get)
        kind = min(optimisers, key=medians.get)
        self.model.zero_grad(set_to_none=True)
        self.folded = form == "folded"
        self.chosen = self.optimiser(kind)
        self.facts = {"form": form, "optimiser": kind, "selection": medians}

    def value(self):
        """Losses of the first steps in the folded form: ours, so that bfloat16 rounds at the same places."""
        return [self.step_as(folded=True) for _ in range(self.settings["comparedSteps"])]

    def run(self, count):
        begin = perf_counter()
        for _ in range(count):
            self.step()
        return perf_counter() - begin
