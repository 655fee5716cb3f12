// Products of a word of activations with a vector of weights, added to sixteen sums, in each type of weights.
//
// A word of weights is four bytes of each of sixteen outputs: one float, two bfloat16 or four int8. A `Dot`
// says how activations are stored to meet it:
//
//   Weights       a vector of weights, as the multiplications need it
//   kInputBytes   the bytes of activations that one word of weights is multiplied by
//   load, add     reads a vector of weights; adds its products with the activations at `x` to sums
//
// An output is summed word by word, in one sum, at any number of rows.
#pragma once

#include "vectors.h"

namespace dragoman {

template <class T>
inline T read(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

struct FloatDot {
  using Number = float;  // of keys and values
  using Input = float;   // of activations
  using Sums = Floats;
  using Weights = Floats;
  static constexpr int kInputBytes = 4;
  static Sums start(const void* from) { return load(static_cast<const float*>(from)); }
  static Weights load_weights(const void* from) { return load(static_cast<const float*>(from)); }
  static Sums add(Sums sums, const void* x, Weights weights) {
    return fma(broadcast(read<float>(x)), weights, sums);
  }
};

// A bfloat16 is the upper half of a float: weights become floats by a shift or a mask, and are multiplied by
// activations that are not rounded.
struct BfloatDot {
  using Number = bfloat;
  using Input = float;
  using Sums = Floats;
  struct Weights {
    Floats first, second;
  };
  static constexpr int kInputBytes = 8;
  static Sums start(const void* from) { return load(static_cast<const float*>(from)); }
  static Weights load_weights(const void* from) {
    const Words pairs = load_words(from);
    return {widened(pairs), as_floats(bit_and(pairs, broadcast_word(static_cast<int32_t>(0xFFFF0000))))};
  }
  static Sums add(Sums sums, const void* x, Weights weights) {
    const float* two = static_cast<const float*>(x);
    return fma(broadcast(two[1]), weights.second, fma(broadcast(two[0]), weights.first, sums));
  }
};

// int8 activations are stored with an offset where the instruction takes unsigned bytes. Its contribution to a
// sum is known in advance, so sums start at minus that (`Linear::start`).
#if defined(__AVX512VNNI__) || defined(__AVXVNNI__)
// By vpdpbusd, which adds four products of bytes to a word.
struct Int8Dot {
  using Sums = Words;
  using Weights = Words;
  static constexpr int kInputBytes = 4, kZero = 128;
  static Sums start(const void* from) { return load_words(from); }
  static Weights load_weights(const void* from) { return load_words(from); }
  static void store_inputs(uint8_t* to, int index, Words x) {
    store_bytes(to + index, dragoman::add(x, broadcast_word(kZero)));
  }
#ifdef __AVX512VNNI__
  static Sums add(Sums sums, const void* x, Weights weights) {
    // Assembly, because GCC 12 copies the sums of its intrinsic between registers until none are left.
    asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(broadcast_word(read<int32_t>(x))), "v"(weights));
    return sums;
  }
#else
  static Sums add(Sums sums, const void* x, Weights weights) {
    const __m256i four = _mm256_set1_epi32(read<int32_t>(x));
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sums.low) : "x"(four), "x"(weights.low));
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sums.high) : "x"(four), "x"(weights.high));
    return sums;
  }
#endif
};
#elif defined(__AVX2__)
// By vpmaddwd, which adds two products of sixteen bits to a word: nothing saturates. Weights are widened once
// for all rows of a group, to the first and third byte of each word and to the second and fourth.
struct Int8Dot {
  using Sums = Words;
  struct Weights {
    Words even, odd;
  };
  static constexpr int kInputBytes = 8, kZero = 0;
  static Sums start(const void* from) { return load_words(from); }
  static Weights load_weights(const void* from) {
    const Words four = load_words(from);
    return {even_bytes(four), odd_bytes(four)};
  }
  static void store_inputs(uint8_t* to, int index, Words x) {
    store_exchanged_halves(reinterpret_cast<uint16_t*>(to) + index, x);
  }
  static Sums add(Sums sums, const void* x, Weights weights) {
    const int32_t* pairs = static_cast<const int32_t*>(x);
    const Words first = multiply_halves(broadcast_word(pairs[0]), weights.even);
    const Words second = multiply_halves(broadcast_word(pairs[1]), weights.odd);
    return dragoman::add(sums, dragoman::add(first, second));
  }
};
#else
#include "dots_neon.h"
#endif

}  // namespace dragoman
