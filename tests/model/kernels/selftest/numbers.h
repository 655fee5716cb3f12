// Functions of sixteen floats: partial loads and stores, roundings, exponentials, activations and norms.
#pragma once

#include "matrix.h"

namespace selftest {

using namespace dragoman;

inline Floats sixteen(const float* from) { return load(from); }

// Arrays that end with the last number, so that an access beyond it is seen by the address sanitizer.
inline void test_partial_vectors() {
  Random random(1);
  for (int count = 1; count <= kLanes; ++count) {
    const std::string what = "vector of the first " + std::to_string(count);
    const std::vector<float> x = random.numbers(count);
    float whole[kLanes];
    store(whole, load(x.data(), Lanes{count}));
    for (int i = 0; i < kLanes; ++i) expect_near(whole[i], i < count ? x[i] : 0.0f, 0.0, what);
    std::vector<float> stored(count, 7.0f);
    store(stored.data(), load(x.data(), Lanes{count}), Lanes{count});
    expect_same(stored.data(), x.data(), count, what + " stored");
    float kept[kLanes + 1] = {};
    store(kept, broadcast(1.0f), Lanes{count});
    expect(kept[count] == 0.0f, what + " changes the next number");
    store(whole, select(Lanes{count}, broadcast(1.0f), broadcast(-1.0f)));
    for (int i = 0; i < kLanes; ++i) expect(whole[i] == (i < count ? 1.0f : -1.0f), what + " selected");
  }
}

inline void test_reductions() {
  Random random(2);
  for (int turn = 0; turn < 20; ++turn) {
    const std::vector<float> x = random.numbers(kLanes), y = random.numbers(kLanes);
    double sum = 0.0;
    float most = -INFINITY;
    uint32_t bits = 0;
    int32_t largest_bits = INT32_MIN;
    for (int i = 0; i < kLanes; ++i) {
      sum += x[i], most = std::max(most, x[i]);
      bits |= static_cast<uint32_t>(x[i] > y[i]) << i;
      largest_bits = std::max(largest_bits, read<int32_t>(&x[i]));
    }
    const Floats vector = sixteen(x.data());
    expect_near(reduce_add(vector), sum, 1e-5, "sum of a vector");
    expect(reduce_max(vector) == most, "largest of a vector");
    expect(greater_bits(vector, sixteen(y.data())) == bits, "comparison of vectors");
    expect(reduce_max_words(as_words(vector)) == largest_bits, "largest word of a vector");
  }
  std::vector<float> x(kLanes, 1.0f);
  x[5] = NAN;
  expect(greater_bits(sixteen(x.data()), broadcast(0.0f)) == 0xFFDFu, "NaN is greater than nothing");
}

inline void test_rounding() {
  const float halves[kLanes] = {0.5f,  1.5f,  2.5f, -0.5f, -1.5f,  -2.5f,  3.49f, -3.49f,
                                0.51f, 126.5f, 127.0f, -127.0f, -126.5f, 0.0f, 7.0f, -7.5f};
  int32_t words[kLanes];
  store_words(words, to_words(sixteen(halves)));
  float nearest[kLanes], down[kLanes];
  store(nearest, round_nearest(sixteen(halves))), store(down, round_down(sixteen(halves)));
  for (int i = 0; i < kLanes; ++i) {
    expect(words[i] == std::nearbyint(halves[i]), "integer of " + std::to_string(halves[i]));
    expect(nearest[i] == std::nearbyint(halves[i]), "nearest to " + std::to_string(halves[i]));
    expect(down[i] == std::floor(halves[i]), "whole below " + std::to_string(halves[i]));
  }
  Random random(3);
  for (int turn = 0; turn < 50; ++turn) {
    std::vector<float> x = random.numbers(kLanes, std::ldexp(1.0f, random.below(60) - 30));
    for (int i = 0; i < kLanes; i += 2) {  // ties
      const uint32_t tie = (read<uint32_t>(&x[i]) & 0xFFFF0000u) | 0x8000u;
      x[i] = read<float>(&tie);
    }
    bfloat stored[kLanes];
    store(stored, sixteen(x.data()));
    float widened_again[kLanes];
    store(widened_again, load(stored));
    for (int i = 0; i < kLanes; ++i) {
      bfloat one;
      store_one(&one, x[i]);
      expect(one == stored[i], "bfloat16 of one number and of sixteen");
      expect(widened_again[i] == to_bfloat(x[i]), "bfloat16 of " + std::to_string(x[i]));
    }
  }
  const float odd[kLanes] = {NAN, INFINITY, -INFINITY, -NAN, 0.0f, -0.0f};
  float found[kLanes];
  store(found, rounded(sixteen(odd)));
  for (int i = 0; i < kLanes; ++i) expect_near(found[i], odd[i], 0.0, "bfloat16 of no finite number");
}

inline double activation_of(Activation activation, double x) {
  switch (activation) {
    case Activation::kRelu:
      return x < 0.0 ? 0.0 : x;
    case Activation::kGelu:
      return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0)));
    case Activation::kGeluTanh:
      return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
    case Activation::kSilu:
      return x / (1.0 + std::exp(-x));
  }
  return NAN;
}

