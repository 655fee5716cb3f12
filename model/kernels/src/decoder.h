// A decode step: one token for every row of the batch.
#pragma once

#include "attention.h"
#include "pass.h"

namespace dragoman {

// The tasks of a step's attention: one for each group of rows and head of keys and values. Its queries are
// those of the group's rows, of each row one for every head that shares the keys.
struct HeadQueries {
  const Stack& stack;
  const Workspace& work;

  int count() const { return static_cast<int>(work.groups.size()) * stack.num_kv_heads; }
  const Group& group(int task) const { return work.groups[task / stack.num_kv_heads]; }
  int kv_head(int task) const { return task % stack.num_kv_heads; }
  int num_queries(int task) const { return group(task).count * stack.sharing(); }
  int head(int task, int query) const { return kv_head(task) * stack.sharing() + query % stack.sharing(); }
  // Past the last query: the last row.
  int row(int task, int query) const {
    return work.order[group(task).first + std::min(query / stack.sharing(), group(task).count - 1)];
  }
};

// Self-attention of each row's new token. Hypotheses of one request are queries of one group, which reads
// common blocks once.
template <class Dot>
inline void attend_own(const Stack& stack, int layer, const Cache& own, const Step& step,
                       const Workspace& work, const Pass& pass, Team& team, float* scratch) {
  using Number = typename Dot::Number;
  const int d = stack.d_head, stride = spread(stack.qkv_width());
  const HeadQueries tasks{stack, work};
  // Of the queries of a task from `first` on.
  const auto pages_of = [&](int task, int first) {
    const Group& group = tasks.group(task);
    Pages<Number> pages{own.memory<Number>(layer, tasks.kv_head(task)), {}, group.num_shared};
    for (int i = 0; i < kMostQueries; ++i)
      pages.blocks[i] = own.blocks_of(step.places[tasks.row(task, first + i)]);
    return pages;
  };
  team.share(tasks.count(), 1, [&](int begin, int end) {
    Pages<Number> pages = pages_of(begin, 0);
    for (int task = begin; task < end; ++task) {
      const Group& group = tasks.group(task);
      const int position = step.positions[work.order[group.first]];
      const int begin_block = std::max(0, position - stack.layers[layer].window) / kLanes;
      for (int i = 0; i < group.count; ++i) {
        const size_t row = work.order[group.first + i];
        float* key = pass.wide() + row * stride + stack.query_width() + tasks.kv_head(task) * d;
        stack.rotate(position, key);
        const int block = own.blocks_of(step.places[row])[position / kLanes];
        pages.memory.write(block, position, key, key + stack.kv_width());
      }
      for (int first = 0, last = tasks.num_queries(task); first < last; first += kMostQueries) {
        const int count = std::min(kMostQueries, last - first);
        Query queries[kMostQueries];
        for (int i = 0; i < count; ++i) {
          const size_t row = tasks.row(task, first + i);
          const int head = tasks.head(task, first + i);
          float* query = pass.wide() + row * stride + head * d;
          stack.rotate(position, query);
          queries[i] = {query, stack.bias(stack.layers[layer], head, position),
                        pass.attended() + row * pass.inner() + head * d};
        }
        const Pages<Number> next = first + count < last ? pages_of(task, first + count)
                                                        : pages_of(std::min(task + 1, end - 1), 0);
        attend<Dot>(pages, queries, count, begin_block, position + 1, stack.scoring, scratch, next);
        pages = next;
      }
    }
  });
}

// Cross-attention. Rows of one source (beams) are queries of one group, which reads keys and values once.
template <class Dot>
inline void attend_sources(const Stack& stack, int layer, const Cache& source, const Step& step,
                           const Workspace& work, const Pass& pass, Team& team, float* scratch) {
  const int d = stack.d_head, stride = spread(stack.query_width());
  const HeadQueries tasks{stack, work};
  const auto pages_of = [&](int task) {
    const int slot = step.slots[work.order[tasks.group(task).first]];
    return Pages<typename Dot::Number>::of(source.memory<typename Dot::Number>(layer, tasks.kv_head(task)),
                                           source.blocks_of(slot));
  };
  team.share(tasks.count(), 1, [&](int begin, int end) {
    for (int task = begin; task < end; ++task) {
      const int length = step.source_lengths[work.order[tasks.group(task).first]];
      for (int first = 0, last = tasks.num_queries(task); first < last; first += kMostQueries) {
        const int count = std::min(kMostQueries, last - first);
        Query queries[kMostQueries];
        for (int i = 0; i < count; ++i) {
          const size_t row = tasks.row(task, first + i);
          const int head = tasks.head(task, first + i);
          queries[i] = {pass.wide() + row * stride + head * d, nullptr,
                        pass.attended() + row * pass.inner() + head * d};
        }
        const int next = first + count < last ? task : std::min(task + 1, end - 1);
        attend<Dot>(pages_of(task), queries, count, 0, length, stack.scoring, scratch,
                    pages_of(next));
      }
    }
  });
}

// Groups the rows of each source, `kMostQueries` at most in a group. They belong to one request and have the
// same number of tokens.
inline void group_rows(const Step& step, const Cache& own, Workspace& work) {
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
      work.groups.push_back({i, 1, 0});
  }
  for (Group& group : work.groups) {
    const int32_t* first = own.blocks_of(step.places[work.order[group.first]]);
    const auto is_shared = [&](int block) {
      for (int i = 1; i < group.count; ++i)
        if (own.blocks_of(step.places[work.order[group.first + i]])[block] != first[block]) return false;
      return true;
    };
    const int num_blocks = step.positions[work.order[group.first]] / kLanes + 1;
    while (group.num_shared < num_blocks && is_shared(group.num_shared)) ++group.num_shared;
  }
}

