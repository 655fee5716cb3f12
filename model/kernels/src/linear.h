// Products of few rows with many weights, in three types of weights and one layout.
//
// A weight matrix is stored in blocks of sixteen outputs. A block is a sequence of vectors of 64
// bytes, and each vector has four bytes of each of the sixteen outputs: one float, two bfloat16 or
// four int8. The multiply-add instruction (vfmadd, vdpbf16ps, vpdpbusd) takes a vector of weights and
// four bytes of a row of activations, repeated sixteen times; sixteen consecutive vectors form an AMX
// tile. A decode step reads every weight once, in memory order.
//
// With int8 weights each row of activations is quantized to bytes, scaled by its own largest magnitude.
// Sums of integers are exact in any order, so a row's result depends on that row alone.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>

#include "vectors.h"

namespace dragoman {

enum class Kind : int32_t { kFloat = 0, kBfloat = 1, kInt8 = 2 };

// Instruction sets beyond AVX-512 (F, BW, DQ, VL, VNNI), which all code here needs.
struct Features {
  bool bf16 = false;
  bool amx = false;
};

inline Features& features() {
  static Features found;
  return found;
}

// y = x W^T + b. Arrays of one number per output are padded to a multiple of 16, biases with 0.
struct Linear {
  int32_t in, out;
  Kind kind;
  const uint8_t* weights;
  const float* scales;   // int8: the value of a weight of 1, per output
  const int32_t* start;  // int8: minus 128 times the sum of an output's weights, see `kZero`
  const float* bias;     // or null

  int bytes_per_number() const { return kind == Kind::kInt8 ? 1 : kind == Kind::kBfloat ? 2 : 4; }
  int row_bytes() const { return (in * bytes_per_number() + 63) / 64 * 64; }
  int row_stride() const { return spread(row_bytes() / 4) * 4; }  // of activations
  int num_blocks() const { return padded(out) / kLanes; }
  const uint8_t* block(int index) const {
    return weights + static_cast<size_t>(index) * row_bytes() * kLanes;
  }
};

// Rows of activations in the type of the weights that they are multiplied by.
struct Rows {
  uint8_t* data;  // a multiple of 16 rows, `stride` bytes apart
  int stride;
  float* scales;  // int8: of each row
  int count;
};

// The byte of 0 in activations of int8 weights, which are unsigned. Its contribution to a sum is known in
// advance, so sums start at minus that.
constexpr int kZero = 128;

// Writes one row of `width` floats and zeros up to the stride.
inline void narrow_row(const float* x, int width, Kind kind, const Rows& rows, int row) {
  uint8_t* to = rows.data + static_cast<size_t>(row) * rows.stride;
  if (kind == Kind::kFloat) {
    std::memcpy(to, x, width * sizeof(float));
    std::memset(to + width * sizeof(float), 0, rows.stride - width * sizeof(float));
  } else if (kind == Kind::kBfloat) {
    bfloat* numbers = reinterpret_cast<bfloat*>(to);
    const int whole = width / kLanes * kLanes;
    for (int i = 0; i < whole; i += kLanes) store(numbers + i, load(x + i));
    for (int i = whole; i < width; ++i) store_one(numbers + i, x[i]);
    std::memset(numbers + width, 0, rows.stride - width * sizeof(bfloat));
  } else {
    // The bits of magnitudes are ordered as the magnitudes, those of NaN above all others.
    __m512i largest = _mm512_setzero_si512();
    for_vectors(width, [&](int i, auto lanes) {
      largest = _mm512_max_epi32(largest, _mm512_castps_si512(_mm512_abs_ps(load(x + i, lanes))));
    });
    const int32_t bits = _mm512_reduce_max_epi32(largest);
    float magnitude;
    std::memcpy(&magnitude, &bits, sizeof bits);
    rows.scales[row] = magnitude / 127.0f;  // NaN makes the whole row NaN
    const Float16 factor = _mm512_set1_ps(magnitude > 0.0f ? 127.0f / magnitude : 0.0f);
    const __m512i zero = _mm512_set1_epi32(kZero);
    for_vectors(width, [&](int i, auto lanes) {
      const __m512i integers =
          _mm512_add_epi32(_mm512_cvtps_epi32(_mm512_mul_ps(load(x + i, lanes), factor)), zero);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), _mm512_cvtepi32_epi8(integers));
    });
    for (int i = padded(width); i < rows.stride; i += kLanes) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), _mm_set1_epi8(static_cast<char>(kZero)));
    }
  }
}

// Four bytes of activations times a vector of weights, added to sixteen sums. Two are written as assembly
// because GCC 12 copies the sums of its intrinsics between registers until none are left.
struct FloatDot {
  using Number = float;
  using Sums = __m512;
  static Sums start(const void* from) { return _mm512_loadu_ps(from); }
  static Sums add(Sums sums, int32_t x, __m512i weights) {
    return _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_set1_epi32(x)), _mm512_castsi512_ps(weights), sums);
  }
};

struct BfloatDot {
  using Number = bfloat;
  using Sums = __m512;
  static Sums start(const void* from) { return _mm512_loadu_ps(from); }
  static Sums add(Sums sums, int32_t x, __m512i weights) {
    asm("vdpbf16ps %2, %1, %0" : "+v"(sums) : "v"(_mm512_set1_epi32(x)), "v"(weights));
    return sums;
  }
};

