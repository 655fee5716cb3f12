// Products of a word of activations with a vector of weights, added to sums, in each type of weights.
//
// A word of weights is four bytes of an output: one float, two bfloat16 or four int8. A `Dot` has vectors of
// words, sixteen (`Floats`, `Words`) or those of one register, and says how activations are stored for it:
//
//   Weights                  a vector of weights, as the multiplications need it
//   kInputBytes              the bytes of activations that one word of weights is multiplied by
//   load_weights, add        read a vector of weights; add its products with the activations at `x` to sums
//   finish                   makes results of sums
//
// An output is summed word by word, in one sum, at any number of rows.
#pragma once

#include <type_traits>

#include "vectors.h"

namespace dragoman {

// Arrays of one number for each of a few neighbouring outputs.
struct Outputs {
  const void* start;    // the initial values of sums
  const float* scales;  // int8: the value of a weight of 1
  const float* bias;
};

template <class Vector>
struct FloatDotOf {
  using Number = float;  // of keys and values
  using Input = float;   // of activations
  using Sums = Vector;
  using Weights = Vector;
  static constexpr int kInputBytes = 4;
  static Sums start(const void* from) { return Make<Sums>::load(static_cast<const float*>(from)); }
  static Weights load_weights(const void* from) { return start(from); }
  static Sums add(Sums sums, const void* x, Weights weights) {
    return fma(Make<Sums>::broadcast(read<float>(x)), weights, sums);
  }
  static Vector finish(Sums sums, const Outputs&, const float*) { return sums; }
};

// A bfloat16 is the upper half of a float: weights become floats by a shift or a mask, and are multiplied by
// activations that are not rounded.
template <class Vector, class WordVector>
struct BfloatDotOf {
  using Number = bfloat;
  using Input = float;
  using Sums = Vector;
  struct Weights {
    Vector first, second;
  };
  static constexpr int kInputBytes = 8;
  static Sums start(const void* from) { return Make<Sums>::load(static_cast<const float*>(from)); }
  static Weights load_weights(const void* from) {
    const WordVector pairs = Make<WordVector>::load(static_cast<const int32_t*>(from));
    const WordVector upper = Make<WordVector>::broadcast(static_cast<int32_t>(0xFFFF0000));
    return {widened(pairs), as_floats(bit_and(pairs, upper))};
  }
  static Sums add(Sums sums, const void* x, Weights weights) {
    const float* two = static_cast<const float*>(x);
    const auto broadcast = [](float number) { return Make<Sums>::broadcast(number); };
    return fma(broadcast(two[1]), weights.second, fma(broadcast(two[0]), weights.first, sums));
  }
  static Vector finish(Sums sums, const Outputs&, const float*) { return sums; }
};

// Returns the results of int8 sums; row_scale: the value of 1 in the row's activations.
template <class WordVector>
inline auto dequantized(WordVector sums, const Outputs& outputs, const float* row_scale) {
  const auto numbers = to_floats(sums);
  using Vector = std::decay_t<decltype(numbers)>;
  const auto load = [](const float* from) { return Make<Vector>::load(from); };
  return fma(numbers * load(outputs.scales), Make<Vector>::broadcast(*row_scale), load(outputs.bias));
}

// int8 activations are stored with an offset where the instruction takes unsigned bytes. Its part of a sum
// is known in advance, so sums start at minus that (`Linear::start`).
#if defined(__AVX512VNNI__) || defined(__AVXVNNI__) || defined(__ARM_NEON)
// Adds four products of bytes to each word. Assembly, because GCC 12 copies sums of its intrinsics between
// registers until none are left.
#ifdef __AVX512VNNI__
inline __m512i add_bytes(__m512i sums, __m512i x, __m512i weights) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(x), "v"(weights));
  return sums;
}
#else
#ifdef __AVXVNNI__
inline __m256i add_bytes(__m256i sums, __m256i x, __m256i weights) {
  asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sums) : "x"(x), "x"(weights));
  return sums;
}
#endif
template <class Half>
inline Pair<Half> add_bytes(Pair<Half> sums, Pair<Half> x, Pair<Half> weights) {
  return {add_bytes(sums.low, x.low, weights.low), add_bytes(sums.high, x.high, weights.high)};
}
#endif

