"""The transformer, its weights, its tokenizers and the decoding engine: plain PyTorch, no HTTP."""
