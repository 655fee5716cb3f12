// Structs shared with Python: a network as pointers to its packed weights, caches, and the rows of a step.
// kernels/structures.py mirrors those that Python fills in, field by field.
#pragma once

#include "attention.h"

namespace dragoman {

struct Norm {
  const float* gain;  // null: no norm
  const float* bias;  // null where there is none
  float eps;
  int32_t is_rms;  // RMSNorm: no mean is subtracted
};

// The norms of a sublayer: of its input, and after it.
struct Norms {
  Norm before, after;
};

struct Table {  // a row of numbers for each token
  const uint8_t* rows;
  const float* scales;  // int8: of each row
  Kind kind;
  int32_t width;
  int32_t row_bytes;  // 0: plain rows; otherwise packed as the weights of a `Linear` with rows of
                      // this many bytes
};

struct Layer {
  Linear qkv, self_out, cross_q, cross_kv, cross_out, up, down;
  Norms self_norms, cross_norms, ffn_norms;
  const float* bias;  // of self-attention, (heads, 2 * reach - 1) by the key's position minus the
                      // query's; or null
  int32_t window;     // the largest distance in self-attention, which the bias masks beyond; at most `reach`
};

struct Stack {
  const Layer* layers;
  Table embedding;
  const float* positions;  // (length, d_model), or null
  const float* rotations;  // (reach, d_head), half of it cosines, then sines, of each position; or null
  Norm embedding_norm, final_norm;
  int32_t num_layers, d_model, num_heads;
  int32_t num_kv_heads;  // heads of keys and values, each shared by equally many heads of queries
  int32_t d_head, d_ff, reach;
  Activation activation;
  int32_t is_gated;
  int32_t norms_outputs;  // norms after sublayers apply to their outputs, not to the residual sums
  Scoring scoring;
  float embedding_scale, output_scale;

  int query_width() const { return num_heads * d_head; }  // of all heads together
  int kv_width() const { return num_kv_heads * d_head; }
  int qkv_width() const { return query_width() + 2 * kv_width(); }
  int sharing() const { return num_heads / num_kv_heads; }  // heads that share one of keys and values

  // Returns the bias of key 0 for a query of that position, before those of all other keys; or null.
  const float* bias(const Layer& layer, int head, int position) const {
    if (!layer.bias) return nullptr;
    return layer.bias + static_cast<size_t>(head) * (2 * reach - 1) + reach - 1 - position;
  }

  // Rotates a query or key by the angles of its position, if positions are rotary.
  void rotate(int position, float* x) const {
    if (!rotations) return;
    const int half = d_head / 2;
    const float *cosines = rotations + static_cast<size_t>(position) * d_head, *sines = cosines + half;
    for_vectors(half, [&](int i, auto lanes) {
      const Floats first = load(x + i, lanes), second = load(x + half + i, lanes);
      const Floats cosine = load(cosines + i, lanes), sine = load(sines + i, lanes);
      store(x + i, first * cosine - second * sine, lanes);
      store(x + half + i, second * cosine + first * sine, lanes);
    });
  }
};

// (layers, blocks of 16 tokens, heads, keys then values, 16 * d_head padded to 16), and a table of blocks for
// each row. Two caches may share the blocks.
struct Cache {
  void* data;
  int32_t* token_ids;  // (rows, capacity), the token of each key and value; unused for sources
  int32_t* blocks;     // (rows, capacity / 16), the block that stores each 16 tokens of a row
  int32_t is_bfloat, num_layers, num_blocks, num_heads, capacity, d_head;

  // One head of a layer in all blocks. Heads of a block are adjacent, so a row is read in long contiguous
  // pieces.
  template <class Number>
  HeadMemory<Number> memory(int layer, int head) const {
    const size_t cell_size = HeadMemory<Number>::cell_size(d_head), block_size = num_heads * cell_size;
    const size_t first = static_cast<size_t>(layer) * num_blocks * block_size + head * cell_size;
    return {static_cast<Number*>(data) + first, block_size, d_head};
  }
  int32_t* blocks_of(int row) const { return blocks + static_cast<size_t>(row) * (capacity / kLanes); }
  int32_t* tokens(int row) const { return token_ids + static_cast<size_t>(row) * capacity; }
};

struct Step {
  int32_t num_rows;
  const int32_t* token_ids;
  const int32_t* positions;
  const int32_t* slots;           // of each row: its source in the cross-attention cache
  const int32_t* source_lengths;  // of each row
  const int32_t* places;          // of each row: the place of its own keys and values
};

struct Sources {
  int32_t count, num_tokens;
  const int32_t* token_ids;  // of all sources, concatenated
  const int32_t* starts;     // (count + 1), the first token of each source
  const int32_t* slots;      // of each source
};

struct Head {
  Linear exact;
  Linear rough;  // proposes tokens that `table` decides among; without outputs: unused
  Table table;   // the exact weights, row by row
  float softcap;  // of the logits; 0: none
};

struct Projection {
  int32_t num_rows, d_model;
  const float* hidden;  // (rows, d_model)
  int32_t num_best;
  int32_t num_suppressed;
  const int32_t* suppressed;      // tokens that are never returned
  int32_t is_normalized_without;  // the normalizer leaves suppressed tokens out
  int32_t wants_normalizer;
  float* logits;       // (rows, padded vocabulary), or null
  float* normalizers;  // (rows), log of the sum of the exponentials of all logits
  float* values;       // (rows, num_best), largest first
  int32_t* token_ids;  // (rows, num_best)
};

}  // namespace dragoman
