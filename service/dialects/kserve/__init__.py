"""The open inference protocol (KServe v2), with tensors as JSON or as binary data."""