#ifdef __ARM_NEON
constexpr int kZeroByte = 0;
#else
constexpr int kZeroByte = 128;
#endif

template <class Vector>
struct Int8DotOf {
  using Sums = Vector;
  using Weights = Vector;
  static constexpr int kInputBytes = 4, kZero = kZeroByte;
  static Sums start(const void* from) { return Make<Sums>::load(static_cast<const int32_t*>(from)); }
  static Weights load_weights(const void* from) { return start(from); }
  static void store_inputs(uint8_t* to, int index, Words x) {
    store_bytes(to + index, dragoman::add(x, broadcast_word(kZero)));
  }
  static Sums add(Sums sums, const void* x, Weights weights) {
    return add_bytes(sums, Make<Sums>::broadcast(read<int32_t>(x)), weights);
  }
  static auto finish(Sums sums, const Outputs& outputs, const float* row_scale) {
    return dequantized(sums, outputs, row_scale);
  }
};
#else
// By vpmaddwd, which adds two products of sixteen bits to a word: nothing saturates. Weights are widened once
// for all rows of a group, to the first and third byte of each word and to the second and fourth.
template <class Vector>
struct Int8DotOf {
  using Sums = Vector;
  struct Weights {
    Vector even, odd;
  };
  static constexpr int kInputBytes = 8, kZero = 0;
  static Sums start(const void* from) { return Make<Sums>::load(static_cast<const int32_t*>(from)); }
  static Weights load_weights(const void* from) {
    const Vector four = start(from);
    return {even_bytes(four), odd_bytes(four)};
  }
  static void store_inputs(uint8_t* to, int index, Words x) {
    store_exchanged_halves(reinterpret_cast<uint16_t*>(to) + index, x);
  }
  static Sums add(Sums sums, const void* x, Weights weights) {
    const int32_t* pairs = static_cast<const int32_t*>(x);
    const Vector first = multiply_halves(Make<Vector>::broadcast(pairs[0]), weights.even);
    const Vector second = multiply_halves(Make<Vector>::broadcast(pairs[1]), weights.odd);
    return dragoman::add(sums, dragoman::add(first, second));
  }
  static auto finish(Sums sums, const Outputs& outputs, const float* row_scale) {
    return dequantized(sums, outputs, row_scale);
  }
};
#endif

using FloatDot = FloatDotOf<Floats>;
using BfloatDot = BfloatDotOf<Floats, Words>;
using Int8Dot = Int8DotOf<Words>;

#ifdef __AVX512F__
// The same products in two sums, for where few sums are computed at a time: two additions to one sum in a row
// take twice the time that the units are busy.
struct SplitBfloatDot : BfloatDot {
  struct Sums {
    Floats first, second;
  };
  static Sums add(Sums sums, const void* x, Weights weights) {
    const float* two = static_cast<const float*>(x);
    return {fma(broadcast(two[0]), weights.first, sums.first),
            fma(broadcast(two[1]), weights.second, sums.second)};
  }
};
inline Floats total(SplitBfloatDot::Sums sums) { return sums.first + sums.second; }
#else
using SplitBfloatDot = BfloatDot;  // no registers are left for more sums
#endif
inline Floats total(Floats sums) { return sums; }

// The same products with vectors of one register of eight numbers: more rows have room for their sums,
// so weights are read and widened for more of them at a time.
#if defined(__AVX2__) && !defined(__AVX512F__)
#define DRAGOMAN_HAS_PARTS
FloatDotOf<__m256> part_of(FloatDot);
BfloatDotOf<__m256, __m256i> part_of(BfloatDot);
Int8DotOf<__m256i> part_of(Int8Dot);
template <class Dot>
using PartOf = decltype(part_of(Dot{}));
#endif

}  // namespace dragoman
