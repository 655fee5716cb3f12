// The output projection: from hidden states to the best tokens, without all logits in memory unless they are
// requested.
//
// Threads take slices of the vocabulary; a slice's logits stay in the processor's cache while the best tokens
// and the normalizer are computed. Sums are stored by slice and added in the slices' order, so the result
// does not depend on which thread computed which slice.
#pragma once

#include "pass.h"

namespace dragoman {

constexpr int kSliceBlocks = 64;   // of the vocabulary: 1,024 tokens
constexpr int kRowsTogether = 32;  // rows whose logits of a slice stay in the second-level cache
constexpr int kProposed = 8;       // tokens that the rough product proposes

// The best tokens so far, best first; of equal values the lower id comes first.
struct Best {
  float* values;
  int32_t* token_ids;
  int count;

  void clear() const {
    for (int i = 0; i < count; ++i) values[i] = -INFINITY, token_ids[i] = INT32_MAX;
  }
  void offer(float value, int32_t token_id) const {
    const auto beats = [&](int at) {
      return value > values[at] || (value == values[at] && token_id < token_ids[at]);
    };
    if (!(value > -INFINITY) || !beats(count - 1)) return;
    int at = count - 1;
    for (; at > 0 && beats(at - 1); --at) values[at] = values[at - 1], token_ids[at] = token_ids[at - 1];
    values[at] = value;
    token_ids[at] = token_id;
  }
};

// log(sum(e^x)) of numbers that arrive slice by slice; the sum is in units of 2^exponent. The result is the
// same to the bit in other units, so a thread uses those of its previous slice.
struct LogSum {
  double sum = 0.0;
  int exponent = 0;

