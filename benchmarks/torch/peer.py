"""The other side of `npm run bench -- torch`: eager PyTorch; lib/peer_loop.py says how it is driven."""

from peer_loop import serve

try:
    from peer_calls import Add, Chain, Product
    from peer_training import Training
except ImportError as error:
    serve({}, {}, missing=str(error))
else:
    serve({"add": Add, "chain": Chain, "product": Product, "training": Training}, {})
