// Attention of one to four queries of one head over the keys and values of one sequence.
//
// All is in words of four bytes: one float or two bfloat16. Keys lie in blocks of sixteen positions,
// and each vector of a block has a word of every position: one dimension of them, or two. Values lie
// in lines, one or two positions each, and a line has a word of every dimension. So scores and
// answers are sums of words times vectors, by the instructions that multiply by weights, and nothing
// is summed across lanes. Only keys that exist are looked at: no padding is read, and nothing
// depends on who else is in the batch.
#pragma once

#include <algorithm>
#include <type_traits>

#include "linear.h"

namespace dragoman {

constexpr int kMostQueries = 4;

// Where one head's keys and values lie.
template <class Number>
struct HeadMemory {
  static constexpr int kPerWord = 4 / sizeof(Number);

  Number* keys;
  Number* values;
  int d_head;

  int key_words() const { return (d_head + kPerWord - 1) / kPerWord; }
  Number* key_block(int block) const {
    return keys + static_cast<size_t>(block) * key_words() * kPerWord * kLanes;
  }
  int line_size() const { return padded(d_head) * kPerWord; }
  Number* value_line(int line) const { return values + static_cast<size_t>(line) * line_size(); }

  // Positions are written one after another.
  void write(int position, const float* key, const float* value) const {
    Number* column = key_block(position / kLanes) + position % kLanes * kPerWord;
    Number* line = value_line(position / kPerWord);
    for (int d = 0; d < d_head; d += kLanes) {
      const __mmask16 lanes = first_lanes(d_head - d);
      alignas(64) uint32_t words[kLanes];
      store(reinterpret_cast<Number*>(words), load(key + d, lanes));
      const int count = std::min(kLanes / kPerWord, key_words() - d / kPerWord);
      for (int i = 0; i < count; ++i)
        std::memcpy(column + static_cast<size_t>(d / kPerWord + i) * kPerWord * kLanes, words + i, 4);
      write_value(position, line + d * kPerWord, load(value + d, lanes));
    }
  }

