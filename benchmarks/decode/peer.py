"""The other side of `npm run bench -- decode`: the published decoders in eager PyTorch; lib/peer_loop.py says how it is
driven. Run with ../models on PYTHONPATH, where network.py is.

{"do": "load", "folder": F}                                                                  -> {}
{"do": "open", "case": "decode", "decoder": "vanilla", "prompt": [ids], "options": {...}}    -> {"value": canvas, "forwards", "fed"}
"""

from peer_loop import serve

try:
    from decode_cases import Decode, load
except ImportError as error:
    serve({}, {}, missing=str(error))
else:
    serve({"decode": Decode}, {"load": load})
