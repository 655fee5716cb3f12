// Products of few rows with many weights, in three types of weights and one layout.
//
// A weight matrix is stored in blocks of sixteen outputs. A block is a sequence of vectors of 64
// bytes, and each vector has four bytes of each of the sixteen outputs: one float, two bfloat16 or
// four int8. A multiplication takes a vector of weights and the activations that belong to its four bytes,
// repeated sixteen times; sixteen consecutive vectors form an AMX tile. A step reads every weight once,
// in memory order.
//
// With int8 weights each row of activations is quantized to 255 numbers, scaled by its own largest magnitude.
// Sums of integers are exact in any order, so a row's result depends on that row alone, and is the same at
// every level.
#pragma once

#include "dots.h"

namespace dragoman {

enum class Kind : int32_t { kFloat = 0, kBfloat = 1, kInt8 = 2 };

// Tiles multiply bfloat16 by bfloat16: activations are rounded, too. Elsewhere they stay floats.
constexpr bool kRoundsActivations = kHasTiles;

// y = x W^T + b. Arrays of one number per output are padded to a multiple of 16, biases with 0.
struct Linear {
  int32_t in, out;
  Kind kind;
  const uint8_t* weights;
  const float* scales;   // int8: the value of a weight of 1, per output
  const int32_t* start;  // int8: minus 128 times the sum of an output's weights
  const float* bias;     // or null

  int bytes_per_number() const { return kind == Kind::kInt8 ? 1 : kind == Kind::kBfloat ? 2 : 4; }
  int row_bytes() const { return (in * bytes_per_number() + 63) / 64 * 64; }
  // The bytes of activations that a word of weights is multiplied by.
  int input_bytes() const {
    return kind == Kind::kInt8     ? Int8Dot::kInputBytes
           : kind == Kind::kBfloat ? (kRoundsActivations ? 4 : BfloatDot::kInputBytes)
                                   : FloatDot::kInputBytes;
  }
  int row_stride() const { return spread(row_bytes() / 4 * (input_bytes() / 4)) * 4; }  // of activations
  int num_blocks() const { return padded(out) / kLanes; }
  const uint8_t* block(int index) const {
    return weights + static_cast<size_t>(index) * row_bytes() * kLanes;
  }
  Outputs outputs(int first) const {
    alignas(64) static const float nothing[kLanes] = {};
    const float* biases = bias ? bias + first : nothing;
    if (kind != Kind::kInt8) return {biases, nothing, biases};
    return {Int8Dot::kZero ? static_cast<const void*>(start + first) : nothing, scales + first, biases};
  }
};

// Rows of activations as the weights that they are multiplied by need them.
struct Rows {
  uint8_t* data;  // a multiple of 16 rows, `stride` bytes apart
  int stride;
  float* scales;  // int8: of each row
  int count;
};

// The most bytes of a row of `width` activations for any kind of weights.
inline size_t most_row_bytes(int width) { return static_cast<size_t>(spread((width + 63) / 64 * 64)) * 4; }

// Writes a row of `width` numbers and zeros up to the stride.
inline void narrow_floats(const float* x, int width, float* to, int stride) {
  std::memcpy(to, x, width * sizeof(float));
  std::memset(to + width, 0, stride - width * sizeof(float));
}

inline void narrow_bfloats(const float* x, int width, bfloat* to, int stride) {
  const int whole = width / kLanes * kLanes;
  for (int i = 0; i < whole; i += kLanes) store(to + i, load(x + i));
  for (int i = whole; i < width; ++i) store_one(to + i, x[i]);
  std::memset(to + width, 0, stride - width * sizeof(bfloat));
}

// Quantizes a row; returns the value of 1.
inline float quantize_row(const float* x, int width, uint8_t* to, int stride) {
  // The bits of magnitudes are ordered as the magnitudes, those of NaN above all others.
  Words largest = broadcast_word(0);
  for_vectors(width,
              [&](int i, auto lanes) { largest = max_words(largest, as_words(abs(load(x + i, lanes)))); });
  const int32_t bits = reduce_max_words(largest);
  const float magnitude = read<float>(&bits);
  const Floats factor = broadcast(magnitude > 0.0f ? 127.0f / magnitude : 0.0f);
  for_vectors(width, [&](int i, auto lanes) {
    Int8Dot::store_inputs(to, i, to_words(load(x + i, lanes) * factor));
  });
  const int num_inputs = stride / (Int8Dot::kInputBytes / 4);
  for (int i = padded(width); i < num_inputs; i += kLanes) Int8Dot::store_inputs(to, i, broadcast_word(0));
  return magnitude / 127.0f;  // NaN makes the whole row NaN
}

inline void narrow_row(const float* x, int width, Kind kind, const Rows& rows, int row) {
  uint8_t* to = rows.data + static_cast<size_t>(row) * rows.stride;
  if (kind == Kind::kInt8)
    rows.scales[row] = quantize_row(x, width, to, rows.stride);
  else if (kind == Kind::kBfloat && kRoundsActivations)
    narrow_bfloats(x, width, reinterpret_cast<bfloat*>(to), rows.stride);
  else
    narrow_floats(x, width, reinterpret_cast<float*>(to), rows.stride);
}

// Where products go: rows of `stride` floats, in which results are stored or added.
struct Target {
  float* rows;
  size_t stride;
  int first_block;  // the block at the beginning of a row
  bool adds;