template <class Dot>
inline void decode(const Stack& stack, const Cache& own, const Cache& source, const Step& step,
                   Workspace& work, float* hidden) {
  Pass::reserve(stack, work, step.num_rows);
  for (int row = 0; row < step.num_rows; ++row) {
    own.tokens(step.places[row])[step.positions[row]] = step.token_ids[row];
  }
  group_rows(step, own, work);
  const size_t scratch_size = attention_scratch(std::max(own.capacity, source.capacity), stack.d_head);
  float* scratches = work.scratch.reserve<float>(scratch_size * omp_get_max_threads());
  work.counters.clear();
#pragma omp parallel
  {
    const Tiles tiles;
    Team team(work.counters);
    float* scratch = scratches + scratch_size * team.thread();
    Pass pass(stack, work, step.num_rows, team);
    pass.embed(step.token_ids, step.positions);
    const Norm* due = nullptr;
    for (int i = 0; i < stack.num_layers; ++i) {
      const Layer& layer = stack.layers[i];
      Rows rows = pass.enter(layer.self_norms.before, due, layer.qkv);
      pass.project(layer.qkv, rows);
      attend_own<Dot>(stack, i, own, step, work, pass, team, scratch);
      pass.add_projected(layer.self_out, pass.narrow_answers(layer.self_out));
      rows = pass.enter(layer.cross_norms.before, &layer.self_norms.after, layer.cross_q);
      pass.project(layer.cross_q, rows);
      attend_sources<Dot>(stack, i, source, step, work, pass, team, scratch);
      pass.add_projected(layer.cross_out, pass.narrow_answers(layer.cross_out));
      rows = pass.enter(layer.ffn_norms.before, &layer.cross_norms.after, layer.up);
      pass.feed_forward(layer, rows);
      due = &layer.ffn_norms.after;
    }
    pass.leave(due, [&](int row, const float* x) {
      float* y = hidden + static_cast<size_t>(row) * stack.d_model;
      for (int d = 0; d < stack.d_model; ++d) y[d] = x[d] * stack.output_scale;
    });
  }
}

// Copies the first tokens of rows to others of the same request; no row is both source and target. Full
// blocks are shared, as they are never written again: all rows of a request have the same number of tokens.
// Of the last block only tokens that differ are copied: equal prefixes have equal keys and values.
template <class Number>
inline void copy_rows(const Cache& cache, int num_copies, const int32_t* from, const int32_t* to,
                      const int32_t* num_tokens) {
  std::vector<int> firsts(num_copies);  // the first token of each to copy
  for (int copy = 0; copy < num_copies; ++copy) {
    const int32_t* theirs = cache.tokens(from[copy]);
    int32_t* own = cache.tokens(to[copy]);
    const int32_t* end = theirs + num_tokens[copy];
    const int num_blocks = num_tokens[copy] / kLanes;
    firsts[copy] =
        std::max(static_cast<int>(std::mismatch(theirs, end, own).first - theirs), num_blocks * kLanes);
    std::copy(theirs, end, own);
    const int32_t* blocks = cache.blocks_of(from[copy]);
    std::copy(blocks, blocks + num_blocks, cache.blocks_of(to[copy]));
  }
#pragma omp parallel for collapse(2) schedule(static)
  for (int layer = 0; layer < cache.num_layers; ++layer) {
    for (int copy = 0; copy < num_copies; ++copy) {
      const int first = firsts[copy], count = num_tokens[copy];
      for (int head = 0; head < cache.num_heads && first < count; ++head) {
        const auto memory = cache.memory<Number>(layer, head);
        const int block = first / kLanes;
        const int source = cache.blocks_of(from[copy])[block], target = cache.blocks_of(to[copy])[block];
        const Number *keys = memory.keys(source), *values = memory.values(source);
        std::copy(keys, values, memory.keys(target));
        const int line_size = memory.line_size(), first_line = first % kLanes / memory.kPerWord,
                  end_line = (count - block * kLanes + memory.kPerWord - 1) / memory.kPerWord;
        std::copy(values + first_line * line_size, values + end_line * line_size,
                  memory.values(target) + first_line * line_size);
      }
    }
  }
}

}  // namespace dragoman
