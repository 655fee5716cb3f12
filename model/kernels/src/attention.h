// Attention of one to four queries of one head over the keys and values of one sequence.
//
// Keys lie in blocks of sixteen positions, (block, d_head, 16), so that sixteen scores are computed
// side by side without summing across lanes; values lie as they are, (position, d_head padded to
// 16). Only keys that exist are looked at: no padding is read, and nothing depends on who else is
// in the batch.
#pragma once

#include <algorithm>

#include "vectors.h"

namespace dragoman {

constexpr int kMostQueries = 4;

// Where one head's keys and values lie.
template <class Number>
struct HeadMemory {
  Number* keys;
  Number* values;
  int d_head;

  int value_stride() const { return padded(d_head); }
  void write(int position, const float* key, const float* value) const {
    Number* column = keys + static_cast<size_t>(position / kLanes) * d_head * kLanes + position % kLanes;
    Number* row = values + static_cast<size_t>(position) * value_stride();
    for (int d = 0; d < d_head; d += kLanes) {
      const int count = std::min(kLanes, d_head - d);
      alignas(64) Number numbers[kLanes];
      store(numbers, load(key + d, first_lanes(count)));
      for (int i = 0; i < count; ++i) column[static_cast<size_t>(d + i) * kLanes] = numbers[i];
      store(row + d, load(value + d, first_lanes(count)));
    }
  }
};

struct Query {
  const float* query;  // (d_head), not scaled yet
  const float* bias;   // added to the scores, one per key; or null
  float* answer;       // (d_head)
};

template <class Number, int kQueries>
inline void block_scores(const HeadMemory<Number>& memory, const Query* queries, int block, Float16* scores) {
  const Number* keys = memory.keys + static_cast<size_t>(block) * memory.d_head * kLanes;
  // With one query, a chain of d_head additions would wait for each other: it is cut into four.
  constexpr int kChains = kQueries == 1 ? 4 : kQueries == 2 ? 2 : 1;
  Float16 sums[kQueries][kChains];
  for (auto& chains : sums)
    for (auto& sum : chains) sum = _mm512_setzero_ps();
  int d = 0;
  for (; d + kChains <= memory.d_head; d += kChains) {
    for (int c = 0; c < kChains; ++c) {
      const Float16 key = load(keys + static_cast<size_t>(d + c) * kLanes);
      for (int q = 0; q < kQueries; ++q)
        sums[q][c] = _mm512_fmadd_ps(_mm512_set1_ps(queries[q].query[d + c]), key, sums[q][c]);
    }
  }
  for (; d < memory.d_head; ++d) {
    const Float16 key = load(keys + static_cast<size_t>(d) * kLanes);
    for (int q = 0; q < kQueries; ++q)
      sums[q][0] = _mm512_fmadd_ps(_mm512_set1_ps(queries[q].query[d]), key, sums[q][0]);
  }
  for (int q = 0; q < kQueries; ++q) {
    scores[q] = sums[q][0];
    for (int c = 1; c < kChains; ++c) scores[q] = _mm512_add_ps(scores[q], sums[q][c]);
  }
}

// The weighted sum of up to 64 dimensions of the values, from `first` on.
template <class Number, int kQueries, int kVectors>
inline void weighted_values(const HeadMemory<Number>& memory, const Query* queries, int first, int num_keys,
                            const float* weights, int weights_stride, const float* factors) {
  Float16 sums[kQueries][kVectors];
  for (auto& line : sums)
    for (auto& sum : line) sum = _mm512_setzero_ps();
  const Number* values = memory.values + first;
  for (int key = 0; key < num_keys; ++key, values += memory.value_stride()) {
    Float16 vectors[kVectors];
    for (int v = 0; v < kVectors; ++v) vectors[v] = load(values + v * kLanes);
    for (int q = 0; q < kQueries; ++q) {
      const Float16 weight = _mm512_set1_ps(weights[static_cast<size_t>(q) * weights_stride + key]);
      for (int v = 0; v < kVectors; ++v) sums[q][v] = _mm512_fmadd_ps(weight, vectors[v], sums[q][v]);
    }
  }
  for (int q = 0; q < kQueries; ++q) {
    for (int v = 0; v < kVectors; ++v) {
      const int d = first + v * kLanes;
      store(queries[q].answer + d, _mm512_mul_ps(sums[q][v], _mm512_set1_ps(factors[q])),
            first_lanes(memory.d_head - d));
    }
  }
}

// answer = softmax(scale * query . keys + bias) . values
// scratch: kQueries times padded(num_keys) floats.
template <class Number, int kQueries>
inline void attend_together(const HeadMemory<Number>& memory, const Query* queries, int num_keys, float scale,
                            float* scratch) {
  const int stride = padded(num_keys);
  const Float16 lowest = _mm512_set1_ps(-INFINITY);
  Float16 largest[kQueries], totals[kQueries];
  for (int q = 0; q < kQueries; ++q) largest[q] = lowest, totals[q] = _mm512_setzero_ps();
  for (int first = 0; first < num_keys; first += kLanes) {
    Float16 scores[kQueries];
    block_scores<Number, kQueries>(memory, queries, first / kLanes, scores);
    const __mmask16 exists = first_lanes(num_keys - first);
    for (int q = 0; q < kQueries; ++q) {
      Float16 score = _mm512_mul_ps(scores[q], _mm512_set1_ps(scale));
      if (queries[q].bias) score = _mm512_add_ps(score, load(queries[q].bias + first, exists));
      score = _mm512_mask_mov_ps(lowest, exists, score);
      largest[q] = _mm512_max_ps(largest[q], score);
      store(scratch + static_cast<size_t>(q) * stride + first, score);
    }
  }
  float factors[kQueries];
  for (int q = 0; q < kQueries; ++q) {
    float* weights = scratch + static_cast<size_t>(q) * stride;
    const Float16 most = _mm512_set1_ps(_mm512_reduce_max_ps(largest[q]));
    for (int first = 0; first < num_keys; first += kLanes) {
      const Float16 weight = exponential(_mm512_sub_ps(load(weights + first), most));
      totals[q] = _mm512_add_ps(totals[q], weight);
      store(weights + first, weight);
    }
    factors[q] = 1.0f / _mm512_reduce_add_ps(totals[q]);
  }
  for (int d = 0; d < memory.d_head; d += 4 * kLanes) {
    switch (std::min(4, (memory.value_stride() - d) / kLanes)) {
      case 4:
        weighted_values<Number, kQueries, 4>(memory, queries, d, num_keys, scratch, stride, factors);
        break;
      case 3:
        weighted_values<Number, kQueries, 3>(memory, queries, d, num_keys, scratch, stride, factors);
        break;
      case 2:
        weighted_values<Number, kQueries, 2>(memory, queries, d, num_keys, scratch, stride, factors);
        break;
      case 1:
        weighted_values<Number, kQueries, 1>(memory, queries, d, num_keys, scratch, stride, factors);
        break;
    }
  }
}

template <class Number>
inline void attend(const HeadMemory<Number>& memory, const Query* queries, int num_queries, int num_keys,
                   float scale, float* scratch) {
  switch (num_queries) {
    case 4:
      return attend_together<Number, 4>(memory, queries, num_keys, scale, scratch);
    case 3:
      return attend_together<Number, 3>(memory, queries, num_keys, scale, scratch);
    case 2:
      return attend_together<Number, 2>(memory, queries, num_keys, scale, scratch);
    case 1:
      return attend_together<Number, 1>(memory, queries, num_keys, scale, scratch);
  }
}

}  // namespace dragoman
