"""What is timed: decoding a prompt from beginning to end. One repetition is one decoding."""

from time import perf_counter

import torch

from decoders import DECODERS
from network import Network

network = None


def load(request):
    """Loads a checkpoint in float32 for the cases that follow."""
    global network
    network = None
    network = Network(request["folder"], torch.float32)
    return {}


class Decode:
    def __init__(self, request):
        self.decoder, self.prompt, self.options = DECODERS[request["decoder"]], request["prompt"], request["options"]

    @torch.inference_mode()
    def value(self):
        canvas, forwards = self.decoder(network, self.prompt, **self.options)
        self.facts = {"forwards": len(forwards), "fed": sum(length for _, length, *_ in forwards)}
        return canvas[0].tolist()

    @torch.inference_mode()
    def run(self, count):
        begin = perf_counter()
        for _ in range(count):
            self.decoder(network, self.prompt, **self.options)
        return perf_counter() - begin
