"""Our own kernels for CPUs with AVX-512: a decoding step as one call, written in C++."""
