// Weight matrices: packed for the kernels, and plain for the reference, which multiplies them in double.
#pragma once

#include "check.h"

namespace selftest {

using dragoman::Kind;
using Doubles = std::vector<double>;

inline const char* name_of(Kind kind) {
  return kind == Kind::kFloat ? "float32" : kind == Kind::kBfloat ? "bfloat16" : "int8";
}

// Rounds to bfloat16, ties to even; x: finite.
inline float to_bfloat(float x) {
  const float above = std::ldexp(1.5f, std::ilogb(x == 0.0f ? 1.0f : x) + 16);  // its last bit is bfloat16's
  return x + above - above;
}

// A row of activations as int8, and the value of 1.
struct QuantizedRow {
  std::vector<int> numbers;
  float scale;

  explicit QuantizedRow(const std::vector<float>& row) {
    float most = 0.0f;
    for (const float x : row) most = std::max(most, std::abs(x));
    scale = most / 127.0f;
    const float factor = most > 0.0f ? 127.0f / most : 0.0f;
    for (const float x : row) numbers.push_back(static_cast<int>(std::nearbyint(x * factor)));
  }
};

// A (out, in) matrix and a bias, rounded to a type of weights.
class Matrix {
 public:
  Matrix() = default;
  Matrix(int out, int in, Kind kind, Random& random, bool has_bias = true)
      : Matrix(out, in, kind,
               random.numbers(static_cast<size_t>(out) * in, 1.0f / std::sqrt(static_cast<float>(in))),
               has_bias ? random.numbers(out) : std::vector<float>()) {}
  Matrix(int out, int in, Kind kind, const std::vector<float>& weights, std::vector<float> bias)
      : out_(out), in_(in), kind_(kind), weights_(weights.size()), bias_(std::move(bias)) {
    const int num_padded = dragoman::padded(out);
    scales_.assign(num_padded, 0.0f), start_.assign(num_padded, 0);
    if (!bias_.empty()) bias_.resize(num_padded);
    row_bytes_ = (in * size() + 63) / 64 * 64;
    packed_.assign(static_cast<size_t>(num_padded) * row_bytes_, 0);
    for (int o = 0; o < out; ++o) {
      const float* row = weights.data() + static_cast<size_t>(o) * in;
      for (int i = 0; i < in; ++i) scales_[o] = std::max(scales_[o], std::abs(row[i]) / 127.0f);
      for (int i = 0; i < in; ++i) set(o, i, row[i]);
    }
  }

  int out() const { return out_; }
  int in() const { return in_; }
  Kind kind() const { return kind_; }
  double weight(int o, int i) const { return weights_[static_cast<size_t>(o) * in_ + i]; }
  float bias(int o) const { return bias_.empty() ? 0.0f : bias_[o]; }

  dragoman::Linear linear() const {
    const bool is_int8 = kind_ == Kind::kInt8;
    return {in_,
            out_,
            kind_,
            packed_.data(),
            is_int8 ? scales_.data() : nullptr,
            is_int8 ? start_.data() : nullptr,
            bias_.empty() ? nullptr : bias_.data()};
  }
  dragoman::Table table() const {
    return {packed_.data(), kind_ == Kind::kInt8 ? scales_.data() : nullptr, kind_, in_, row_bytes_};
  }

  // Returns W x + b and adds up the magnitudes of all terms, in units of which sums are rounded.
  Doubles times(const std::vector<float>& x, Doubles* magnitudes = nullptr) const {
    Doubles y(out_);
    if (magnitudes) magnitudes->assign(out_, 0.0);
    const QuantizedRow quantized(kind_ == Kind::kInt8 ? x : std::vector<float>());
    for (int o = 0; o < out_; ++o) {
      y[o] = bias(o);
      for (int i = 0; i < in_; ++i) {
        double input = x[i];
        if (kind_ == Kind::kInt8) input = quantized.numbers[i] * double{quantized.scale};
        if (kind_ == Kind::kBfloat && dragoman::kRoundsActivations) input = to_bfloat(x[i]);
        const double term = weight(o, i) * input;
        y[o] += term;
        if (magnitudes) (*magnitudes)[o] += std::abs(term);
      }
    }
    return y;
  }

  // int8: returns W x + b with the roundings of the definition, so to the bit.
  float exact(int o, const QuantizedRow& x) const {
    int64_t sum = 0;
    for (int i = 0; i < in_; ++i) sum += std::lround(weight(o, i) / scales_[o]) * x.numbers[i];
    return std::fma(static_cast<float>(sum) * scales_[o], x.scale, bias(o));
  }

 private:
  int size() const { return kind_ == Kind::kInt8 ? 1 : kind_ == Kind::kBfloat ? 2 : 4; }

  void set(int o, int i, float x) {
    const int per_word = 4 / size();
    uint8_t* to = packed_.data() + static_cast<size_t>(o / 16) * row_bytes_ * 16 + i / per_word * 64 +
                  o % 16 * 4 + i % per_word * size();
    double& stored = weights_[static_cast<size_t>(o) * in_ + i];
    if (kind_ == Kind::kInt8) {
      const int number = static_cast<int>(std::nearbyint(x / scales_[o]));
      *to = static_cast<uint8_t>(number);
      stored = double{scales_[o]} * number;
      start_[o] -= 128 * number;
    } else {
      const float rounded = kind_ == Kind::kBfloat ? to_bfloat(x) : x;
      uint32_t bits;
      std::memcpy(&bits, &rounded, sizeof bits);
      if (kind_ == Kind::kBfloat) bits >>= 16;
      std::memcpy(to, &bits, size());
      stored = rounded;
    }
  }

  int out_ = 0, in_ = 0, row_bytes_ = 0;
  Kind kind_ = Kind::kFloat;
  Doubles weights_;
  std::vector<uint8_t> packed_;
  std::vector<float> scales_, bias_;
  std::vector<int32_t> start_;
};

}  // namespace selftest