  // Takes a row's results from the output `first` on.
  template <class Vector>
  void take(int row, int first, Vector results) const {
    float* to = rows + row * stride + (first - first_block * kLanes);
    store(to, adds ? Make<Vector>::load(to) + results : results);
  }
};

constexpr int kGroupBytes = 256 << 10;  // of weights that stay in the second-level cache
constexpr int kNearBytes = 2048;        // prefetch distance of tiles, to the first-level cache
constexpr int kFarBytes = 4096;         // and of vectors, in each block, to the second-level cache

// The blocks that some rows are multiplied by together: as many sums as registers hold beside weights and
// activations.
constexpr int blocks_at_once(int num_rows) {
  return kRegisters >= 32 ? 2 : num_rows == 1 ? kBlocksOfOneRow : num_rows == 2 ? 2 : 1;
}

// Multiplies kRows rows by kVectors vectors of outputs, the first of which begins at the output `first`: the
// vectors are neighbouring blocks, or one is a part of a block. The loops over sums are unrolled whole, and
// `add` is part of this function, as GCC keeps sums in memory that are addressed by a variable.
template <class Dot, int kRows, int kVectors>
inline void multiply_few(const Linear& linear, const Rows& rows, int row, int first, const Target& target) {
  typename Dot::Sums sums[kRows][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kVectors; ++i) {
    const auto start = Dot::start(linear.outputs(first + i * kLanes).start);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) sums[r][i] = start;
  }
  const int num_words = linear.row_bytes() / 4;
  const uint8_t* weights = linear.block(first / kLanes) + first % kLanes * 4;
  const size_t block_bytes = static_cast<size_t>(linear.row_bytes()) * kLanes;
  const uint8_t* x = rows.data + static_cast<size_t>(row) * rows.stride;
  // Multiplies the words from `begin` to `end` of each block; prefetches as many from `ahead` on.
  const auto add = [&](int begin, int end, const uint8_t* ahead) __attribute__((always_inline)) {
    const uint8_t* at = weights + static_cast<size_t>(begin) * 64;
    for (int word = begin; word < end; ++word, at += 64, ahead += 64) {
      typename Dot::Weights vectors[kVectors];
      for (int i = 0; i < kVectors; ++i) {
        vectors[i] = Dot::load_weights(at + i * block_bytes);
        prefetch_far(ahead + i * block_bytes);
      }
      for (int r = 0; r < kRows; ++r) {
        const uint8_t* input = x + static_cast<size_t>(r) * rows.stride + word * Dot::kInputBytes;
        for (int i = 0; i < kVectors; ++i) sums[r][i] = Dot::add(sums[r][i], input, vectors[i]);
      }
    }
  };
  const int num_ahead = std::min(kFarBytes / 64, num_words), num_before = num_words - num_ahead;
  add(0, num_before, weights + num_ahead * 64);
  add(num_before, num_words, weights + kVectors * block_bytes);
#pragma GCC unroll 8
  for (int i = 0; i < kVectors; ++i) {
    const Outputs outputs = linear.outputs(first + i * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
      target.take(row + r, first + i * kLanes, Dot::finish(sums[r][i], outputs, rows.scales + row + r));
  }
}

template <class Dot, int kRows>
inline void multiply_blocks(const Linear& linear, const Rows& rows, int row, int begin, int end,
                            const Target& target) {
  constexpr int kBlocks = blocks_at_once(kRows);
  int block = begin;
  for (; block + kBlocks <= end; block += kBlocks)
    multiply_few<Dot, kRows, kBlocks>(linear, rows, row, block * kLanes, target);
  for (; block < end; ++block) multiply_few<Dot, kRows, 1>(linear, rows, row, block * kLanes, target);
}

// Multiplies blocks by the rows from `row` on, as many together as have room; `kMost` at most.
template <class Dot, int kMost>
inline void multiply_groups(const Linear& linear, const Rows& rows, int row, int begin, int end,
                            const Target& target) {
  for (; rows.count - row >= kMost; row += kMost)
    multiply_blocks<Dot, kMost>(linear, rows, row, begin, end, target);
  if constexpr (kMost > 1) {
    if (row < rows.count) multiply_groups<Dot, kMost - 1>(linear, rows, row, begin, end, target);
  }
}

// The same with vectors of a part of a block.
template <class Dot, int kRows>
inline int multiply_parts(const Linear& linear, const Rows& rows, int row, int begin, int end,
                          const Target& target) {
  constexpr int kPart = Make<typename Dot::Sums>::kCount;
  for (; rows.count - row >= kRows; row += kRows)
    for (int first = begin * kLanes; first < end * kLanes; first += kPart)
      multiply_few<Dot, kRows, 1>(linear, rows, row, first, target);
  return row;
}

template <class Dot>
inline void multiply_vectors(const Linear& linear, const Rows& rows, int begin, int end,
                             const Target& target) {
  const int together = rows.count > 4 ? 2 : 4;  // blocks that stay in the first-level cache
  for (int block = begin; block < end; block += together) {
    const int last = std::min(end, block + together);
    int row = 0;
#ifdef DRAGOMAN_HAS_PARTS
    row = multiply_parts<PartOf<Dot>, 8>(linear, rows, row, block, last, target);
#endif
    multiply_groups<Dot, kRegisters >= 32 ? 8 : 4>(linear, rows, row, block, last, target);
  }
}

}  // namespace dragoman