  void add(const LogSum& other) {
    if (other.sum == 0.0) return;
    if (sum == 0.0 || other.exponent > exponent) {
      sum = std::ldexp(sum, exponent - other.exponent);
      exponent = other.exponent;
    }
    sum += std::ldexp(other.sum, other.exponent - exponent);
  }
  float value() const { return static_cast<float>(exponent * 0.693147180559945309 + std::log(sum)); }
};

inline void scan(const float* logits, int count, int first_token, const Best& best) {
  for (int i = 0; i < count; i += kLanes) {
    uint32_t better = greater_bits(load(logits + i), broadcast(best.values[best.count - 1]));
    if (count - i < kLanes) better &= (1u << (count - i)) - 1u;
    for (; better; better &= better - 1) {
      const int lane = __builtin_ctz(better);
      best.offer(logits[i + lane], first_token + i + lane);
    }
  }
}

// Calls work(numbers) for every sixteen of `count` numbers, the last ones filled up with -inf.
template <class Work>
inline void for_logits(const float* logits, int count, const Work& work) {
  int i = 0;
  for (; i + kLanes <= count; i += kLanes) work(load(logits + i));
  if (i < count) {
    const Lanes lanes = first_lanes(count - i);
    work(select(lanes, load(logits + i, lanes), broadcast(-INFINITY)));
  }
}

inline float largest(const float* logits, int count) {
  Floats most = broadcast(-INFINITY);
  for_logits(logits, count, [&](Floats x) { most = max(most, x); });
  return reduce_max(most);
}

constexpr float kLog2e = 1.44269504f;

// Returns the unit, a power of 2, in which to sum the exponentials of numbers up to `most`.
inline float unit_of(float most) {
  const float unit = std::ceil(most * kLog2e);
  return std::isnan(unit) ? 0.0f : std::min(std::max(unit, -1e9f), 1e9f);
}

// Computes the sum of e^x = 2^n 2^r, with an integer n and 0 <= r < 1, and 2^r to 2e-7, and the largest x.
// Prefetches weights from `next` on.
inline LogSum log_sum(const float* logits, int count, const uint8_t* next, float unit, float& most) {
  Floats sums = zeros(), mosts = broadcast(-INFINITY);
  for_logits(logits, count, [&](Floats x) {
    mosts = max(mosts, x);
    prefetch_far(next);
    next += 64;
    const Floats y = max(broadcast(-1e10f), x * broadcast(kLog2e));  // in this order NaN stays NaN
    const Floats n = round_down(y), r = y - n;
    Floats p = fma(broadcast(1.8775766144e-3f), r, broadcast(8.9893402977e-3f));
    p = fma(p, r, broadcast(5.5826317815e-2f));
    p = fma(p, r, broadcast(2.4015361716e-1f));
    p = fma(p, r, broadcast(6.9315307318e-1f));
    p = fma(p, r, broadcast(9.9999992506e-1f));
    sums = sums + times_power(p, n - broadcast(unit));
  });
  most = reduce_max(mosts);
  return {reduce_add(sums), static_cast<int>(unit)};
}

// The same in the unit of the previous numbers, unless these are far larger. NaN: there were none.
inline LogSum log_sum_near(const float* logits, int count, const uint8_t* next, float& unit, float& most) {
  constexpr float kRoom = 100.0f;  // powers of 2 that the sum of a slice may exceed the unit by
  if (std::isnan(unit)) unit = unit_of(largest(logits, count));
  const LogSum sum = log_sum(logits, count, next, unit, most);
  if (!(most * kLog2e > unit + kRoom)) return sum;
  unit = unit_of(most);
  return log_sum(logits, count, next, unit, most);
}

template <class Each>
inline void for_suppressed(const Projection& projection, int first_token, int count, const Each& each) {
  for (int i = 0; i < projection.num_suppressed; ++i) {
    const int column = projection.suppressed[i] - first_token;
    if (column >= 0 && column < count) each(column);
  }
}

// Returns a token's logit by the exact weights, from activations rounded as for the whole product.
inline float table_logit(const Head& head, const float* hidden, int32_t token_id, float* row) {
  const int width = head.table.width;
  look_up(head.table, token_id, 1.0f, row);
  Floats sum = zeros();
  for_vectors(width, [&](int i, auto lanes) {
    const Floats x = load(hidden + i, lanes);
    sum = fma(load(row + i, lanes), kRoundsActivations ? rounded(x) : x, sum);
  });
  const float logit = reduce_add(sum) + (head.exact.bias ? head.exact.bias[token_id] : 0.0f);
  return head.softcap ? reduce_max(softcapped(broadcast(logit), head.softcap)) : logit;
}

inline void project(const Head& head, const Projection& projection, Workspace& work) {
  // For the best token alone, the rough product proposes a few and the exact weights decide among them.
  const bool proposes =
      head.rough.out > 0 && projection.num_best == 1 && !projection.logits && !projection.wants_normalizer;
  const Linear& linear = proposes ? head.rough : head.exact;
  const float softcap = proposes ? 0.0f : head.softcap;  // the order of rough logits is the same without
  const int num_rows = projection.num_rows, num_best = proposes ? kProposed : projection.num_best;
  const int num_threads = omp_get_max_threads(), vocabulary = linear.out, stride = padded(vocabulary),
            width = projection.d_model;
  const int num_slices = (linear.num_blocks() + kSliceBlocks - 1) / kSliceBlocks;
  const size_t slice_size = spread(kSliceBlocks * kLanes), partial = static_cast<size_t>(num_rows) * num_best;
  const Rows rows{work.narrow.reserve<uint8_t>(static_cast<size_t>(padded(num_rows)) * linear.row_stride()),
                  linear.row_stride(), work.narrow_scales.reserve<float>(padded(num_rows)), num_rows};
  const size_t own_size = std::max(slice_size * std::min(num_rows, kRowsTogether),
                                   static_cast<size_t>(padded(width)));  // of each thread
  float* slices = work.wide.reserve<float>(own_size * num_threads);
  float* all_values = work.best_values.reserve<float>(partial * num_threads);
  int32_t* all_tokens = work.best_tokens.reserve<int32_t>(partial * num_threads);
  float* units = work.units.reserve<float>(static_cast<size_t>(num_rows) * num_threads);
  std::fill(units, units + static_cast<size_t>(num_rows) * num_threads, NAN);
  LogSum* sums = work.sums.reserve<LogSum>(static_cast<size_t>(num_rows) * num_slices);
  const auto best_of = [=](int thread, int row) {
    const size_t at = partial * thread + static_cast<size_t>(row) * num_best;
    return Best{all_values + at, all_tokens + at, num_best};
  };
  for (int thread = 0; thread < num_threads; ++thread)
    for (int row = 0; row < num_rows; ++row) best_of(thread, row).clear();
  work.counters.clear();
#pragma omp parallel
  {
    const Tiles tiles;
    Team team(work.counters);
    float* own = slices + own_size * team.thread();
    team.share(num_rows, 1, [&](int begin, int end) {
      for (int row = begin; row < end; ++row)
        narrow_row(projection.hidden + static_cast<size_t>(row) * width, width, linear.kind, rows, row);
    });
    const auto take_slice = [&](int slice) {
      const int first = slice * kSliceBlocks, last = std::min(linear.num_blocks(), first + kSliceBlocks);
      const int first_token = first * kLanes, count = std::min(vocabulary, last * kLanes) - first_token;
      for (int row = 0; row < num_rows; ++row) {
        if (row % kRowsTogether == 0) {
          Rows part = rows;
          part.data += static_cast<size_t>(row) * rows.stride, part.scales += row;
          part.count = std::min(kRowsTogether, num_rows - row);
          multiply(linear, part, first, last, {own, slice_size, first, /*adds=*/false});
        }
        float* logits = own + slice_size * (row % kRowsTogether);
        if (softcap)
          for (int i = 0; i < count; i += kLanes) store(logits + i, softcapped(load(logits + i), softcap));
        float& unit = units[static_cast<size_t>(team.thread()) * num_rows + row];
        LogSum& sum = sums[static_cast<size_t>(row) * num_slices + slice];
        float most = INFINITY;
        if (projection.logits)
          std::memcpy(projection.logits + static_cast<size_t>(row) * stride + first_token, logits,
                      count * sizeof(float));
        const auto sum_up = [&] {
          const uint8_t* next = linear.block(last) + static_cast<size_t>(row) * kSliceBlocks * 64;
          sum = log_sum_near(logits, count, next, unit, most);
        };
        if (projection.wants_normalizer && !projection.is_normalized_without) sum_up();
        for_suppressed(projection, first_token, count, [=](int column) { logits[column] = -INFINITY; });
        if (projection.wants_normalizer && projection.is_normalized_without) sum_up();
        const Best best = best_of(team.thread(), row);
        if (!(most <= best.values[best.count - 1])) scan(logits, count, first_token, best);
      }
    };
    team.share(num_slices, 1, [&](int begin, int end) {
      for (int slice = begin; slice < end; ++slice) take_slice(slice);
    });
    const auto finish = [&](int row) {
      const Best best = best_of(0, row);
      for (int other = 1; other < num_threads; ++other) {
        const Best theirs = best_of(other, row);
        for (int i = 0; i < num_best; ++i) best.offer(theirs.values[i], theirs.token_ids[i]);
      }
      if (projection.wants_normalizer) {
        LogSum total;
        for (int slice = 0; slice < num_slices; ++slice)
          total.add(sums[static_cast<size_t>(row) * num_slices + slice]);
        projection.normalizers[row] = total.value();
      }
      const size_t at = static_cast<size_t>(row) * projection.num_best;
      const Best chosen{projection.values + at, projection.token_ids + at, projection.num_best};
      chosen.clear();
      const float* hidden = projection.hidden + static_cast<size_t>(row) * width;
      for (int i = 0; i < num_best && best.values[i] > -INFINITY; ++i) {
        const float value = proposes ? table_logit(head, hidden, best.token_ids[i], own) : best.values[i];
        chosen.offer(value, best.token_ids[i]);
      }
      for (int i = 0; i < projection.num_best; ++i)
        if (!(chosen.values[i] > -INFINITY))
          chosen.token_ids[i] = 0;  // a valid id, for rows without any number
    };
    team.share(num_rows, 1, [&](int begin, int end) {
      for (int row = begin; row < end; ++row) finish(row);
    });
  }
}

}  // namespace dragoman
