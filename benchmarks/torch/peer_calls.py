"""Operators of eager PyTorch, called one by one. Grad mode is on and no input wants a gradient, as on our side."""

from time import perf_counter

import torch


class Add:
    """One repetition is 100 calls of a + b on float32 [2, 2]."""

    def __init__(self, request):
        self.left = torch.tensor(request["left"])
        self.right = torch.tensor(request["right"])

    def value(self):
        return (self.left + self.right).flatten().tolist()

    def run(self, count):
        a, b = self.left, self.right
        begin = perf_counter()
        for _ in range(count):
            for _ in range(100):
                a + b
        return perf_counter() - begin


def chain(a, b):
    """Twenty operators on [8, 8]; the same as chain() in calls.mjs, line by line."""
    x = a + b
    x = x * b
    x = torch.tanh(x)
    y = x - a
    y = torch.exp(y)
    total = y.sum(1, keepdim=True)
    y = y / total
    y = y.transpose(0, 1)
    y = y @ x
    y = torch.relu(y)
    y = torch.softmax(y, -1)
    y = y + 1
    y = torch.sqrt(y)
    x = -x
    x = torch.sigmoid(x)
    y = torch.cat([y, x], 1)
    y = y.narrow(1, 4, 8)
    largest = y.amax(-1, keepdim=True)
    y = y - largest
    return torch.abs(y)


class Chain:
    """One repetition is one chain of 20 operators."""

    def __init__(self, request):
        self.left = torch.tensor(request["left"]).reshape(8, 8)
        self.right = torch.tensor(request["right"]).reshape(8, 8)

    def value(self):
        return chain(self.left, self.right).flatten().tolist()

    def run(self, count):
        a, b = self.left, self.right
        begin = perf_counter()
        for _ in range(count):
            chain(a, b)
        return perf_counter() - begin


class Product:
    """One repetition is one square matrix product."""

    def __init__(self, request):
        dtype = getattr(torch, request["dtype"])
        side = request["side"]
        with open(request["file"], "rb") as file:
            both = torch.frombuffer(bytearray(file.read()), dtype=torch.float32).reshape(2, side, side)
        self.left, self.right = both[0].to(dtype), both[1].to(dtype)

    def value(self):
        flat = (self.left @ self.right).flatten()
        return torch.cat([flat[:64], flat[-64:]]).float().tolist()

    def run(self, count):
        left, right = self.left, self.right
        begin = perf_counter()
        for _ in range(count):
            left @ right
        return perf_counter() - begin
