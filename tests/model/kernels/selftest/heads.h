// The output projection: best tokens, logits and normalizers.
#pragma once

#include <algorithm>
#include <functional>

#include "network.h"

namespace selftest {

// Results of a projection of some rows.
struct Projected {
  std::vector<float> logits, normalizers, values;
  std::vector<int32_t> token_ids;

  Projected(const Head& head, Projection projection, const std::vector<float>& hidden, bool has_logits)
      : normalizers(projection.num_rows),
        values(static_cast<size_t>(projection.num_rows) * projection.num_best),
        token_ids(values.size()) {
    if (has_logits) logits.resize(static_cast<size_t>(projection.num_rows) * padded(head.exact.out));
    projection.hidden = hidden.data();
    projection.logits = has_logits ? logits.data() : nullptr;
    projection.normalizers = normalizers.data();
    projection.values = values.data(), projection.token_ids = token_ids.data();
    const Work work;
    dragoman_project(&head, &projection, work);
  }
};

inline double log_sum_of(const Doubles& logits) {
  double sum = 0.0;
  const double most = *std::max_element(logits.begin(), logits.end());
  for (const double logit : logits) sum += std::exp(logit - most);
  return most + std::log(sum);
}

inline void test_best_tokens(const Matrix& matrix, const Head& head, int num_rows, int num_best,
                             bool is_normalized_without, Random& random) {
  const std::string what = std::string("output projection in ") + name_of(matrix.kind()) + ", " +
                           std::to_string(num_rows) + " rows, " + std::to_string(num_best) + " best";
  const int width = matrix.in();
  const bool is_rough = num_best == 1 && head.rough.out > 0, is_full = !is_rough;
  const std::vector<int32_t> suppressed = {0, 17, matrix.out() - 1, random.below(matrix.out())};
  Projection projection{};
  projection.num_rows = num_rows, projection.d_model = width, projection.num_best = num_best;
  projection.num_suppressed = static_cast<int32_t>(suppressed.size());
  projection.suppressed = suppressed.data();
  projection.wants_normalizer = is_full, projection.is_normalized_without = is_normalized_without;
  std::vector<float> hidden = random.numbers(static_cast<size_t>(num_rows) * width, 2.0f);
  const Projected together(head, projection, hidden, is_full);
  for (int row = 0; row < num_rows; ++row) {
    const std::vector<float> own(hidden.begin() + row * width, hidden.begin() + (row + 1) * width);
    Projection alone = projection;
    alone.num_rows = 1;
    const Projected single(head, alone, own, is_full);
    expect_same(single.values.data(), &together.values[row * num_best], num_best, what + ", values alone");
    expect(std::equal(single.token_ids.begin(), single.token_ids.end(), &together.token_ids[row * num_best]),
           what + ", tokens alone");
    Doubles logits = matrix.times(own);
    if (is_full) {
      const float* found = &together.logits[static_cast<size_t>(row) * padded(matrix.out())];
      for (int i = 0; i < matrix.out(); ++i) expect_near(found[i], logits[i], 1e-4, what + ", logits");
      expect_same(single.normalizers.data(), &together.normalizers[row], 1, what + ", normalizer alone");
    }
    const double before = log_sum_of(logits);
    for (const int32_t token : suppressed) logits[token] = -INFINITY;
    if (is_full)
      expect_near(together.normalizers[row], is_normalized_without ? log_sum_of(logits) : before, 1e-5,
                  what + ", normalizer");
    Doubles sorted = logits;
    std::partial_sort(sorted.begin(), sorted.begin() + num_best, sorted.end(), std::greater<>());
    for (int i = 0; i < num_best; ++i) {
      const int at = row * num_best + i;
      expect_near(together.values[at], sorted[i], 1e-4, what + ", value");
      expect_near(logits[together.token_ids[at]], sorted[i], 1e-4, what + ", token");
    }
  }
  hidden[0] = NAN;
  const Projected hurt(head, projection, hidden, is_full);
  expect_same(&hurt.values[num_best], &together.values[num_best], (num_rows - 1) * num_best,
              what + " beside a row with NaN");
  if (is_full) expect(std::isnan(hurt.normalizers[0]), what + " of a row with NaN");
}

inline void test_heads() {
  Random random(7);
  for (const int vocabulary : {50, 1100}) {
    const std::vector<float> weights = random.numbers(static_cast<size_t>(vocabulary) * 13);
    const std::vector<float> bias = random.numbers(vocabulary);
    const Matrix rough(vocabulary, 13, Kind::kInt8, weights, bias);
    for (const Kind kind : {Kind::kFloat, Kind::kBfloat, Kind::kInt8}) {
      const Matrix exact(vocabulary, 13, kind, weights, bias);
      // One row more than are multiplied together, where that is quick.
      for (const int num_rows : {1, 4, vocabulary > 1024 ? 5 : kRowsTogether + 1}) {
        const Head head{exact.linear(), {}, exact.table()};
        test_best_tokens(exact, head, num_rows, 4, num_rows % 2, random);
        test_best_tokens(exact, head, num_rows, 1, num_rows % 2, random);
        const Head proposing{exact.linear(), rough.linear(), exact.table()};
        if (kind == Kind::kBfloat) test_best_tokens(exact, proposing, num_rows, 1, false, random);
      }
    }
  }
}

}  // namespace selftest
