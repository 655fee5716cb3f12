// Functions of sixteen floats: conversions, exponentials and activations.
#pragma once

#include <immintrin.h>

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace dragoman {

using Float16 = __m512;   // sixteen floats, not a half
using bfloat = uint16_t;  // the upper half of a float

constexpr int kLanes = 16;

inline int padded(int count) { return (count + kLanes - 1) / kLanes * kLanes; }

// Returns the distance of rows of `count` floats: an odd number of cache lines, as with a power of two all
// rows would map to the same few sets of a cache.
inline int spread(int count) { return (padded(count) / kLanes | 1) * kLanes; }

inline __mmask16 first_lanes(int count) {
  return count >= kLanes ? 0xFFFF : static_cast<__mmask16>((1u << count) - 1u);
}

inline Float16 load(const float* from) { return _mm512_loadu_ps(from); }

inline Float16 load(const bfloat* from) {
  const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

inline Float16 load(const float* from, __mmask16 lanes) { return _mm512_maskz_loadu_ps(lanes, from); }

struct AllLanes {};

inline Float16 load(const float* from, AllLanes) { return load(from); }

// Rounds to bfloat16, to nearest, ties to even; NaN stays NaN.
inline __m256i narrowed(Float16 x) {
  const __m512i bits = _mm512_castps_si512(x);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF)));
  const __mmask16 is_nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  rounded = _mm512_mask_mov_epi32(rounded, is_nan, _mm512_set1_epi32(0x7FC00000));
  return _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16));
}

// Rounds to bfloat16 and converts back.
inline Float16 rounded(Float16 x) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(narrowed(x)), 16));
}

inline void store(float* to, Float16 x) { _mm512_storeu_ps(to, x); }

inline void store(bfloat* to, Float16 x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), narrowed(x)); }

inline void store(float* to, Float16 x, __mmask16 lanes) { _mm512_mask_storeu_ps(to, lanes, x); }

inline void store(float* to, Float16 x, AllLanes) { store(to, x); }

// x - y, and 0 in the other lanes
inline Float16 minus(Float16 x, Float16 y, AllLanes) { return _mm512_sub_ps(x, y); }

inline Float16 minus(Float16 x, Float16 y, __mmask16 lanes) { return _mm512_maskz_sub_ps(lanes, x, y); }

// Calls work(i, lanes) for every sixteen of `count` numbers; the last call may have fewer.
template <class Work>
inline void for_vectors(int count, const Work& work) {
  int i = 0;
  for (; i + kLanes <= count; i += kLanes) work(i, AllLanes{});
  if (i < count) work(i, first_lanes(count - i));
}

inline void store_one(bfloat* to, float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  *to = x != x ? 0x7FC0 : static_cast<bfloat>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

// e^x for x below 88.7, to about one unit in the last place near 0 and four at the ends; the range is
// reduced to |r| <= ln(2) / 2.
inline Float16 exponential(Float16 x) {
  const __mmask16 remains = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-87.33f), _CMP_NLT_UQ);  // NaN, too
  const Float16 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)),
                                         _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const Float16 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693147181f), x), square = _mm512_mul_ps(r, r);
  const auto line = [r](float factor, float first) {
    return _mm512_fmadd_ps(_mm512_set1_ps(factor), r, _mm512_set1_ps(first));
  };
  Float16 p = _mm512_fmadd_ps(line(1.9875691500e-4f, 1.3981999507e-3f), square,
                              line(8.3334519073e-3f, 4.1665795894e-2f));
  p = _mm512_fmadd_ps(p, square, line(1.6666665459e-1f, 5.0000001201e-1f));
  p = _mm512_fmadd_ps(p, square, _mm512_add_ps(r, _mm512_set1_ps(1.0f)));
  return _mm512_maskz_scalef_ps(remains, p, n);
}

inline Float16 logistic(Float16 x) {  // 1 / (1 + e^-x)
  const Float16 one = _mm512_set1_ps(1.0f), least = _mm512_set1_ps(-88.0f);
  return _mm512_div_ps(
      one, _mm512_add_ps(one, exponential(_mm512_sub_ps(_mm512_setzero_ps(), _mm512_max_ps(least, x)))));
}

// The error function, to 1.5e-7 (Abramowitz and Stegun, 7.1.26).
inline Float16 error_function(Float16 x) {
  const Float16 one = _mm512_set1_ps(1.0f), size = _mm512_abs_ps(x);
  const Float16 t = _mm512_div_ps(one, _mm512_fmadd_ps(size, _mm512_set1_ps(0.3275911f), one));
  Float16 p = _mm512_set1_ps(1.061405429f);
  p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(-1.453152027f));
  p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(1.421413741f));
  p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(-0.284496736f));
  p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(0.254829592f));
  const Float16 tail = exponential(_mm512_sub_ps(_mm512_setzero_ps(), _mm512_mul_ps(x, x)));
  const Float16 result = _mm512_fnmadd_ps(_mm512_mul_ps(p, t), tail, one);
  const __m512i sign = _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x80000000));
  return _mm512_castsi512_ps(_mm512_or_si512(_mm512_castps_si512(result), sign));
}

// The numbers are those of `Activation` in kernels/structures.py.
enum class Activation : int32_t { kRelu = 0, kGelu = 1, kGeluTanh = 2, kSilu = 3 };

template <Activation activation>
inline Float16 activated(Float16 x) {
  switch (activation) {
    case Activation::kRelu:
      return _mm512_max_ps(_mm512_setzero_ps(), x);  // in this order NaN stays NaN
    case Activation::kGelu: {
      const Float16 half = _mm512_mul_ps(x, _mm512_set1_ps(0.5f));
      const Float16 erf = error_function(_mm512_mul_ps(x, _mm512_set1_ps(0.70710678f)));
      return _mm512_fmadd_ps(half, erf, half);
    }
    case Activation::kGeluTanh: {  // x/2 (1 + tanh y) = x / (1 + e^-2y)
      const Float16 cube = _mm512_mul_ps(_mm512_mul_ps(x, x), x);
      const Float16 y = _mm512_fmadd_ps(cube, _mm512_set1_ps(0.044715f), x);
      return _mm512_mul_ps(x, logistic(_mm512_mul_ps(y, _mm512_set1_ps(1.59576912f))));
    }
    case Activation::kSilu:
      return _mm512_mul_ps(x, logistic(x));
  }
}

}  // namespace dragoman
