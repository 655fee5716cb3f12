// Attention of several queries of one head, with keys and values of both types.
#pragma once

#include "network.h"

namespace selftest {

template <class Dot>
inline void test_attention(int d_head, int num_keys, int num_queries, bool has_bias, float softcap,
                           Random& random) {
  using Number = typename Dot::Number;
  const std::string what = "attention of " + std::to_string(num_queries) + " queries of " +
                           std::to_string(d_head) + " to " + std::to_string(num_keys) +
                           (sizeof(Number) == 2 ? " bfloat16 keys" : " float32 keys");
  const size_t cell = HeadMemory<Number>::cell_size(d_head);
  std::vector<Number> memory(cell * (padded(num_keys) / kLanes));
  const HeadMemory<Number> head{memory.data(), cell, d_head};
  std::vector<Doubles> keys, values;
  for (int i = 0; i < num_keys; ++i) {
    std::vector<float> key = random.numbers(d_head), value = random.numbers(d_head);
    if (sizeof(Number) == 2)
      for (std::vector<float>* numbers : {&key, &value})
        for (float& x : *numbers) x = to_bfloat(x);
    head.write(i / kLanes, i, key.data(), value.data());
    keys.emplace_back(key.begin(), key.end()), values.emplace_back(value.begin(), value.end());
  }
  const std::vector<float> queries = random.numbers(static_cast<size_t>(num_queries) * d_head);
  const std::vector<float> bias = random.numbers(num_keys);
  const auto answers = [&](int first, int count, const float* from) {
    std::vector<float> found(static_cast<size_t>(count) * d_head);
    std::vector<float> scratch(attention_scratch(num_keys, d_head));
    Query parts[kMostQueries];
    for (int q = 0; q < count; ++q)
      parts[q] = {from + static_cast<size_t>(first + q) * d_head, has_bias ? bias.data() : nullptr,
                  found.data() + static_cast<size_t>(q) * d_head};
    const auto pages = Pages<Number>::of(head, nullptr);
    attend<Dot>(pages, parts, count, 0, num_keys, {0.3f, softcap}, scratch.data(), pages);
    return found;
  };
  const std::vector<float> together = answers(0, num_queries, queries.data());
  for (int q = 0; q < num_queries; ++q) {
    const float* found = together.data() + static_cast<size_t>(q) * d_head;
    expect_same(answers(q, 1, queries.data()).data(), found, d_head, what + ", alone and in company");
    const Doubles query(queries.begin() + q * d_head, queries.begin() + (q + 1) * d_head);
    const Doubles expected =
        attention(query, keys, values, double{0.3f}, has_bias ? bias.data() : nullptr, softcap);
    // Some levels round queries and the softmax's weights to the type of the keys.
    const double tolerance = sizeof(typename Dot::Input) == 2 ? 0.03 : 1e-5;
    for (int d = 0; d < d_head; ++d) expect_near(found[d], expected[d], tolerance, what);
  }
  std::vector<float> bad = queries;
  bad[0] = NAN;
  const std::vector<float> hurt = answers(0, num_queries, bad.data());
  for (int d = 0; d < d_head; ++d) expect(std::isnan(hurt[d]), what + " with NaN");
  expect_same(hurt.data() + d_head, together.data() + d_head, together.size() - d_head,
              what + " beside a query with NaN");
}

inline void test_attentions() {
  Random random(6);
  for (const int d_head : {1, 10, 16, 24, 64, 80}) {
    for (const int num_keys : {1, 2, 15, 16, 17, 31, 33, 70}) {
      for (int num_queries = 1; num_queries <= kMostQueries; ++num_queries) {
        const bool has_bias = num_keys % 2;
        const float softcap = num_queries % 2 ? 0.5f : 0.0f;
        test_attention<FloatDot>(d_head, num_keys, num_queries, has_bias, softcap, random);
        test_attention<SplitBfloatDot>(d_head, num_keys, num_queries, has_bias, softcap, random);
      }
    }
  }
}

}  // namespace selftest
