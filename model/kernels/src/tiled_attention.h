// Self-attention of a whole source with AMX: with many queries, it is two matrix products.
//
// Queries, keys, values and attention weights are rounded to bfloat16, as the activations of bfloat16 weights
// are; scores, softmax and all sums are float. The result is that of `attend` in attention.h.
#pragma once

#include "attention.h"
#include "tiled_linear.h"

namespace dragoman {

#ifdef __AMX_INT8__
constexpr int kTileNumbers = 32;  // bfloat16 of one row of a tile
constexpr int kQueryRows = 32;    // two tiles of queries at a time

inline int padded_to_tile(int count) { return (count + kTileNumbers - 1) / kTileNumbers * kTileNumbers; }

// The buffers of one head for a source of up to `longest` tokens, in one allocation.
class TiledHead {
 public:
  TiledHead(float* memory, int longest, int d_head) : d_head_(d_head), depth_(padded_to_tile(d_head)) {
    const size_t keys = padded_to_tile(longest);
    scores_ = memory;
    answers_ = scores_ + kQueryRows * keys;
    bfloat* narrow = reinterpret_cast<bfloat*>(answers_ + kQueryRows * kTileNumbers);
    weights_ = narrow;
    queries_ = weights_ + kQueryRows * keys;
    keys_ = queries_ + kQueryRows * depth_;
    values_ = keys_ + keys * depth_;
  }

  static size_t num_floats(int longest, int d_head) {
    const size_t keys = padded_to_tile(longest), depth = padded_to_tile(d_head);
    return kQueryRows * (keys + kTileNumbers) + (kQueryRows * (keys + depth) + 2 * keys * depth) / 2 + kLanes;
  }

  // Packs keys and values, (length, d_head) each, whose rows are `stride` floats apart.
  void set_source(const float* keys, const float* values, int stride, int length) {
    length_ = length;
    const int num_keys = padded_to_tile(length);
    // Keys: blocks of 16, in each a word of two dimensions for every key side by side.
    std::memset(keys_, 0, static_cast<size_t>(num_keys) * depth_ * sizeof(bfloat));
    for (int token = 0; token < length; ++token) {
      const float* key = keys + static_cast<size_t>(token) * stride;
      bfloat* to = keys_ + static_cast<size_t>(token / kLanes) * depth_ * kLanes + token % kLanes * 2;
      for (int d = 0; d < d_head_; d += kLanes) {
        alignas(32) uint32_t pairs[kLanes / 2];
        store(reinterpret_cast<bfloat*>(pairs), load(key + d, first_lanes(d_head_ - d)));
        for (int i = 0; i < kLanes / 2; ++i)
          std::memcpy(to + (d / 2 + i) * kTileNumbers, pairs + i, sizeof(uint32_t));
      }
    }
    // Values: blocks of 16 dimensions, in each a word of two tokens for every dimension side by
    // side.
    for (int d = 0; d < d_head_; d += kLanes) {
      const Lanes lanes = first_lanes(d_head_ - d);
      bfloat* to = values_ + static_cast<size_t>(d) * num_keys;
      for (int token = 0; token < num_keys; token += 2, to += kTileNumbers) {
        store_words(to, bit_or(half(values, stride, token, d, lanes),
                               shift_left<16>(half(values, stride, token + 1, d, lanes))));
      }
    }
  }

