// Attention of one to four queries of one head over the keys and values of one sequence, or of sequences
// that begin alike.
//
// The unit is a word of four bytes: one float or two bfloat16. Keys are stored in blocks of sixteen
// positions; each vector of a block has a word of every position: one dimension of it, or two. Values
// are stored in lines of one or two positions; a line has a word of every dimension. Scores and
// outputs are therefore sums of words times vectors, by the same instructions as products with
// weights, and no sum crosses lanes. No padding is read, so a result depends on nothing else in the
// batch.
#pragma once

#include <algorithm>
#include <climits>
#include <type_traits>

#include "tiled_linear.h"

namespace dragoman {

constexpr int kMostQueries = 4;
constexpr int kMostBlocks = 4;  // of sixteen keys, whose scores are computed together

// Addresses of one head's keys and values. A cell is the keys of sixteen positions, then their values.
template <class Number>
struct HeadMemory {
  static constexpr int kPerWord = 4 / sizeof(Number), kLines = kLanes / kPerWord;

  Number* cells;
  size_t block_size;  // numbers between the cells of neighbouring blocks
  int d_head;

  static size_t cell_size(int d_head) { return static_cast<size_t>(padded(d_head)) * kLanes * 2; }

  int key_words() const { return (d_head + kPerWord - 1) / kPerWord; }
  Number* keys(int block) const { return cells + block * block_size; }
  int line_size() const { return padded(d_head) * kPerWord; }
  Number* values(int block) const { return keys(block) + cell_size(d_head) / 2; }

  // Stores a position of a sequence in its block. Positions must be written in order.
  void write(int block, int position, const float* key, const float* value) const {
    Number* column = keys(block) + position % kLanes * kPerWord;
    Number* line = values(block) + position % kLanes / kPerWord * line_size();
    for (int d = 0; d < d_head; d += kLanes) {
      const Lanes lanes = first_lanes(d_head - d);
      alignas(64) uint32_t words[kLanes];
      store(reinterpret_cast<Number*>(words), load(key + d, lanes));
      const int count = std::min(kLanes / kPerWord, key_words() - d / kPerWord);
      for (int i = 0; i < count; ++i)
        std::memcpy(column + static_cast<size_t>(d / kPerWord + i) * kPerWord * kLanes, words + i, 4);
      write_value(position, line + d * kPerWord, load(value + d, lanes));
    }
  }

 private:
  static void write_value(int, float* to, Floats value) { store(to, value); }
  static void write_value(int position, bfloat* to, Floats value) {
    Words words = narrowed(value);
    if (position % 2)
      words = bit_or(shift_left<16>(words), bit_and(load_words(to), broadcast_word(0xFFFF)));
    store_words(to, words);
  }
};

// The keys and values of a group of queries, block by block. Hypotheses of one request share blocks of common
// tokens and have their own for the others.
template <class Number>
struct Pages {
  HeadMemory<Number> memory;            // of all blocks
  const int32_t* blocks[kMostQueries];  // of each query, the block of each 16 tokens; null: in order
  int num_shared;                       // leading blocks that are the same for all queries

  // All queries attend to one sequence, whose blocks are in `table`; null: one after another.
  static Pages of(const HeadMemory<Number>& memory, const int32_t* table) {
    return {memory, {table, table, table, table}, INT_MAX};
  }

  const char* keys(int query, int block) const {
    return reinterpret_cast<const char*>(memory.keys(at(query, block)));
  }
  const char* values(int query, int block) const {
    return reinterpret_cast<const char*>(memory.values(at(query, block)));
  }

 private:
  int at(int query, int block) const { return blocks[query] ? blocks[query][block] : block; }
};

// The function from a dot product of query and key to a score, before the bias.
struct Scoring {
  float scale;
  float softcap;  // of the scaled product; 0: none

