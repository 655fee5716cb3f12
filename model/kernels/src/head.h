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
    const Float16 values = load(logits + i);
    __mmask16 better = _mm512_cmp_ps_mask(values, _mm512_set1_ps(best.values[best.count - 1]), _CMP_GT_OQ);
    better &= first_lanes(count - i);
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
  if (i < count) work(_mm512_mask_loadu_ps(_mm512_set1_ps(-INFINITY), first_lanes(count - i), logits + i));
}

inline float largest(const float* logits, int count) {
  Float16 most = _mm512_set1_ps(-INFINITY);
  for_logits(logits, count, [&](Float16 x) { most = _mm512_max_ps(most, x); });
  return _mm512_reduce_max_ps(most);
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
  const auto constant = [](float x) { return _mm512_set1_ps(x); };
  Float16 sums = _mm512_setzero_ps(), mosts = constant(-INFINITY);
  for_logits(logits, count, [&](Float16 x) {
    mosts = _mm512_max_ps(mosts, x);
    _mm_prefetch(reinterpret_cast<const char*>(next), _MM_HINT_T1);
    next += 64;
    // In this order NaN stays NaN.
    const Float16 y = _mm512_max_ps(constant(-1e10f), _mm512_mul_ps(x, constant(kLog2e)));
    const Float16 n = _mm512_roundscale_ps(y, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    const Float16 r = _mm512_sub_ps(y, n);
    Float16 p = _mm512_fmadd_ps(constant(1.8775766144e-3f), r, constant(8.9893402977e-3f));
    p = _mm512_fmadd_ps(p, r, constant(5.5826317815e-2f));
    p = _mm512_fmadd_ps(p, r, constant(2.4015361716e-1f));
    p = _mm512_fmadd_ps(p, r, constant(6.9315307318e-1f));
    p = _mm512_fmadd_ps(p, r, constant(9.9999992506e-1f));
    sums = _mm512_add_ps(sums, _mm512_scalef_ps(p, _mm512_sub_ps(n, constant(unit))));
  });
  most = _mm512_reduce_max_ps(mosts);
  return {_mm512_reduce_add_ps(sums), static_cast<int>(unit)};
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
  Float16 sum = _mm512_setzero_ps();
  for (int i = 0; i < width; i += kLanes) {
    const __mmask16 lanes = first_lanes(width - i);
    sum = _mm512_fmadd_ps(load(row + i, lanes), rounded(load(hidden + i, lanes)), sum);
  }
  return _mm512_reduce_add_ps(sum) + (head.exact.bias ? head.exact.bias[token_id] : 0.0f);
}

inline void project(const Head& head, const Projection& projection, Workspace& work) {
  // For the best token alone, the rough product proposes a few and the exact weights decide among them.
  const bool proposes =
      head.rough.out > 0 && projection.num_best == 1 && !projection.logits && !projection.wants_normalizer;
  const Linear& linear = proposes ? head.rough : head.exact;
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
    if (features().amx) configure_tiles();
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
          multiply(linear, part, first, last, [=](int at, int block, Float16 result) {
            store(own + slice_size * at + static_cast<size_t>(block - first) * kLanes, result);
          });
        }
        float* logits = own + slice_size * (row % kRowsTogether);
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
    if (features().amx) _tile_release();
  }
}

}  // namespace dragoman