  // Computes queries first to first + kQueryRows, or to the end; bias: of the first query, or null. The bias
  // of each further query begins one float earlier.
  void attend(const float* queries, int stride, int first, const float* bias, const Scoring& scoring,
              float* answers, int answers_stride) {
    const int count = std::min(kQueryRows, length_ - first), num_keys = padded_to_tile(length_);
    std::memset(queries_, 0, kQueryRows * depth_ * sizeof(bfloat));
    for (int row = 0; row < count; ++row) {
      const float* query = queries + static_cast<size_t>(first + row) * stride;
      for (int d = 0; d < d_head_; d += kLanes)
        store(queries_ + row * depth_ + d, load(query + d, first_lanes(d_head_ - d)));
    }
    for (int block = 0; block < num_keys / kLanes; block += 2) {
      const bfloat* keys = keys_ + static_cast<size_t>(block) * depth_ * kLanes;
      multiply(queries_, depth_, depth_, keys, keys + depth_ * kLanes, scores_ + block * kLanes, num_keys);
    }
    float factors[kQueryRows] = {};
    for (int row = 0; row < count; ++row) {
      factors[row] = weigh(row, num_keys, scoring, bias ? bias - row : nullptr);
    }
    for (int d = 0; d < d_head_; d += kTileNumbers) {
      const bfloat* values = values_ + static_cast<size_t>(d) * num_keys;
      const bool is_last = d + kLanes >= d_head_;
      multiply(weights_, num_keys, num_keys, values, is_last ? values : values + kLanes * num_keys, answers_,
               kTileNumbers);
      for (int row = 0; row < count; ++row) {
        float* to = answers + static_cast<size_t>(first + row) * answers_stride + d;
        for (int i = 0; i < kTileNumbers && d + i < d_head_; i += kLanes) {
          const Floats sums = load(answers_ + row * kTileNumbers + i);
          store(to + i, sums * broadcast(factors[row]), first_lanes(d_head_ - d - i));
        }
      }
    }
  }

 private:
  Words half(const float* values, int stride, int token, int d, Lanes lanes) const {
    if (token >= length_) return broadcast_word(0);
    return narrowed(load(values + static_cast<size_t>(token) * stride + d, lanes));
  }

  // Multiplies 32 rows of `depth` numbers by two blocks of 16 columns, into 32 columns of `sums`.
  static void multiply(const bfloat* rows, int stride, int depth, const bfloat* left, const bfloat* right,
                       float* sums, int sums_stride) {
    const int row_bytes = stride * static_cast<int>(sizeof(bfloat)),
              out_bytes = sums_stride * static_cast<int>(sizeof(float));
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int k = 0; k < depth; k += kTileNumbers) {
      _tile_loadd(4, rows + k, row_bytes);
      _tile_loadd(5, rows + static_cast<size_t>(kLanes) * stride + k, row_bytes);
      _tile_loadd(6, left + static_cast<size_t>(k) * kLanes, 64);
      _tile_loadd(7, right + static_cast<size_t>(k) * kLanes, 64);
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, sums, out_bytes);
    _tile_stored(1, sums + kLanes, out_bytes);
    _tile_stored(2, sums + static_cast<size_t>(kLanes) * sums_stride, out_bytes);
    _tile_stored(3, sums + static_cast<size_t>(kLanes) * sums_stride + kLanes, out_bytes);
  }

  // Computes the exponentials of a row's softmax; returns the factor that normalizes them.
  float weigh(int row, int num_keys, const Scoring& scoring, const float* bias) {
    float* scores = scores_ + static_cast<size_t>(row) * num_keys;
    bfloat* weights = weights_ + static_cast<size_t>(row) * num_keys;
    const Floats lowest = broadcast(-INFINITY);
    Floats largest = lowest, total = zeros();
    for (int first = 0; first < num_keys; first += kLanes) {
      const Lanes exists = first_lanes(std::max(length_ - first, 0));
      Floats score = scoring(load(scores + first));
      if (bias) score = score + load(bias + first, exists);
      score = select(exists, score, lowest);
      largest = max(largest, score);
      store(scores + first, score);
    }
    const Floats most = broadcast(reduce_max(largest));
    for (int first = 0; first < num_keys; first += kLanes) {
      const Floats weight = exponential(load(scores + first) - most);
      total = total + weight;
      store(weights + first, weight);
    }
    return 1.0f / reduce_add(total);
  }

  int d_head_, depth_, length_ = 0;
  float *scores_, *answers_;
  bfloat *weights_, *queries_, *keys_, *values_;
};

#else
struct TiledHead {  // no processor of this level has tiles
  TiledHead(float*, int, int) {}
  static size_t num_floats(int, int) { return 0; }
  void set_source(const float*, const float*, int, int) {}
  void attend(const float*, int, int, const float*, const Scoring&, float*, int) {}
};
constexpr int kQueryRows = 1;
#endif

}  // namespace dragoman
