"""The other side of `npm run bench -- torch`: eager PyTorch, driven by JSON lines on standard input.

{"do": "start", "threads": 2}              -> {"python", "torch", "threads", "blas"} or {"missing": sentence}
{"do": "open", "case": "add", ...options}  -> {"value": [numbers to compare], ...facts}
{"do": "run", "count": 100}                -> {"seconds": s} for so many repetitions of the open case
"""

import json
import platform
import re
import sys

try:
    import torch

    from peer_calls import Add, Chain, Product
    from peer_training import Training
except ImportError as error:
    torch = None
    missing = str(error)


def loaded_blas():
    """Folder and file of the BLAS in this process; the same rule as loadedBlas() in lib/machine.mjs."""
    with open("/proc/self/maps") as maps:
        paths = {match.group() for match in re.finditer(r"/\S*/lib(openblas|blas|blis|mkl|atlas)[^\s/]*\.so\S*", maps.read())}
    named = [path for path in paths if "numpy" not in path]
    ranked = sorted(named, key=lambda path: (bool(re.search(r"/libblas[^/]*$", path)), path))
    return "/".join(ranked[0].split("/")[-2:]) if ranked else None


def start(request):
    if torch is None:
        return {"missing": missing}
    torch.set_num_threads(request["threads"])
    torch.ones(64, 64) @ torch.ones(64, 64)
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "blas": loaded_blas(),
    }


def main():
    current = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "start":
                answer = start(request)
            elif request["do"] == "open":
                current = None  # frees the case before
                cases = {"add": Add, "chain": Chain, "product": Product, "training": Training}
                current = cases[request["case"]](request)
                answer = {"value": current.value(), **getattr(current, "facts", {})}
            else:
                answer = {"seconds": current.run(request["count"])}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


main()