struct WidenedBfloatDot {  // for processors without vdpbf16ps
  using Number = bfloat;
  using Sums = __m512;
  static Sums start(const void* from) { return _mm512_loadu_ps(from); }
  static Sums add(Sums sums, int32_t x, __m512i weights) {
    const __m512i pair = _mm512_set1_epi32(x), upper = _mm512_set1_epi32(0xFFFF0000);
    const auto low = [](__m512i y) { return _mm512_castsi512_ps(_mm512_slli_epi32(y, 16)); };
    const auto high = [upper](__m512i y) { return _mm512_castsi512_ps(_mm512_and_si512(y, upper)); };
    return _mm512_fmadd_ps(high(pair), high(weights), _mm512_fmadd_ps(low(pair), low(weights), sums));
  }
};

struct Int8Dot {
  using Sums = __m512i;
  static Sums start(const void* from) { return _mm512_loadu_si512(from); }
  static Sums add(Sums sums, int32_t x, __m512i weights) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(_mm512_set1_epi32(x)), "v"(weights));
    return sums;
  }
};

// Initial values of the sums of sixteen outputs, and their conversion to results.
struct Outputs {
  const void* start;
  Float16 scales, bias;

  Outputs(const Linear& linear, int block) {
    alignas(64) static const float zeros[kLanes] = {};
    const int first = block * kLanes;
    const float* biases = linear.bias ? linear.bias + first : zeros;
    start = linear.start ? static_cast<const void*>(linear.start + first) : biases;
    scales = linear.scales ? load(linear.scales + first) : _mm512_setzero_ps();
    bias = load(biases);
  }
  Float16 finish(__m512 sums, const float*) const { return sums; }
  Float16 finish(__m512i sums, const float* row_scale) const {
    return _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sums), scales), _mm512_set1_ps(*row_scale), bias);
  }
};

constexpr int kGroupBytes = 256 << 10;  // of weights that stay in the second-level cache
constexpr int kNearBytes = 2048;        // prefetch distance of tiles, to the first-level cache
constexpr int kFarBytes = 4096;         // and of vectors, in each block, to the second-level cache

template <class Dot, int kRows, int kBlocks, class Emit>
inline void multiply_few(const Linear& linear, const Rows& rows, int row, int block, const Emit& emit) {
  typename Dot::Sums sums[kRows][kBlocks];
  for (int b = 0; b < kBlocks; ++b) {
    const auto start = Dot::start(Outputs(linear, block + b).start);
    for (int r = 0; r < kRows; ++r) sums[r][b] = start;
  }
  const int num_vectors = linear.row_bytes() / 4;
  const uint8_t* weights = linear.block(block);
  const size_t block_bytes = static_cast<size_t>(linear.row_bytes()) * kLanes;
  const uint8_t* x = rows.data + static_cast<size_t>(row) * rows.stride;
  // Multiplies the vectors from `begin` to `end` of each block; prefetches as many from `ahead` on.
  const auto add = [&](int begin, int end, const uint8_t* ahead) {
    const uint8_t* at = weights + static_cast<size_t>(begin) * 64;
    for (int v = begin; v < end; ++v, at += 64, ahead += 64) {
      __m512i vectors[kBlocks];
      for (int b = 0; b < kBlocks; ++b) {
        vectors[b] = _mm512_loadu_si512(at + b * block_bytes);
        _mm_prefetch(reinterpret_cast<const char*>(ahead + b * block_bytes), _MM_HINT_T1);
      }
      for (int r = 0; r < kRows; ++r) {
        int32_t four;
        std::memcpy(&four, x + static_cast<size_t>(r) * rows.stride + v * 4, 4);
        for (int b = 0; b < kBlocks; ++b) sums[r][b] = Dot::add(sums[r][b], four, vectors[b]);
      }
    }
  };
  const int num_ahead = std::min(kFarBytes / 64, num_vectors), num_before = num_vectors - num_ahead;
  add(0, num_before, weights + num_ahead * 64);
  add(num_before, num_vectors, weights + kBlocks * block_bytes);
  for (int b = 0; b < kBlocks; ++b) {
    const Outputs outputs(linear, block + b);
    for (int r = 0; r < kRows; ++r)
      emit(row + r, block + b, outputs.finish(sums[r][b], rows.scales + row + r));
  }
}

template <class Dot, int kBlocks, class Emit>
inline void multiply_rows(const Linear& linear, const Rows& rows, int block, const Emit& emit) {
  int row = 0;
  for (; row + 8 <= rows.count; row += 8) multiply_few<Dot, 8, kBlocks>(linear, rows, row, block, emit);
  switch (rows.count - row) {
    case 7:
      multiply_few<Dot, 7, kBlocks>(linear, rows, row, block, emit);
      break;
    case 6:
      multiply_few<Dot, 6, kBlocks>(linear, rows, row, block, emit);
      break;
    case 5:
      multiply_few<Dot, 5, kBlocks>(linear, rows, row, block, emit);
      break;
    case 4:
      multiply_few<Dot, 4, kBlocks>(linear, rows, row, block, emit);
      break;
    case 3:
      multiply_few<Dot, 3, kBlocks>(linear, rows, row, block, emit);
      break;
    case 2:
      multiply_few<Dot, 2, kBlocks>(linear, rows, row, block, emit);
      break;
    case 1:
      multiply_few<Dot, 1, kBlocks>(linear, rows, row, block, emit);
      break;
    default:
      break;
  }
}

template <class Dot, class Emit>
inline void multiply_vectors(const Linear& linear, const Rows& rows, int begin, int end, const Emit& emit) {
  int block = begin;
  for (; block + 2 <= end; block += 2) multiply_rows<Dot, 2>(linear, rows, block, emit);
  if (block < end) multiply_rows<Dot, 1>(linear, rows, block, emit);
}

}  // namespace dragoman
