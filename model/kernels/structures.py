"""The structs of `src/structures.h`, field by field, for `ctypes`."""

import ctypes
from ctypes import POINTER, c_float, c_int32, c_void_p


class Linear(ctypes.Structure):
    """A packed weight matrix; see `src/linear.h`."""

    _fields_ = (
        ("in_", c_int32),
        ("out", c_int32),
        ("kind", c_int32),
        ("weights", c_void_p),
        ("scales", c_void_p),
        ("start", c_void_p),
        ("bias", c_void_p),
    )


class Norm(ctypes.Structure):
    """A normalisation; without a gain there is none."""

    _fields_ = (("gain", c_void_p), ("bias", c_void_p), ("eps", c_float), ("is_rms", c_int32))


class Table(ctypes.Structure):
    """A row of numbers for each token."""

    _fields_ = (
        ("rows", c_void_p),
        ("scales", c_void_p),
        ("kind", c_int32),
        ("width", c_int32),
        ("row_bytes", c_int32),
    )


class Layer(ctypes.Structure):
    """One layer of either stack; an encoder's has no cross-attention."""

    _fields_ = (
        ("qkv", Linear),
        ("self_out", Linear),
        ("cross_q", Linear),
        ("cross_kv", Linear),
        ("cross_out", Linear),
        ("up", Linear),
        ("down", Linear),
        ("self_norm", Norm),
        ("cross_norm", Norm),
        ("ffn_norm", Norm),
        ("bias", c_void_p),
    )


class Stack(ctypes.Structure):
    """Encoder or decoder."""

    _fields_ = (
        ("layers", POINTER(Layer)),
        ("embedding", Table),
        ("positions", c_void_p),
        ("embedding_norm", Norm),
        ("final_norm", Norm),
        ("num_layers", c_int32),
        ("d_model", c_int32),
        ("num_heads", c_int32),
        ("d_head", c_int32),
        ("d_ff", c_int32),
        ("reach", c_int32),
        ("activation", c_int32),
        ("is_gated", c_int32),
        ("is_pre_norm", c_int32),
        ("attention_scale", c_float),
        ("embedding_scale", c_float),
        ("output_scale", c_float),
    )


class Cache(ctypes.Structure):
    """Keys and values of all layers."""

    _fields_ = (
        ("data", c_void_p),
        ("token_ids", c_void_p),
        ("is_bfloat", c_int32),
        ("num_layers", c_int32),
        ("num_rows", c_int32),
        ("num_heads", c_int32),
        ("capacity", c_int32),
        ("d_head", c_int32),
    )


class Step(ctypes.Structure):
    """One token for every row of the batch."""

    _fields_ = (
        ("num_rows", c_int32),
        ("token_ids", c_void_p),
        ("positions", c_void_p),
        ("slots", c_void_p),
        ("source_lengths", c_void_p),
        ("places", c_void_p),
    )


class Sources(ctypes.Structure):
    """Encoder inputs, one after another without padding."""

    _fields_ = (
        ("count", c_int32),
        ("num_tokens", c_int32),
        ("token_ids", c_void_p),
        ("starts", c_void_p),
        ("slots", c_void_p),
    )


class Head(ctypes.Structure):
    """The output projection."""

    _fields_ = (("exact", Linear), ("rough", Linear), ("table", Table))


class Projection(ctypes.Structure):
    """What is asked of the output projection, and where the answers go."""

    _fields_ = (
        ("num_rows", c_int32),
        ("d_model", c_int32),
        ("hidden", c_void_p),
        ("num_best", c_int32),
        ("num_suppressed", c_int32),
        ("suppressed", c_void_p),
        ("is_normalized_without", c_int32),
        ("wants_normalizer", c_int32),
        ("logits", c_void_p),
        ("normalizers", c_void_p),
        ("values", c_void_p),
        ("token_ids", c_void_p),
    )


STRUCTURES = (Linear, Norm, Table, Layer, Stack, Cache, Step, Sources, Head, Projection)