template <Activation activation>
inline void test_activation(const char* name) {
  for (float first = -20.0f; first < 20.0f; first += 0.37f) {
    float x[kLanes], y[kLanes];
    for (int i = 0; i < kLanes; ++i) x[i] = first + 0.023f * static_cast<float>(i);
    x[3] = first < 0.0f ? NAN : x[3];
    store(y, activated<activation>(sixteen(x)));
    for (int i = 0; i < kLanes; ++i)
      expect_near(y[i], activation_of(activation, x[i]), 1e-6 * (1.0 + std::abs(x[i])),
                  std::string(name) + " of " + std::to_string(x[i]));
  }
}

inline void test_functions() {
  for (float first = -90.0f; first < 88.0f; first += 0.61f) {
    float x[kLanes], y[kLanes];
    for (int i = 0; i < kLanes; ++i) x[i] = first + 0.037f * static_cast<float>(i);
    x[2] = first < 0.0f ? NAN : x[2];
    store(y, exponential(sixteen(x)));
    for (int i = 0; i < kLanes; ++i) {
      const double expected = x[i] < -87.33f ? 0.0 : std::exp(double{x[i]});
      expect_near(y[i], expected, 1e-6 * expected, "exponential of " + std::to_string(x[i]));
    }
  }
  for (int exponent = -252; exponent <= 127; ++exponent) {
    float y[kLanes];
    store(y, times_power(broadcast(1.25f), broadcast(static_cast<float>(exponent))));
    const float expected = std::ldexp(1.25f, exponent);
    expect(y[0] == expected && y[kLanes - 1] == expected, "power of 2 by " + std::to_string(exponent));
  }
  test_activation<Activation::kRelu>("relu");
  test_activation<Activation::kGelu>("gelu");
  test_activation<Activation::kGeluTanh>("gelu by tanh");
  test_activation<Activation::kSilu>("silu");
}

// A normalization in double, of any width.
struct Normalization {
  std::vector<float> gain, bias;
  bool is_rms = false;

  Norm norm() const {
    return {gain.empty() ? nullptr : gain.data(), bias.empty() ? nullptr : bias.data(), 1e-5f, is_rms};
  }
  Doubles of(const Doubles& x) const {
    double mean = 0.0, squares = 0.0;
    const double width = static_cast<double>(x.size());
    for (const double number : x) mean += is_rms ? 0.0 : number / width;
    for (const double number : x) squares += (number - mean) * (number - mean) / width;
    Doubles y(x.size());
    for (size_t i = 0; i < x.size(); ++i)
      y[i] = (x[i] - mean) / std::sqrt(squares + double{1e-5f}) * gain[i] + (bias.empty() ? 0.0 : bias[i]);
    return y;
  }
};

inline void test_norms() {
  Random random(4);
  for (const int width : {1, 5, 15, 16, 17, 33, 64, 131}) {
    for (const bool is_rms : {false, true}) {
      const Normalization made{random.numbers(width, 0.2f, 1.0f),
                               is_rms ? std::vector<float>() : random.numbers(width), is_rms};
      const std::vector<float> x = random.numbers(width, 3.0f, 1.0f);
      std::vector<float> y(width);
      normalize(made.norm(), x.data(), width, y.data());
      const Doubles expected = made.of(Doubles(x.begin(), x.end()));
      for (int i = 0; i < width; ++i)
        expect_near(y[i], expected[i], 2e-5, "norm of " + std::to_string(width));
    }
  }
}

inline void test_numbers() {
  test_partial_vectors();
  test_reductions();
  test_rounding();
  test_functions();
  test_norms();
}

}  // namespace selftest
