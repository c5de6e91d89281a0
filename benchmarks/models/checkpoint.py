"""A checkpoint folder: config.json and safetensors, one file or shards with an index. The files are our own: no checks."""

import json
import mmap
import os
import struct

import torch

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def read_safetensors(path):
    """Tensors by name, views of the mapped file."""
    with open(path, "rb") as file:
        # Private pages: torch.frombuffer warns about read-only memory.
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    (length,) = struct.unpack("<Q", mapped[:8])
    header = json.loads(mapped[8 : 8 + length])
    header.pop("__metadata__", None)
    return {name: view(mapped, 8 + length, info) for name, info in header.items()}


def view(mapped, data, info):
    begin, end = info["data_offsets"]
    dtype = DTYPES[info["dtype"]]
    if begin == end:
        return torch.empty(info["shape"], dtype=dtype)
    count = (end - begin) // torch.empty(0, dtype=dtype).element_size()
    return torch.frombuffer(mapped, dtype=dtype, count=count, offset=data + begin).reshape(info["shape"])


def read_config(folder):
    with open(os.path.join(folder, "config.json")) as file:
        return json.load(file)


def read_weights(folder, dtype):
    """Every weight of a folder in `dtype`, in memory of its own."""
    index = os.path.join(folder, "model.safetensors.index.json")
    files = ["model.safetensors"]
    if os.path.exists(index):
        with open(index) as file:
            files = sorted(set(json.load(file)["weight_map"].values()))
    parts = [read_safetensors(os.path.join(folder, name)) for name in files]
    return {name: tensor.to(dtype, copy=True) for part in parts for name, tensor in part.items()}