 private:
  static void write_value(int, float* to, Float16 value) { store(to, value); }
  static void write_value(int position, bfloat* to, Float16 value) {
    __m512i words = _mm512_cvtepu16_epi32(narrowed(value));
    if (position % 2)
      words = _mm512_or_si512(_mm512_slli_epi32(words, 16),
                              _mm512_and_si512(_mm512_loadu_si512(to), _mm512_set1_epi32(0xFFFF)));
    _mm512_storeu_si512(to, words);
  }
};

struct Query {
  const float* query;  // (d_head), not scaled yet
  const float* bias;   // added to the scores, one per key; or null
  float* answer;       // (d_head)
};

inline int32_t word_at(const void* words, int index) {
  int32_t word;
  std::memcpy(&word, static_cast<const char*>(words) + static_cast<size_t>(index) * 4, 4);
  return word;
}

// Scores are added up in so many chains, as an addition lasts longer than it occupies its unit; in as
// many whatever the number of queries, since what one gets must not depend on who asks beside it.
constexpr int kChains = 2;

// The scores of kQueries queries, given as words, for kBlocks blocks of keys. As much is fetched from
// `next` on.
template <class Dot, int kQueries, int kBlocks>
inline void block_scores(const HeadMemory<typename Dot::Number>& memory, const char* queries, int query_bytes,
                         int block, Float16 (&scores)[kQueries][2], const char* next) {
  const int num_words = memory.key_words();
  const char* keys = reinterpret_cast<const char*>(memory.key_block(block));
  const size_t block_bytes = static_cast<size_t>(num_words) * 64;
  Float16 sums[kQueries][kBlocks][kChains];
  for (auto& blocks : sums)
    for (auto& chains : blocks)
      for (auto& sum : chains) sum = _mm512_setzero_ps();
  const auto add = [&](int word, int chain) {
    __m512i vectors[kBlocks];
    for (int b = 0; b < kBlocks; ++b) {
      const size_t at = b * block_bytes + static_cast<size_t>(word) * 64;
      vectors[b] = _mm512_loadu_si512(keys + at);
      _mm_prefetch(next + at, _MM_HINT_T0);
    }
    for (int q = 0; q < kQueries; ++q) {
      const int32_t x = word_at(queries + q * query_bytes, word);
      for (int b = 0; b < kBlocks; ++b) sums[q][b][chain] = Dot::add(sums[q][b][chain], x, vectors[b]);
    }
  };
  int word = 0;
  for (; word + kChains <= num_words; word += kChains)
    for (int chain = 0; chain < kChains; ++chain) add(word + chain, chain);
  for (; word < num_words; ++word) add(word, 0);
  for (int q = 0; q < kQueries; ++q) {
    for (int b = 0; b < kBlocks; ++b) {
      scores[q][b] = sums[q][b][0];
      for (int c = 1; c < kChains; ++c) scores[q][b] = _mm512_add_ps(scores[q][b], sums[q][b][c]);
    }
  }
}

// The weighted sum of kVectors vectors of dimensions of the values, from `first` on.
template <class Dot, int kQueries, int kVectors>
inline void weighted_values(const HeadMemory<typename Dot::Number>& memory, const Query* queries, int first,
                            int num_keys, const char* weights, int weights_bytes, const float* factors,
                            const char* next) {
  constexpr int kPerWord = HeadMemory<typename Dot::Number>::kPerWord;
  Float16 sums[kQueries][kVectors];
  for (auto& vectors : sums)
    for (auto& sum : vectors) sum = _mm512_setzero_ps();
  const char* values = reinterpret_cast<const char*>(memory.values + first * kPerWord);
  const size_t line_bytes = memory.line_size() * sizeof(typename Dot::Number);
  const int num_lines = (num_keys + kPerWord - 1) / kPerWord;
  for (int line = 0; line < num_lines; ++line) {
    __m512i vectors[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      const size_t at = line * line_bytes + v * 64;
      vectors[v] = _mm512_loadu_si512(values + at);
      _mm_prefetch(next + at, _MM_HINT_T0);
    }
    for (int q = 0; q < kQueries; ++q) {
      const int32_t weight = word_at(weights + q * weights_bytes, line);
      for (int v = 0; v < kVectors; ++v) sums[q][v] = Dot::add(sums[q][v], weight, vectors[v]);
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

// Floats of working memory that `attend` needs.
inline size_t attention_scratch(int num_keys, int d_head) {
  return static_cast<size_t>(kMostQueries) * (padded(num_keys) + padded(d_head));
}

template <class Dot, int kQueries>
inline void attend_together(const HeadMemory<typename Dot::Number>& memory, const Query* queries,
                            int num_keys, float scale, float* scratch,
                            const HeadMemory<typename Dot::Number>& next) {
  using Number = typename Dot::Number;
  const int stride = padded(num_keys), query_stride = padded(memory.d_head);
  char* narrow = reinterpret_cast<char*>(scratch + static_cast<size_t>(kQueries) * stride);
  for (int q = 0; q < kQueries; ++q)
    for (int d = 0; d < memory.d_head; d += kLanes)
      store(reinterpret_cast<Number*>(narrow + q * query_stride * 4) + d,
            load(queries[q].query + d, first_lanes(memory.d_head - d)));
  const Float16 lowest = _mm512_set1_ps(-INFINITY);
  Float16 largest[kQueries], totals[kQueries];
  for (int q = 0; q < kQueries; ++q) largest[q] = lowest, totals[q] = _mm512_setzero_ps();
  const int num_blocks = stride / kLanes;
  for (int block = 0; block < num_blocks; block += 2) {
    Float16 scores[kQueries][2];
    const char* next_keys = reinterpret_cast<const char*>(next.key_block(block));
    const int count = std::min(2, num_blocks - block);
    if (count == 2)
      block_scores<Dot, kQueries, 2>(memory, narrow, query_stride * 4, block, scores, next_keys);
    else
      block_scores<Dot, kQueries, 1>(memory, narrow, query_stride * 4, block, scores, next_keys);
    for (int b = 0; b < count; ++b) {
      const int first = (block + b) * kLanes;
      const __mmask16 exists = first_lanes(num_keys - first);
      for (int q = 0; q < kQueries; ++q) {
        Float16 score = _mm512_mul_ps(scores[q][b], _mm512_set1_ps(scale));
        if (queries[q].bias) score = _mm512_add_ps(score, load(queries[q].bias + first, exists));
        score = _mm512_mask_mov_ps(lowest, exists, score);
        largest[q] = _mm512_max_ps(largest[q], score);
        store(scratch + static_cast<size_t>(q) * stride + first, score);
      }
    }
  }
  float factors[kQueries];
  for (int q = 0; q < kQueries; ++q) {
    const float* scores = scratch + static_cast<size_t>(q) * stride;
    Number* weights =
        reinterpret_cast<Number*>(scratch + static_cast<size_t>(q) * stride);  // behind the scores
    const Float16 most = _mm512_set1_ps(_mm512_reduce_max_ps(largest[q]));
    for (int first = 0; first < num_keys; first += kLanes) {
      const Float16 weight = exponential(_mm512_sub_ps(load(scores + first), most));
      totals[q] = _mm512_add_ps(totals[q], weight);
      store(weights + first, weight);
    }
    factors[q] = 1.0f / _mm512_reduce_add_ps(totals[q]);
  }
  const char* weights = reinterpret_cast<const char*>(scratch);
  for (int d = 0; d < memory.d_head; d += 4 * kLanes) {
    const char* next_values = reinterpret_cast<const char*>(next.values + d * HeadMemory<Number>::kPerWord);
    const auto sum_up = [&](auto num_vectors) {
      weighted_values<Dot, kQueries, num_vectors()>(memory, queries, d, num_keys, weights, stride * 4,
                                                    factors, next_values);
    };
    switch (std::min(4, padded(memory.d_head - d) / kLanes)) {
      case 4:
        sum_up(std::integral_constant<int, 4>());
        break;
      case 3:
        sum_up(std::integral_constant<int, 3>());
        break;
      case 2:
        sum_up(std::integral_constant<int, 2>());
        break;
      case 1:
        sum_up(std::integral_constant<int, 1>());
        break;
    }
  }
}

// answer = softmax(scale * query . keys + bias) . values
// next: what will be attended to afterwards, which is fetched meanwhile.
template <class Dot>
inline void attend(const HeadMemory<typename Dot::Number>& memory, const Query* queries, int num_queries,
                   int num_keys, float scale, float* scratch, const HeadMemory<typename Dot::Number>& next) {
  switch (num_queries) {
    case 4:
      return attend_together<Dot, 4>(memory, queries, num_keys, scale, scratch, next);
    case 3:
      return attend_together<Dot, 3>(memory, queries, num_keys, scale, scratch, next);
    case 2:
      return attend_together<Dot, 2>(memory, queries, num_keys, scale, scratch, next);
    case 1:
      return attend_together<Dot, 1>(memory, queries, num_keys, scale, scratch, next);
  }
}

}  // namespace dragoman
