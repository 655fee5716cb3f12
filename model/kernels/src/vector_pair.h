// Vectors of two halves, for processors whose registers hold fewer than sixteen floats. A half is a register
// or again a pair. The functions of a register's type, and its `Make`, are declared before this file.
#pragma once

#include "lanes.h"

namespace dragoman {

template <class Half>
struct Pair {
  Half low, high;

  friend Pair operator+(Pair x, Pair y) { return {x.low + y.low, x.high + y.high}; }
  friend Pair operator-(Pair x, Pair y) { return {x.low - y.low, x.high - y.high}; }
  friend Pair operator*(Pair x, Pair y) { return {x.low * y.low, x.high * y.high}; }
  friend Pair operator/(Pair x, Pair y) { return {x.low / y.low, x.high / y.high}; }
};

// Makes vectors of a type from numbers: `kCount` is the number of lanes.
template <class Half>
struct Make<Pair<Half>> {
  using Type = Pair<Half>;
  static constexpr int kHalf = Make<Half>::kCount, kCount = 2 * kHalf;

  template <class Number>
  static Type broadcast(Number x) {
    const Half half = Make<Half>::broadcast(x);
    return {half, half};
  }
  template <class Number>
  static Type load(const Number* from) {
    return {Make<Half>::load(from), Make<Half>::load(from + kHalf)};
  }
  static Type load_halves(const uint16_t* from) {
    return {Make<Half>::load_halves(from), Make<Half>::load_halves(from + kHalf)};
  }
  static Type load_first(const float* from, int count) {
    return {Make<Half>::load_first(from, std::min(count, kHalf)),
            Make<Half>::load_first(from + kHalf, std::max(count - kHalf, 0))};
  }
  // The mask of the first lanes.
  static Type first(int count) {
    return {Make<Half>::first(std::min(count, kHalf)), Make<Half>::first(std::max(count - kHalf, 0))};
  }
};

template <class Half, class Number>
inline void store(Number* to, Pair<Half> x) {
  store(to, x.low), store(to + Make<Half>::kCount, x.high);
}
template <class Half>
inline void store_first(float* to, Pair<Half> x, int count) {
  constexpr int kHalf = Make<Half>::kCount;
  store_first(to, x.low, std::min(count, kHalf));
  store_first(to + kHalf, x.high, std::max(count - kHalf, 0));
}
template <class Half>
inline void store_halves(uint16_t* to, Pair<Half> x) {
  store_halves(to, x.low), store_halves(to + Make<Half>::kCount, x.high);
}
template <class Half>
inline void store_bytes(uint8_t* to, Pair<Half> x) {
  store_bytes(to, x.low), store_bytes(to + Make<Half>::kCount, x.high);
}
template <class Half>
inline void store_exchanged_halves(uint16_t* to, Pair<Half> x) {
  store_exchanged_halves(to, x.low), store_exchanged_halves(to + Make<Half>::kCount, x.high);
}

#define DRAGOMAN_BY_HALVES_1(function)                      \
  template <class Half>                                     \
  inline auto function(Pair<Half> x) {                      \
    return Pair<decltype(function(x.low))>{function(x.low), function(x.high)}; \
  }
#define DRAGOMAN_BY_HALVES_2(function)                      \
  template <class Half>                                     \
  inline auto function(Pair<Half> x, Pair<Half> y) {        \
    return Pair<decltype(function(x.low, y.low))>{function(x.low, y.low), function(x.high, y.high)}; \
  }
#define DRAGOMAN_BY_HALVES_3(function)                      \
  template <class Half>                                     \
  inline Pair<Half> function(Pair<Half> x, Pair<Half> y, Pair<Half> z) { \
    return {function(x.low, y.low, z.low), function(x.high, y.high, z.high)}; \
  }
DRAGOMAN_BY_HALVES_3(fma)
DRAGOMAN_BY_HALVES_3(fnma)
DRAGOMAN_BY_HALVES_2(max)
DRAGOMAN_BY_HALVES_2(add)
DRAGOMAN_BY_HALVES_2(subtract)
DRAGOMAN_BY_HALVES_2(bit_and)
DRAGOMAN_BY_HALVES_2(bit_or)
DRAGOMAN_BY_HALVES_2(max_words)
DRAGOMAN_BY_HALVES_2(multiply_halves)
DRAGOMAN_BY_HALVES_2(not_less)
DRAGOMAN_BY_HALVES_1(abs)
DRAGOMAN_BY_HALVES_1(round_nearest)
DRAGOMAN_BY_HALVES_1(round_down)
DRAGOMAN_BY_HALVES_1(as_words)
DRAGOMAN_BY_HALVES_1(as_floats)
DRAGOMAN_BY_HALVES_1(to_words)
DRAGOMAN_BY_HALVES_1(to_floats)
DRAGOMAN_BY_HALVES_1(is_nan)
DRAGOMAN_BY_HALVES_1(halved)
DRAGOMAN_BY_HALVES_1(odd_bytes)
DRAGOMAN_BY_HALVES_1(even_bytes)
#undef DRAGOMAN_BY_HALVES_1
#undef DRAGOMAN_BY_HALVES_2
#undef DRAGOMAN_BY_HALVES_3

template <int kBits, class Half>
inline Pair<Half> shift_left(Pair<Half> x) {
  return {shift_left<kBits>(x.low), shift_left<kBits>(x.high)};
}
template <int kBits, class Half>
inline Pair<Half> shift_right(Pair<Half> x) {
  return {shift_right<kBits>(x.low), shift_right<kBits>(x.high)};
}

template <class MaskHalf, class Half>
inline Pair<Half> select(Pair<MaskHalf> mask, Pair<Half> x, Pair<Half> y) {
  return {select(mask.low, x.low, y.low), select(mask.high, x.high, y.high)};
}
template <class Half>
inline uint32_t greater_bits(Pair<Half> x, Pair<Half> y) {
  return greater_bits(x.low, y.low) | greater_bits(x.high, y.high) << Make<Half>::kCount;
}

template <class Half>
inline float reduce_add(Pair<Half> x) {
  return reduce_add(x.low + x.high);
}
template <class Half>
inline float reduce_max(Pair<Half> x) {
  return reduce_max(max(x.low, x.high));
}
template <class Half>
inline int32_t reduce_max_words(Pair<Half> x) {
  return reduce_max_words(max_words(x.low, x.high));
}

}  // namespace dragoman
