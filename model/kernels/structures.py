"""The structs of `src/structures.h` for `ctypes`, field by field."""

import ctypes
from ctypes import POINTER, c_double, c_float, c_int32, c_void_p


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
    """A normalization layer; none if `gain` is null."""

    _fields_ = (("gain", c_void_p), ("bias", c_void_p), ("eps", c_float), ("is_rms", c_int32))


class Norms(ctypes.Structure):
    """The norms of a sublayer: of its input, and after it."""

    _fields_ = (("before", Norm), ("after", Norm))


class Table(ctypes.Structure):
    """An embedding table: a row of numbers for each token."""

    _fields_ = (
        ("rows", c_void_p),
        ("scales", c_void_p),
        ("kind", c_int32),
        ("width", c_int32),
        ("row_bytes", c_int32),
    )


class Scoring(ctypes.Structure):
    """The function from dot products to scores; see `src/attention.h`."""

    _fields_ = (("scale", c_float), ("softcap", c_float))


class Layer(ctypes.Structure):
    """A layer of encoder or decoder; the encoder's has no cross-attention."""

    _fields_ = (
        ("qkv", Linear),
        ("self_out", Linear),
        ("cross_q", Linear),
        ("cross_kv", Linear),
        ("cross_out", Linear),
        ("up", Linear),
        ("down", Linear),
        ("self_norms", Norms),
        ("cross_norms", Norms),
        ("ffn_norms", Norms),
        ("bias", c_void_p),
        ("window", c_int32),
    )


class Stack(ctypes.Structure):
    """The encoder or the decoder."""

    _fields_ = (
        ("layers", POINTER(Layer)),
        ("embedding", Table),
        ("positions", c_void_p),
        ("rotations", c_void_p),
        ("embedding_norm", Norm),
        ("final_norm", Norm),
        ("num_layers", c_int32),
        ("d_model", c_int32),
        ("num_heads", c_int32),
        ("num_kv_heads", c_int32),
        ("d_head", c_int32),
        ("d_ff", c_int32),
        ("reach", c_int32),
        ("activation", c_int32),
        ("is_gated", c_int32),
        ("norms_outputs", c_int32),
        ("scoring", Scoring),
        ("embedding_scale", c_float),
        ("output_scale", c_float),
    )


class Cache(ctypes.Structure):
    """A KV cache of all layers."""

    _fields_ = (
        ("data", c_void_p),
        ("token_ids", c_void_p),
        ("blocks", c_void_p),
        ("is_bfloat", c_int32),
        ("num_layers", c_int32),
        ("num_blocks", c_int32),
        ("num_heads", c_int32),
        ("capacity", c_int32),
        ("d_head", c_int32),
    )


class Sources(ctypes.Structure):
    """Encoder inputs, concatenated without padding."""

    _fields_ = (
        ("count", c_int32),
        ("num_tokens", c_int32),
        ("token_ids", c_void_p),
        ("starts", c_void_p),
        ("slots", c_void_p),
    )


class Head(ctypes.Structure):
    """The output projection."""

    _fields_ = (("exact", Linear), ("rough", Linear), ("table", Table), ("softcap", c_float))


class Projection(ctypes.Structure):
    """Arguments of the output projection, and addresses for its results."""

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


MOST_ROWS, MOST_STEPS = 8, 16  # hypotheses of a `Search`, steps of a `Run`


class Search(ctypes.Structure):
    """Hypotheses of one request, and the tokens chosen for them; see `src/search.h`."""

    _fields_ = (
        ("slot", c_int32),
        ("source_length", c_int32),
        ("width", c_int32),
        ("position", c_int32),
        ("rows", c_int32 * MOST_ROWS),
        ("token_ids", c_int32 * MOST_ROWS),
        ("log_probs", c_double * MOST_ROWS),
        ("num_best", c_int32),
        ("is_scored", c_int32),
        ("is_beam_search", c_int32),
        ("chooses", c_int32),
        ("num_generated", c_int32),
        ("max_generated", c_int32),
        ("max_repeats", c_int32),
        ("compared_length", c_int32),
        ("worst_rank", c_double),
        ("length_penalty", c_double),
        ("num_chosen", c_int32),
        ("ancestors", c_int32 * MOST_ROWS),
        ("chosen", c_int32 * MOST_STEPS * MOST_ROWS),
    )


class Run(ctypes.Structure):
    """A run of one or more steps of a batch."""

    _fields_ = (
        ("num_searches", c_int32),
        ("num_rows", c_int32),
        ("num_ends", c_int32),
        ("max_steps", c_int32),
        ("searches", c_void_p),
        ("ends", c_void_p),
        ("source_places", c_void_p),
        ("own_places", c_void_p),
        ("hidden", c_void_p),
        ("is_interrupted", c_void_p),
        ("max_seconds", c_double),
        ("num_steps", c_int32),
    )


STRUCTURES = (
    *(Linear, Norm, Norms, Table, Scoring, Layer, Stack, Cache),
    *(Sources, Head, Projection, Search, Run),
)
