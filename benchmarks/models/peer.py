"""The other side of `npm run bench -- models`: eager PyTorch; lib/peer_loop.py says how it is driven.

{"do": "load", "folder": F, "dtypes": ["bfloat16", "float32"], "probe": ids [B, L]}  -> {"dtype", "seconds": {dtype: s}}
{"do": "open", "case": "forward", "ids": [B, L], "rows": [N] or null}
{"do": "open", "case": "step", "prefix": [B, P], "ids": [B, L]}
"""

from peer_loop import serve

try:
    from peer_cases import Forward, Step, load
except ImportError as error:
    serve({}, {}, missing=str(error))
else:
    serve({"forward": Forward, "step": Step}, {"load": load})
