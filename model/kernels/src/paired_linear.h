// Products of int8 by two rows at a time, with NEON's smmla.
#pragma once

#include "linear.h"

namespace dragoman {

#ifdef __ARM_FEATURE_MATMUL_INT8
constexpr bool kHasPairs = true;

// smmla multiplies eight bytes of each of two rows by those of two outputs, and adds the four sums to words:
// two words of weights of an output are zipped together. The second row of the last pair may not exist, but
// can be read (`Rows`).
template <int kPairs, int kBlocks>
inline void multiply_pairs(const Linear& linear, const Rows& rows, int row, int block, const Target& target) {
  constexpr int kWords = kLanes / 2;  // registers of the sums of a pair and a block
  int32x4_t sums[kPairs][kBlocks][kWords];
  for (auto& pair : sums)
    for (auto& words : pair)
      for (auto& sum : words) sum = vdupq_n_s32(0);
  const int8_t* x = reinterpret_cast<const int8_t*>(rows.data) + static_cast<size_t>(row) * rows.stride;
  const uint8_t* weights = linear.block(block);
  const size_t block_bytes = static_cast<size_t>(linear.row_bytes()) * kLanes;
  for (int k = 0; k < linear.row_bytes(); k += 8) {
    int8x16_t inputs[kPairs];
    for (int p = 0; p < kPairs; ++p) {
      const int8_t* first = x + static_cast<size_t>(2 * p) * rows.stride + k;
      inputs[p] = vcombine_s8(vld1_s8(first), vld1_s8(first + rows.stride));
    }
    for (int b = 0; b < kBlocks; ++b) {
      const uint8_t* at = weights + b * block_bytes + static_cast<size_t>(k) * kLanes;
      prefetch_far(at + kFarBytes), prefetch_far(at + kFarBytes + 64);
      for (int i = 0; i < 4; ++i) {
        const int32x4_t low = vreinterpretq_s32_u8(vld1q_u8(at + 16 * i));
        const int32x4_t high = vreinterpretq_s32_u8(vld1q_u8(at + 16 * i + 64));
        const int8x16_t first = vreinterpretq_s8_s32(vzip1q_s32(low, high));
        const int8x16_t second = vreinterpretq_s8_s32(vzip2q_s32(low, high));
        for (int p = 0; p < kPairs; ++p) {
          sums[p][b][2 * i] = vmmlaq_s32(sums[p][b][2 * i], inputs[p], first);
          sums[p][b][2 * i + 1] = vmmlaq_s32(sums[p][b][2 * i + 1], inputs[p], second);
        }
      }
    }
  }
  // Each register holds two outputs of the first row, then the same two of the second.
  const auto row_of = [](int32x4_t x, int32x4_t y, int half) {
    const int64x2_t low = vreinterpretq_s64_s32(x), high = vreinterpretq_s64_s32(y);
    return vreinterpretq_s32_s64(half ? vzip2q_s64(low, high) : vzip1q_s64(low, high));
  };
#pragma GCC unroll 8
  for (int b = 0; b < kBlocks; ++b) {
    const int first = (block + b) * kLanes;
    const Outputs outputs = linear.outputs(first);
#pragma GCC unroll 8
    for (int r = 0; r < 2 * kPairs; ++r) {
      const auto& s = sums[r / 2][b];
      const Words words{{row_of(s[0], s[1], r % 2), row_of(s[2], s[3], r % 2)},
                        {row_of(s[4], s[5], r % 2), row_of(s[6], s[7], r % 2)}};
      if (row + r < rows.count)
        target.take(row + r, first, Int8Dot::finish(words, outputs, rows.scales + row + r));
    }
  }
}

inline void multiply_by_pairs(const Linear& linear, const Rows& rows, int begin, int end,
                              const Target& target) {
  constexpr int kTogether = 2;  // blocks that stay in the first-level cache
  for (int block = begin; block < end; block += kTogether) {
    const int last = std::min(end, block + kTogether);
    for (int row = 0; row < rows.count; row += 4) {
      if (rows.count - row <= 2 && last - block == kTogether)
        multiply_pairs<1, kTogether>(linear, rows, row, block, target);
      else if (rows.count - row <= 2)
        multiply_pairs<1, 1>(linear, rows, row, block, target);
      else
        for (int b = block; b < last; ++b) multiply_pairs<2, 1>(linear, rows, row, b, target);
    }
  }
}

#else
constexpr bool kHasPairs = false;

inline void multiply_by_pairs(const Linear&, const Rows&, int, int, const Target&) {}
#endif

}  // namespace dragoman
