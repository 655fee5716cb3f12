// Comparisons that report and count differences, and the random numbers to compare with.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace selftest {

inline int num_failures = 0;

inline void expect(bool is_met, const std::string& what) {
  if (is_met) return;
  if (++num_failures <= 50) std::fprintf(stderr, "failed: %s\n", what.c_str());
}

// Expects a number within `tolerance` of another, or NaN for NaN.
inline void expect_near(double found, double expected, double tolerance, const std::string& what) {
  if (std::isnan(expected) && std::isnan(found)) return;
  expect(found == expected || std::abs(found - expected) <= tolerance,
         what + ": " + std::to_string(found) + " instead of " + std::to_string(expected) + ", allowed " +
             std::to_string(tolerance));
}

// Expects equal numbers, bit by bit.
inline void expect_same(const float* found, const float* expected, size_t count, const std::string& what) {
  expect(std::memcmp(found, expected, count * sizeof(float)) == 0, what + ": other bits");
}

class Random {
 public:
  explicit Random(unsigned seed) : bits_(seed) {}

  float number() { return numbers_(bits_); }
  int below(int limit) { return static_cast<int>(bits_() % static_cast<unsigned>(limit)); }
  std::vector<float> numbers(size_t count, float scale = 1.0f, float mean = 0.0f) {
    std::vector<float> made(count);
    for (float& x : made) x = mean + scale * number();
    return made;
  }

 private:
  std::mt19937 bits_;
  std::normal_distribution<float> numbers_;
};

}  // namespace selftest
