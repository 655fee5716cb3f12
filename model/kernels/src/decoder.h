// One token further, for every row of the batch.
#pragma once

#include "attention.h"
#include "pass.h"

namespace dragoman {

// Each row's new token looks at those of its own row before it.
template <class Dot>
inline void attend_own(const Stack& stack, int layer, const Cache& own, const Step& step, const Pass& pass,
                       Team& team, float* scratch) {
  const int d = stack.d_head, inner = stack.num_heads * d, stride = spread(3 * inner);
  const float* bias = stack.layers[layer].bias;
  const auto memory_of = [&](int task) {
    return own.memory<typename Dot::Number>(layer, step.places[task / stack.num_heads],
                                            task % stack.num_heads);
  };
  team.share(step.num_rows * stack.num_heads, 1, [&](int begin, int end) {
    for (int task = begin; task < end; ++task) {
      const int row = task / stack.num_heads, head = task % stack.num_heads;
      const int position = step.positions[row];
      const auto memory = memory_of(task);
      const float* qkv = pass.wide() + static_cast<size_t>(row) * stride + head * d;
      memory.write(position, qkv + inner, qkv + 2 * inner);
      const float* row_bias =
          bias ? bias + static_cast<size_t>(head) * (2 * stack.reach - 1) + stack.reach - 1 - position
               : nullptr;
      const Query query{qkv, row_bias, pass.attended() + static_cast<size_t>(row) * pass.inner() + head * d};
      attend<Dot>(memory, &query, 1, position + 1, stack.attention_scale, scratch,
                  memory_of(std::min(task + 1, end - 1)));
    }
  });
}

// Rows of one source (beams) ask side by side, so its keys and values are read once for all of
// them.
template <class Dot>
inline void attend_sources(const Stack& stack, int layer, const Cache& source, const Step& step,
                           const Workspace& work, const Pass& pass, Team& team, float* scratch) {
  const int d = stack.d_head, stride = spread(stack.num_heads * d);
  const auto memory_of = [&](int task) {
    const int slot = step.slots[work.order[work.groups[task / stack.num_heads].first]];
    return source.memory<typename Dot::Number>(layer, slot, task % stack.num_heads);
  };
  team.share(static_cast<int>(work.groups.size()) * stack.num_heads, 1, [&](int begin, int end) {
    for (int task = begin; task < end; ++task) {
      const Group group = work.groups[task / stack.num_heads];
      const int head = task % stack.num_heads;
      Query queries[kMostQueries];
      for (int i = 0; i < group.count; ++i) {
        const size_t row = work.order[group.first + i];
        queries[i] = {pass.wide() + row * stride + head * d, nullptr,
                      pass.attended() + row * pass.inner() + head * d};
      }
      attend<Dot>(memory_of(task), queries, group.count, step.source_lengths[work.order[group.first]],
                  stack.attention_scale, scratch, memory_of(std::min(task + 1, end - 1)));
    }
  });
}

// Puts rows of one source side by side, `kMostQueries` at most in a group.
inline void group_rows(const Step& step, Workspace& work) {
  work.order.resize(step.num_rows);
  for (int row = 0; row < step.num_rows; ++row) work.order[row] = row;
  std::stable_sort(work.order.begin(), work.order.end(),
                   [&](int a, int b) { return step.slots[a] < step.slots[b]; });
  work.groups.clear();
  for (int i = 0; i < step.num_rows; ++i) {
    const bool joins = i > 0 && step.slots[work.order[i]] == step.slots[work.order[i - 1]] &&
                       work.groups.back().count < kMostQueries;
    if (joins)
      ++work.groups.back().count;
    else
      work.groups.push_back({i, 1});
  }
}

template <class Dot>
inline void decode(const Stack& stack, const Cache& own, const Cache& source, const Step& step,
                   Workspace& work, float* hidden) {
  Pass::reserve(stack, work, step.num_rows);
  group_rows(step, work);
  for (int row = 0; row < step.num_rows; ++row)
    own.tokens(step.places[row])[step.positions[row]] = step.token_ids[row];
  const size_t scratch_size = attention_scratch(std::max(own.capacity, source.capacity), stack.d_head);
  float* scratches = work.scratch.reserve<float>(scratch_size * omp_get_max_threads());
  work.counters.clear();
#pragma omp parallel
  {
    if (features().amx) configure_tiles();
    Team team(work.counters);
    float* scratch = scratches + scratch_size * team.thread();
    Pass pass(stack, work, step.num_rows, team);
    pass.embed(step.token_ids, step.positions);
    const Norm* due = nullptr;
    const auto after = [&](const Norm& norm) { return stack.is_pre_norm ? nullptr : &norm; };
    for (int i = 0; i < stack.num_layers; ++i) {
      const Layer& layer = stack.layers[i];
      Rows rows = pass.enter(layer.self_norm, due, layer.qkv);
      pass.project(layer.qkv, rows);
      attend_own<Dot>(stack, i, own, step, pass, team, scratch);
      pass.add_projected(layer.self_out, pass.narrow_answers(layer.self_out));
      rows = pass.enter(layer.cross_norm, after(layer.self_norm), layer.cross_q);
      pass.project(layer.cross_q, rows);
      attend_sources<Dot>(stack, i, source, step, work, pass, team, scratch);
      pass.add_projected(layer.cross_out, pass.narrow_answers(layer.cross_out));
      rows = pass.enter(layer.ffn_norm, after(layer.cross_norm), layer.up);
      pass.feed_forward(layer, rows);
      due = after(layer.ffn_norm);
    }
    pass.leave(due, [&](int row, const float* x) {
      float* y = hidden + static_cast<size_t>(row) * stack.d_model;
      for (int d = 0; d < stack.d_model; ++d) y[d] = x[d] * stack.output_scale;
    });
    if (features().amx) _tile_release();
  }
}

// Makes the first tokens of rows those of others; no row is both. Where two rows have the same tokens,
// as hypotheses of one request have up to where they parted, they have the same keys and values, too.
template <class Number>
inline void copy_rows(const Cache& cache, int num_copies, const int32_t* from, const int32_t* to,
                      const int32_t* num_tokens) {
  std::vector<int> firsts(num_copies);  // the first token of each that differs
  for (int copy = 0; copy < num_copies; ++copy) {
    const int32_t* theirs = cache.tokens(from[copy]);
    int32_t* own = cache.tokens(to[copy]);
    const int32_t* end = theirs + num_tokens[copy];
    firsts[copy] = static_cast<int>(std::mismatch(theirs, end, own).first - theirs);
    std::copy(theirs, end, own);
  }
#pragma omp parallel for collapse(2) schedule(static)
  for (int layer = 0; layer < cache.num_layers; ++layer) {
    for (int copy = 0; copy < num_copies; ++copy) {
      const int first = firsts[copy], count = num_tokens[copy];
      for (int head = 0; head < cache.num_heads && first < count; ++head) {
        const auto source = cache.memory<Number>(layer, from[copy], head);
        const auto target = cache.memory<Number>(layer, to[copy], head);
        const Number* keys = source.key_block(first / kLanes);
        const Number* values = source.value_line(first / source.kPerWord);
        std::copy(keys, static_cast<const Number*>(source.key_block(padded(count) / kLanes)),
                  target.key_block(first / kLanes));
        std::copy(
            values,
            static_cast<const Number*>(source.value_line((count + source.kPerWord - 1) / source.kPerWord)),
            target.value_line(first / source.kPerWord));
      }
    }
  }
}

}  // namespace dragoman
