// Products by AMX tiles, and the choice between tiles, pairs and vectors for each type of weights.
#pragma once

#include "paired_linear.h"

namespace dragoman {

#ifdef __AMX_INT8__

// Tiles 0 to 3 are sums (two of rows by two of outputs), 4 and 5 activations, 6 and 7 weights.
struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};


template <bool kIsInt8, int kRowTiles, int kBlocks>
inline void multiply_tiles(const Linear& linear, const Rows& rows, int row, int block,
                           const Target& target) {
  const Outputs left = linear.outputs(block * kLanes), right = linear.outputs((block + kBlocks - 1) * kLanes);
  _tile_loadd(0, left.start, 0);  // the same for every row
  if (kBlocks > 1) _tile_loadd(1, right.start, 0);
  if (kRowTiles > 1) _tile_loadd(2, left.start, 0);
  if (kRowTiles > 1 && kBlocks > 1) _tile_loadd(3, right.start, 0);
  const uint8_t* x = rows.data + static_cast<size_t>(row) * rows.stride;
  const uint8_t* other_x = x + static_cast<size_t>(kLanes) * rows.stride;
  const uint8_t* weights = linear.block(block);
  const uint8_t* other_weights = weights + static_cast<size_t>(linear.row_bytes()) * kLanes;
  for (int k = 0; k < linear.row_bytes(); k += 64) {
    for (int line = 0; line < 16 && row == 0; ++line) {  // for later rows the weights are cached
      prefetch_near(weights + k * 16 + line * 64 + kNearBytes);
      if (kBlocks > 1) prefetch_near(other_weights + k * 16 + line * 64 + kNearBytes);
    }
    _tile_loadd(4, x + k, rows.stride);
    _tile_loadd(6, weights + k * 16, 64);
    if (kRowTiles > 1) _tile_loadd(5, other_x + k, rows.stride);
    if (kBlocks > 1) _tile_loadd(7, other_weights + k * 16, 64);
    if (kIsInt8) {
      _tile_dpbusd(0, 4, 6);
      if (kBlocks > 1) _tile_dpbusd(1, 4, 7);
      if (kRowTiles > 1) _tile_dpbusd(2, 5, 6);
      if (kRowTiles > 1 && kBlocks > 1) _tile_dpbusd(3, 5, 7);
    } else {
      _tile_dpbf16ps(0, 4, 6);
      if (kBlocks > 1) _tile_dpbf16ps(1, 4, 7);
      if (kRowTiles > 1) _tile_dpbf16ps(2, 5, 6);
      if (kRowTiles > 1 && kBlocks > 1) _tile_dpbf16ps(3, 5, 7);
    }
  }
  alignas(64) int32_t sums[kRowTiles][kBlocks][16][16];
  _tile_stored(0, sums[0][0], 64);
  if (kBlocks > 1) _tile_stored(1, sums[0][kBlocks - 1], 64);
  if (kRowTiles > 1) _tile_stored(2, sums[kRowTiles - 1][0], 64);
  if (kRowTiles > 1 && kBlocks > 1) _tile_stored(3, sums[kRowTiles - 1][kBlocks - 1], 64);
  for (int t = 0; t < kRowTiles; ++t) {
    const int first = row + t * kLanes, count = std::min(kLanes, rows.count - first);
    for (int r = 0; r < count; ++r) {
      for (int b = 0; b < kBlocks; ++b) {
        const __m512i sum = _mm512_load_si512(sums[t][b][r]);
        const Outputs& outputs = b ? right : left;
        const float* scale = rows.scales + first + r;
        target.take(first + r, (block + b) * kLanes,
                    kIsInt8 ? Int8Dot::finish(sum, outputs, scale) : as_floats(sum));
      }
    }
  }
}

// Two tiles of rows stay in the first-level cache during a group of blocks, and the group stays in the
// second-level cache until all rows are done.
template <bool kIsInt8>
inline void multiply_by_tiles(const Linear& linear, const Rows& rows, int begin, int end,
                              const Target& target) {
  const int group = std::max(2, kGroupBytes / (linear.row_bytes() * kLanes) / 2 * 2);
  for (int first = begin; first < end; first += group) {
    const int last = std::min(end, first + group);
    for (int row = 0; row < rows.count; row += 2 * kLanes) {
      const bool is_half = rows.count - row <= kLanes;
      int block = first;
      for (; block + 2 <= last; block += 2) {
        if (is_half)
          multiply_tiles<kIsInt8, 1, 2>(linear, rows, row, block, target);
        else
          multiply_tiles<kIsInt8, 2, 2>(linear, rows, row, block, target);
      }
      if (block < last) {
        if (is_half)
          multiply_tiles<kIsInt8, 1, 1>(linear, rows, row, block, target);
        else
          multiply_tiles<kIsInt8, 2, 1>(linear, rows, row, block, target);
      }
    }
  }
}

// The tiles of a thread while it is within one parallel region.
class Tiles {
 public:
  Tiles() {
    static const TileConfig config;
    _tile_loadconfig(&config);
  }
  ~Tiles() { _tile_release(); }
};

#else
struct Tiles {
  Tiles() {}  // not trivial, so that one that is never named again is no unused variable
};

template <bool kIsInt8>
inline void multiply_by_tiles(const Linear&, const Rows&, int, int, const Target&) {}
#endif

// Computes blocks of outputs from `begin` to `end` of all rows.
inline void multiply(const Linear& linear, const Rows& rows, int begin, int end, const Target& target) {
  switch (linear.kind) {
    case Kind::kFloat:
      return multiply_vectors<FloatDot>(linear, rows, begin, end, target);
    case Kind::kBfloat:  // always by the same instruction, as the order of sums changes the result
      if (kHasTiles) return multiply_by_tiles<false>(linear, rows, begin, end, target);
      return multiply_vectors<BfloatDot>(linear, rows, begin, end, target);
    case Kind::kInt8:
      if (kHasTiles && rows.count > 1)  // the same bits; for one row vectors are faster
        return multiply_by_tiles<true>(linear, rows, begin, end, target);
      if (kHasPairs && rows.count > 1) return multiply_by_pairs(linear, rows, begin, end, target);
      return multiply_vectors<Int8Dot>(linear, rows, begin, end, target);
  }
}

}  // namespace dragoman
