"""Python's side of `npm run bench -- train` in a process of its own: peer.py SPEC.json (train/spec.mjs says what is in it).

The step of a training loop in eager PyTorch: loss at the masked positions (autocast where products are bfloat16),
backward, clipping, AdamW, reading the loss. Without a folder in the specification it only says which PyTorch it is.
"""

import json
import statistics
import sys
from time import perf_counter

import peer_loop

try:
    import torch
    import torch.nn.functional as F

    from peer_network import TrainedNetwork
    missing = None
except ImportError as error:
    missing = str(error)

# Which form of AdamW is fastest is measured: so many updates each, the first of them a warm-up.
SELECTION_ROUNDS = 4


def memory():
    """Bytes of the most memory that this process held."""
    with open("/proc/self/status") as status:
        return 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def reset_peak():
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        return True
    except OSError:
        return False


class Training:
    def __init__(self, spec):
        self.spec = spec
        self.wide = spec["products"] == "float32"
        with open(spec["batches"]) as file:
            self.batches = [self.tensors(batch) for batch in json.load(file)]
        adapter = spec["adapter"] and spec["adapter"]["folder"]
        # A frozen base is held in the products' dtype: the form that is quick here.
        dtype = torch.float32 if adapter is None or self.wide else torch.bfloat16
        self.network = TrainedNetwork(spec["folder"], dtype, adapter)
        self.steps = 0

    def tensors(self, batch):
        ids = torch.tensor(batch["ids"]).reshape(self.spec["rows"], -1)
        return ids, torch.tensor(batch["reads"]), torch.tensor(batch["targets"]), torch.tensor(batch["weights"])

    def start(self, optimiser):
        """Chooses the form of AdamW if none is given; afterwards nothing has been updated."""
        kinds = {"for-loop": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}
        selection = {}
        for kind in kinds if optimiser is None else ():
            try:
                selection[kind] = self.seconds_of(self.adamw(kinds[kind]))
            except (RuntimeError, TypeError):
                pass  # fused on the CPU came with PyTorch 2.4
        self.kind = optimiser or min(selection, key=selection.get)
        self.optimiser = self.adamw(kinds[self.kind])
        return selection

    def adamw(self, kind):
        update, parameters = self.spec["update"], self.network.parameters
        groups = [
            {"params": [one for one in parameters if one.dim() >= 2], "weight_decay": update["weightDecay"]},
            {"params": [one for one in parameters if one.dim() < 2], "weight_decay": 0},
        ]
        groups = [group for group in groups if group["params"]]
        return torch.optim.AdamW(groups, lr=update["learningRate"], betas=update["betas"], eps=update["eps"], **kind)

    def seconds_of(self, optimiser):
        """Updates with a rate of 0 and no gradient to speak of: the weights stay as they are."""
        for group in optimiser.param_groups:
            group["lr"] = 0.0
        for parameter in self.network.parameters:
            parameter.grad = torch.zeros_like(parameter)
        seconds = []
        for _ in range(SELECTION_ROUNDS):
            begin = perf_counter()
            optimiser.step()
            seconds.append(perf_counter() - begin)
        for parameter in self.network.parameters:
            parameter.grad = None
        return statistics.median(seconds[1:])

    def step(self):
        ids, reads, targets, weights = self.batches[self.steps]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=not self.wide):
            logits = self.network.logits_of(ids, reads)
        loss = (F.cross_entropy(logits, targets, reduction="none") * weights).sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters, self.spec["update"]["clip"])
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.steps += 1
        return loss.item()


def main(path):
    with open(path) as file:
        spec = json.load(file)
    facts = peer_loop.start(spec, missing)
    if missing is not None or "folder" not in spec:
        return spec["result"], facts
    base = memory()
    training = Training(spec)
    selection = training.start(spec["optimiser"])
    since_loading = reset_peak()
    losses, seconds = [training.step() for _ in range(spec["untimed"])], []
    for _ in range(spec["timed"]):
        begin = perf_counter()
        losses.append(training.step())
        seconds.append(perf_counter() - begin)
    outcome = {"losses": losses, "seconds": seconds, "base": base, "peak": memory(), "sinceLoading": since_loading}
    chosen = {"optimiser": training.kind, "selection": selection, "product": None, "blas": facts["blas"]}
    return spec["result"], {**outcome, **chosen}


if __name__ == "__main__":
    target, answer = main(sys.argv[1])
    with open(target, "w") as file:
        json.dump(answer, file)
