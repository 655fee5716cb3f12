// Products by one matrix, in every type of weights, and those that Python made.
#pragma once

#include "numbers.h"

namespace selftest {

// A workspace that is freed with this object.
class Work {
 public:
  Work() : work_(dragoman_workspace()) {}
  ~Work() { dragoman_free(work_); }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  operator Workspace*() const { return work_; }

 private:
  Workspace* work_;
};

inline std::vector<float> product(const Linear& linear, const std::vector<float>& x, int num_rows) {
  const Work work;
  std::vector<float> y(static_cast<size_t>(num_rows) * padded(linear.out));
  dragoman_linear(&linear, x.data(), num_rows, y.data(), work);
  return y;
}

inline void test_product(const Matrix& matrix, int num_rows, Random& random) {
  const int in = matrix.in(), out = matrix.out(), stride = padded(out);
  const std::string what = std::string("product of ") + name_of(matrix.kind()) + ", " + std::to_string(out) +
                           " x " + std::to_string(in) + ", " + std::to_string(num_rows) + " rows";
  std::vector<float> x = random.numbers(static_cast<size_t>(num_rows) * in);
  const std::vector<float> together = product(matrix.linear(), x, num_rows);
  for (int row = 0; row < num_rows; ++row) {
    const std::vector<float> own(x.begin() + static_cast<ptrdiff_t>(row) * in,
                                 x.begin() + static_cast<ptrdiff_t>(row + 1) * in);
    const float* found = together.data() + static_cast<size_t>(row) * stride;
    expect_same(product(matrix.linear(), own, 1).data(), found, out, what + ", alone and in company");
    Doubles magnitudes;
    const Doubles expected = matrix.times(own, &magnitudes);
    const QuantizedRow quantized(own);
    for (int o = 0; o < out; ++o) {
      if (matrix.kind() == Kind::kInt8)
        expect(found[o] == matrix.exact(o, quantized), what + ": other bits than the definition's");
      else
        expect_near(found[o], expected[o], 1e-6 * (1.0 + magnitudes[o]), what);
    }
  }
  const int bad = num_rows / 2;
  x[static_cast<size_t>(bad) * in + in - 1] = NAN;
  const std::vector<float> hurt = product(matrix.linear(), x, num_rows);
  for (int row = 0; row < num_rows; ++row) {
    const float *before = together.data() + static_cast<size_t>(row) * stride,
                *after = hurt.data() + static_cast<size_t>(row) * stride;
    if (row != bad) expect_same(after, before, out, what + " beside a row with NaN");
    for (int o = 0; o < out && row == bad; ++o) expect(std::isnan(after[o]), what + " of a row with NaN");
  }
}

inline void test_products() {
  Random random(5);
  const int sizes[][2] = {{1, 1}, {7, 15}, {16, 16}, {17, 5}, {33, 64}, {40, 65}, {100, 131}, {70, 300}};
  for (const Kind kind : {Kind::kFloat, Kind::kBfloat, Kind::kInt8}) {
    for (const auto& [out, in] : sizes) {
      const Matrix matrix(out, in, kind, random, /*has_bias=*/in != 16);
      for (int num_rows = 1; num_rows <= 9; ++num_rows) test_product(matrix, num_rows, random);
      test_product(matrix, 35, random);
    }
  }
}

// A row whose every product is as large as it can be.
inline void test_largest_sums() {
  constexpr int kWidth = 4096;
  std::vector<uint8_t> weights(static_cast<size_t>(kWidth) * kLanes, 127);
  const std::vector<float> scales(kLanes, 1.0f);
  const std::vector<int32_t> start(kLanes, -128 * 127 * kWidth);
  const Linear linear{kWidth, kLanes, Kind::kInt8, weights.data(), scales.data(), start.data(), nullptr};
  for (const float sign : {127.0f, -127.0f})
    for (const float y : product(linear, std::vector<float>(static_cast<size_t>(kWidth) * 4, sign), 4))
      expect(y == sign * 127.0f * kWidth, "the largest sums of bytes");
}

// Reads numbers that Python wrote.
class File {
 public:
  explicit File(const char* path) : file_(std::fopen(path, "rb")) { expect(file_, "no such file"); }
  ~File() {
    if (file_) std::fclose(file_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  template <class T>
  std::vector<T> read(size_t count) {
    std::vector<T> numbers(count);
    expect(file_ && std::fread(numbers.data(), sizeof(T), count, file_) == count, "the file ends early");
    return numbers;
  }

 private:
  std::FILE* file_;
};

// Compares products with those of PyTorch, of matrices that Python packed.
inline void test_products_of_python(const char* path) {
  File file(path);
  const int num_cases = file.read<int32_t>(1)[0];
  expect(num_cases > 0, "no products from Python");
  for (int i = 0; i < num_cases; ++i) {
    const std::vector<int32_t> sizes = file.read<int32_t>(4);
    const int kind = sizes[0], out = sizes[1], in = sizes[2], num_rows = sizes[3];
    Linear linear{in, out, static_cast<Kind>(kind), nullptr, nullptr, nullptr, nullptr};
    const std::vector<uint8_t> weights =
        file.read<uint8_t>(static_cast<size_t>(linear.row_bytes()) * padded(out));
    const std::vector<float> scales = file.read<float>(padded(out));
    const std::vector<int32_t> start = file.read<int32_t>(padded(out));
    const std::vector<float> bias = file.read<float>(padded(out));
    const std::vector<float> x = file.read<float>(static_cast<size_t>(num_rows) * in);
    const std::vector<float> expected = file.read<float>(static_cast<size_t>(num_rows) * out);
    linear.weights = weights.data(), linear.scales = scales.data(), linear.start = start.data();
    linear.bias = bias.data();
    const std::vector<float> found = product(linear, x, num_rows);
    for (int row = 0; row < num_rows; ++row)
      for (int o = 0; o < out; ++o)
        expect_near(found[static_cast<size_t>(row) * padded(out) + o],
                    expected[static_cast<size_t>(row) * out + o], 2e-5,
                    std::string("product of Python's in ") + name_of(linear.kind));
  }
}

}  // namespace selftest
