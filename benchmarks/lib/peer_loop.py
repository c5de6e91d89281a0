"""The Python side of a benchmark, driven by JSON lines on standard input; one answer line for each.

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
except ImportError:
    torch = None


def loaded_blas():
    """Folder and file of the BLAS in this process; the same rule as loadedBlas() in lib/machine.mjs."""
    with open("/proc/self/maps") as maps:
        paths = {match.group() for match in re.finditer(r"/\S*/lib(openblas|blas|blis|mkl|atlas)[^\s/]*\.so\S*", maps.read())}
    named = [path for path in paths if "numpy" not in path]
    ranked = sorted(named, key=lambda path: (bool(re.search(r"/libblas[^/]*$", path)), path))
    return "/".join(ranked[0].split("/")[-2:]) if ranked else None


def start(request, missing):
    if missing is not None:
        return {"missing": missing}
    torch.set_num_threads(request["threads"])
    torch.ones(64, 64) @ torch.ones(64, 64)
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "blas": loaded_blas(),
    }


def serve(cases, commands, missing=None):
    """`cases` are classes with value() and run(count), made from the request; `commands` are functions of a request;
    `missing` says why there is no torch."""
    current = None
    for line in sys.stdin:
        request = json.loads(line)
        do = request["do"]
        try:
            if do == "start":
                answer = start(request, missing)
            elif do == "open":
                current = None  # frees the case before
                current = cases[request["case"]](request)
                answer = {"value": current.value(), **getattr(current, "facts", {})}
            elif do == "run":
                answer = {"seconds": current.run(request["count"])}
            else:
                current = None
                answer = commands[do](request)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