  Floats operator()(Floats product) const {
    const Floats score = product * broadcast(scale);
    return softcap ? softcapped(score, softcap) : score;
  }
};

struct Query {
  const float* query;  // (d_head), not scaled
  const float* bias;   // added to the scores, one per key; or null
  float* answer;       // (d_head)
};

// Partial sums of a score: an addition takes longer than the unit is busy, so several run in parallel where
// registers hold them. Their number does not depend on the number of queries, or a result would depend on the
// others in the batch.
constexpr int kChains = kRegisters >= 32 ? 2 : 1;

// Vectors of dimensions that are summed together, for a number of queries.
constexpr int vectors_at_once(int num_queries) {
  return (num_queries == 1 ? 4 : num_queries == 2 ? 2 : 1) * (kRegisters >= 32 && num_queries > 1 ? 2 : 1);
}

// Blocks of keys whose scores are computed together, for a number of queries.
constexpr int key_blocks_at_once(int num_queries) {
  return kRegisters >= 32 && num_queries > 2 ? 1 : blocks_at_once(num_queries);
}

// Computes the scores of kQueries queries for kBlocks blocks of keys; prefetches as many from `next` on.
template <class Dot, int kQueries, int kBlocks>
inline void block_scores(const char* const* keys, const char* const* next, int num_words, const char* queries,
                         int query_bytes, Floats (*scores)[kMostBlocks]) {
  const typename Dot::Sums nothing{};
  typename Dot::Sums sums[kQueries][kBlocks][kChains];
  for (auto& blocks : sums)
    for (auto& chains : blocks)
      for (auto& sum : chains) sum = nothing;
  const auto add = [&](int word, int chain) {
    typename Dot::Weights vectors[kBlocks];
    for (int b = 0; b < kBlocks; ++b) {
      vectors[b] = Dot::load_weights(keys[b] + static_cast<size_t>(word) * 64);
      prefetch_far(next[b] + static_cast<size_t>(word) * 64);
    }
    for (int q = 0; q < kQueries; ++q) {
      const char* x = queries + q * query_bytes + word * Dot::kInputBytes;
      for (int b = 0; b < kBlocks; ++b) sums[q][b][chain] = Dot::add(sums[q][b][chain], x, vectors[b]);
    }
  };
  int word = 0;
  for (; word + kChains <= num_words; word += kChains)
    for (int chain = 0; chain < kChains; ++chain) add(word + chain, chain);
  for (; word < num_words; ++word) add(word, 0);
  for (int q = 0; q < kQueries; ++q) {
    for (int b = 0; b < kBlocks; ++b) {
      scores[q][b] = total(sums[q][b][0]);
      for (int c = 1; c < kChains; ++c) scores[q][b] = scores[q][b] + total(sums[q][b][c]);
    }
  }
}

// Adds the weighted values of kQueries queries' blocks from `begin` to `end`: kVectors vectors of dimensions,
// of which the first is `offset` bytes into a line.
template <class Dot, int kQueries, int kVectors>
inline void add_values(const Pages<typename Dot::Number>& pages, const Pages<typename Dot::Number>& next,
                       int query, int begin, int end, int num_keys, size_t offset, const char* weights,
                       int weights_bytes, typename Dot::Sums (&sums)[kQueries][kVectors]) {
  constexpr int kPerWord = HeadMemory<typename Dot::Number>::kPerWord;
  const size_t line_bytes = pages.memory.line_size() * sizeof(typename Dot::Number);
  for (int block = begin; block < end; ++block) {
    const char* values = pages.values(query, block) + offset;
    const char* following = next.values(query, block) + offset;
    const char* x = weights + block * HeadMemory<typename Dot::Number>::kLines * Dot::kInputBytes;
    const int num_lines = (std::min(kLanes, num_keys - block * kLanes) + kPerWord - 1) / kPerWord;
    for (int line = 0; line < num_lines; ++line, values += line_bytes, following += line_bytes) {
      typename Dot::Weights vectors[kVectors];
      for (int v = 0; v < kVectors; ++v) {
        vectors[v] = Dot::load_weights(values + v * 64);
        prefetch_far(following + v * 64);
      }
      for (int q = 0; q < kQueries; ++q) {
        const char* weight = x + q * weights_bytes + line * Dot::kInputBytes;
        for (int v = 0; v < kVectors; ++v) sums[q][v] = Dot::add(sums[q][v], weight, vectors[v]);
      }
    }
  }
}

// Computes the weighted sum of values from block `begin` on: kVectors vectors of dimensions from `first` on.
template <class Dot, int kQueries, int kVectors>
inline void weighted_values(const Pages<typename Dot::Number>& pages, const Pages<typename Dot::Number>& next,
                            const Query* queries, int first, int begin, int num_keys, int num_shared,
                            const char* weights, int weights_bytes, const float* factors) {
  const int num_blocks = padded(num_keys) / kLanes;
  const size_t offset = static_cast<size_t>(first) * 4;
  const typename Dot::Sums nothing{};
  typename Dot::Sums sums[kQueries][kVectors];
  for (auto& vectors : sums)
    for (auto& sum : vectors) sum = nothing;
  add_values<Dot, kQueries, kVectors>(pages, next, 0, begin, num_shared, num_keys, offset, weights,
                                      weights_bytes, sums);
  for (int q = 0; q < kQueries; ++q) {
    typename Dot::Sums own[1][kVectors];
    std::copy(sums[q], sums[q] + kVectors, own[0]);
    add_values<Dot, 1, kVectors>(pages, next, q, num_shared, num_blocks, num_keys, offset,
                                 weights + q * weights_bytes, weights_bytes, own);
    for (int v = 0; v < kVectors; ++v) {
      const int d = first + v * kLanes;
      const Floats answer = total(own[0][v]) * broadcast(factors[q]);
      store(queries[q].answer + d, answer, first_lanes(pages.memory.d_head - d));
    }
  }
}

// Floats of working memory that `attend` needs.
inline size_t attention_scratch(int num_keys, int d_head) {
  return static_cast<size_t>(kMostQueries) * (padded(num_keys) + padded(d_head));
}

template <class Dot, int kQueries>
inline void attend_together(const Pages<typename Dot::Number>& pages, const Query* queries, int begin,
                            int num_keys, const Scoring& scoring, float* scratch,
                            const Pages<typename Dot::Number>& next) {
  using Input = typename Dot::Input;
  const int d_head = pages.memory.d_head, stride = padded(num_keys), query_bytes = padded(d_head) * 4;
  const int num_blocks = stride / kLanes;
  const int num_shared = std::max(begin, std::min(pages.num_shared, num_blocks));
  char* narrow = reinterpret_cast<char*>(scratch + static_cast<size_t>(kQueries) * stride);
  for (int q = 0; q < kQueries; ++q)
    for (int d = 0; d < d_head; d += kLanes)
      store(reinterpret_cast<Input*>(narrow + q * query_bytes) + d,
            load(queries[q].query + d, first_lanes(d_head - d)));
  const Floats lowest = broadcast(-INFINITY);
  Floats largest[kQueries], totals[kQueries];
  for (int q = 0; q < kQueries; ++q) largest[q] = lowest, totals[q] = zeros();
  // Computes the scores of kTogether queries, from `first` on, for the blocks `block` to `block + kBlocks`.
  const auto score_blocks = [&](auto together, auto blocks, int first, int block) {
    constexpr int kTogether = together(), kBlocks = blocks();
    const char *keys[kBlocks], *following[kBlocks];
    for (int b = 0; b < kBlocks; ++b)
      keys[b] = pages.keys(first, block + b), following[b] = next.keys(first, block + b);
    Floats scores[kTogether][kMostBlocks];
    block_scores<Dot, kTogether, kBlocks>(keys, following, pages.memory.key_words(),
                                          narrow + first * query_bytes, query_bytes, scores);
    for (int b = 0; b < kBlocks; ++b) {
      const int position = (block + b) * kLanes;
      const Lanes exists = first_lanes(num_keys - position);
      for (int i = 0; i < kTogether; ++i) {
        const int q = first + i;
        Floats score = scoring(scores[i][b]);
        if (queries[q].bias) score = score + load(queries[q].bias + position, exists);
        score = select(exists, score, lowest);
        largest[q] = max(largest[q], score);
        store(scratch + static_cast<size_t>(q) * stride + position, score);
      }
    }
  };
  const auto score = [&](auto together, int first, int begin, int end) {
    constexpr int kBlocks = key_blocks_at_once(together());
    int block = begin;
    for (; block + kBlocks <= end; block += kBlocks)
      score_blocks(together, std::integral_constant<int, kBlocks>(), first, block);
    for (; block < end; ++block) score_blocks(together, std::integral_constant<int, 1>(), first, block);
  };
  score(std::integral_constant<int, kQueries>(), 0, begin, num_shared);
  for (int q = 0; q < kQueries; ++q) score(std::integral_constant<int, 1>(), q, num_shared, num_blocks);
  float factors[kQueries];
  for (int q = 0; q < kQueries; ++q) {
    const float* scores = scratch + static_cast<size_t>(q) * stride;
    Input* weights = reinterpret_cast<Input*>(scratch + static_cast<size_t>(q) * stride);  // over the scores
    const Floats most = broadcast(reduce_max(largest[q]));
    for (int first = begin * kLanes; first < num_keys; first += kLanes) {
      const Floats weight = exponential(load(scores + first) - most);
      totals[q] = totals[q] + weight;
      store(weights + first, weight);
    }
    factors[q] = 1.0f / reduce_add(totals[q]);
  }
  const char* weights = reinterpret_cast<const char*>(scratch);
  const auto sum_up = [&](auto num_vectors, int d) {
    weighted_values<Dot, kQueries, num_vectors()>(pages, next, queries, d, begin, num_keys, num_shared,
                                                  weights, stride * 4, factors);
  };
  constexpr int kVectors = vectors_at_once(kQueries);
  int d = 0;
  for (; d + (kVectors - 1) * kLanes < d_head; d += kVectors * kLanes)
    sum_up(std::integral_constant<int, kVectors>(), d);
  for (; d < d_head; d += kLanes) sum_up(std::integral_constant<int, 1>(), d);
}

// answer = softmax(scoring(query . keys) + bias) . values
// begin: the first block of keys that is read; in it, the bias may mask some.
// next: keys and values of the following call, which are prefetched.
template <class Dot>
inline void attend(const Pages<typename Dot::Number>& pages, const Query* queries, int num_queries,
                   int begin, int num_keys, const Scoring& scoring, float* scratch,
                   const Pages<typename Dot::Number>& next) {
  switch (num_queries) {
    case 4:
      return attend_together<Dot, 4>(pages, queries, begin, num_keys, scoring, scratch, next);
    case 3:
      return attend_together<Dot, 3>(pages, queries, begin, num_keys, scoring, scratch, next);
    case 2:
      return attend_together<Dot, 2>(pages, queries, begin, num_keys, scoring, scratch, next);
    case 1:
      return attend_together<Dot, 1>(pages, queries, begin, num_keys, scoring, scratch, next);
  }
}

}  // namespace dragoman
