// Functions of sixteen floats: conversions, exponentials and activations. The vectors themselves are those of
// the level: a register of AVX-512, two of AVX2 or four of NEON.
#pragma once

#include <cmath>
#include <cstring>

#include "level.h"

#if defined(__AVX512F__)
#include "vector_avx512.h"
#elif defined(__AVX2__)
#include "vector_avx2.h"
#else
#include "vector_neon.h"
#endif

namespace dragoman {

template <class T>
inline T read(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

inline Floats broadcast(float x) { return Make<Floats>::broadcast(x); }
inline Floats zeros() { return broadcast(0.0f); }
inline Words broadcast_word(int32_t x) { return Make<Words>::broadcast(x); }
inline Floats load(const float* from) { return Make<Floats>::load(from); }
inline Words load_words(const void* from) { return Make<Words>::load(static_cast<const int32_t*>(from)); }

#ifndef __AVX512F__
inline Floats load(const float* from, Lanes lanes) { return Make<Floats>::load_first(from, lanes.count); }
inline Words load_halves(const uint16_t* from) { return Make<Words>::load_halves(from); }
inline void store(float* to, Floats x, Lanes lanes) { store_first(to, x, lanes.count); }
inline void store_words(void* to, Words x) { store(static_cast<int32_t*>(to), x); }
inline Mask mask_of(Lanes lanes) { return Make<Words>::first(lanes.count); }

// x * 2^exponent, rounded once, for integers from -252 to 254. Less gives 0 if x is 1 to 2.
inline Floats times_power(Floats x, Floats exponent) {
  const Words whole = to_words(max(broadcast(-252.0f), exponent)), half = halved(whole);
  const auto power = [](Words n) { return as_floats(shift_left<23>(add(n, broadcast_word(127)))); };
  return x * power(half) * power(subtract(whole, half));
}
#endif

inline Floats load(const float* from, AllLanes) { return load(from); }
inline void store(float* to, Floats x, AllLanes) { store(to, x); }

// Makes floats of the bfloat16 in the lower half of each word.
template <class AnyWords>
inline auto widened(AnyWords halves) {
  return as_floats(shift_left<16>(halves));
}
inline Floats load(const bfloat* from) { return widened(load_halves(from)); }

// Rounds to bfloat16, to nearest, ties to even, in the lower half of each word; NaN stays NaN.
inline Words narrowed(Floats x) {
  const Words bits = as_words(x);
  const Words odd = bit_and(shift_right<16>(bits), broadcast_word(1));
  const Words rounded = add(bits, add(odd, broadcast_word(0x7FFF)));
  return shift_right<16>(select(is_nan(x), broadcast_word(0x7FC00000), rounded));
}

// Rounds to bfloat16 and converts back.
inline Floats rounded(Floats x) { return widened(narrowed(x)); }

inline void store(bfloat* to, Floats x) { store_halves(to, narrowed(x)); }

inline Floats select(Lanes lanes, Floats x, Floats y) { return select(mask_of(lanes), x, y); }
inline Floats select(AllLanes, Floats x, Floats) { return x; }

inline void store_one(bfloat* to, float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  *to = x != x ? 0x7FC0 : static_cast<bfloat>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

// e^x for x below 88.7, to about one unit in the last place near 0 and four at the ends; the range is
// reduced to |r| <= ln(2) / 2.
inline Floats exponential(Floats x) {
  const Mask remains = not_less(x, broadcast(-87.33f));  // NaN, too
  const Floats n = round_nearest(x * broadcast(1.44269504f));
  const Floats r = fnma(n, broadcast(0.693147181f), x), square = r * r;
  const auto line = [r](float factor, float first) { return fma(broadcast(factor), r, broadcast(first)); };
  Floats p = fma(line(1.9875691500e-4f, 1.3981999507e-3f), square, line(8.3334519073e-3f, 4.1665795894e-2f));
  p = fma(p, square, line(1.6666665459e-1f, 5.0000001201e-1f));
  p = fma(p, square, r + broadcast(1.0f));
  return select(remains, times_power(p, n), zeros());
}

inline Floats logistic(Floats x) {  // 1 / (1 + e^-x)
  const Floats one = broadcast(1.0f);
  return one / (one + exponential(zeros() - max(broadcast(-88.0f), x)));
}

// cap * tanh(x / cap), to about cap / 10^7
inline Floats softcapped(Floats x, float cap) {
  return fma(broadcast(2.0f * cap), logistic(x * broadcast(2.0f / cap)), broadcast(-cap));
}

// The error function, to 1.5e-7 (Abramowitz and Stegun, 7.1.26).
inline Floats error_function(Floats x) {
  const Floats one = broadcast(1.0f), t = one / fma(abs(x), broadcast(0.3275911f), one);
  Floats p = broadcast(1.061405429f);
  p = fma(p, t, broadcast(-1.453152027f));
  p = fma(p, t, broadcast(1.421413741f));
  p = fma(p, t, broadcast(-0.284496736f));
  p = fma(p, t, broadcast(0.254829592f));
  const Floats result = fnma(p * t, exponential(zeros() - x * x), one);
  const Words sign = bit_and(as_words(x), broadcast_word(static_cast<int32_t>(0x80000000)));
  return as_floats(bit_or(as_words(result), sign));
}

// The numbers are those of `Activation` in kernels/structures.py.
enum class Activation : int32_t { kRelu = 0, kGelu = 1, kGeluTanh = 2, kSilu = 3 };

template <Activation activation>
inline Floats activated(Floats x) {
  switch (activation) {
    case Activation::kRelu:
      return max(zeros(), x);  // in this order NaN stays NaN
    case Activation::kGelu: {
      const Floats half = x * broadcast(0.5f);
      return fma(half, error_function(x * broadcast(0.70710678f)), half);
    }
    case Activation::kGeluTanh: {  // x/2 (1 + tanh y) = x / (1 + e^-2y)
      const Floats y = fma(x * x * x, broadcast(0.044715f), x);
      return x * logistic(y * broadcast(1.59576912f));
    }
    case Activation::kSilu:
      return x * logistic(x);
  }
}

}  // namespace dragoman
