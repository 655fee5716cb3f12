"""Run the network for a batch: PyTorch, CUDA graphs, or the project's own kernels."""
