// The encoder, for sources of any lengths, concatenated without padding; stores keys and values for the
// decoder.
#pragma once

#include "pass.h"
#include "tiled_attention.h"

namespace dragoman {

constexpr int kTiledLength = 24;  // tokens of a source from which tiles are faster

// Self-attention within each source. Long sources are computed with tiles if the weights are bfloat16 or
// int8; this depends on the source's own length alone, so its result does not depend on the others.
template <class Dot>
inline void attend_within(const Stack& stack, const Layer& layer, const Sources& sources, const Pass& pass,
                          Team& team, float* scratch, float* memory_scratch, int longest) {
  using Number = typename Dot::Number;
  const int d = stack.d_head, stride = spread(stack.qkv_width());
  // All queries of a source with the keys and values of one head.
  const auto attend_one = [&](int source, int kv_head) {
    const int first = sources.starts[source], length = sources.starts[source + 1] - first;
    float* qkv = pass.wide() + static_cast<size_t>(first) * stride;
    float *keys = qkv + stack.query_width() + kv_head * d, *values = keys + stack.kv_width();
    float* answers = pass.attended() + static_cast<size_t>(first) * pass.inner();
    const auto each_head = [&](const auto& work) {
      const int first_head = kv_head * stack.sharing();
      for (int head = first_head; head < first_head + stack.sharing(); ++head) {
        work(qkv + head * d, stack.bias(layer, head, 0), answers + head * d);
      }
    };
    const auto rotate_all = [&](float* from) {
      for (int i = 0; i < length; ++i) stack.rotate(i, from + static_cast<size_t>(i) * stride);
    };
    rotate_all(keys);
    each_head([&](float* queries, const float*, float*) { rotate_all(queries); });
    if (kHasTiles && sizeof(Number) < sizeof(float) && length >= kTiledLength) {
      TiledHead tiled(memory_scratch, longest, d);
      tiled.set_source(keys, values, stride, length);
      each_head([&](const float* queries, const float* bias, float* to) {
        for (int i = 0; i < length; i += kQueryRows)
          tiled.attend(queries, stride, i, bias ? bias - i : nullptr, stack.scoring, to,
                       pass.inner());
      });
      return;
    }
    const HeadMemory<Number> memory{reinterpret_cast<Number*>(memory_scratch),
                                    HeadMemory<Number>::cell_size(d), d};
    for (int i = 0; i < length; ++i)
      memory.write(i / kLanes, i, keys + static_cast<size_t>(i) * stride,
                   values + static_cast<size_t>(i) * stride);
    each_head([&](const float* from, const float* bias, float* to) {
      for (int i = 0; i < length; i += kMostQueries) {
        const int count = std::min(kMostQueries, length - i);
        Query queries[kMostQueries];
        for (int q = 0; q < count; ++q) {
          queries[q] = {from + static_cast<size_t>(i + q) * stride, bias ? bias - (i + q) : nullptr,
                        to + static_cast<size_t>(i + q) * pass.inner()};
        }
        const int begin_block = std::max(0, i - layer.window) / kLanes;
        const int num_keys = std::min(length, i + count + layer.window);
        const auto pages = Pages<Number>::of(memory, nullptr);
        attend<Dot>(pages, queries, count, begin_block, num_keys, stack.scoring, scratch, pages);
      }
    });
  };
  team.share(sources.count * stack.num_kv_heads, 1, [&](int begin, int end) {
    for (int task = begin; task < end; ++task)
      attend_one(task / stack.num_kv_heads, task % stack.num_kv_heads);
  });
}

// Stores keys and values of the sources for a decoder layer's cross-attention; kv: keys, then values, of each
// token.
template <class Number>
inline void store_sources(const Stack& decoder, int layer, const Cache& cache, const Sources& sources,
                          const float* kv, Team& team) {
  const int d = decoder.d_head, stride = spread(2 * decoder.kv_width());
  team.share(sources.count * decoder.num_kv_heads, 1, [&](int begin, int end) {
    for (int task = begin; task < end; ++task) {
      const int source = task / decoder.num_kv_heads, head = task % decoder.num_kv_heads,
                slot = sources.slots[source];
      const auto memory = cache.memory<Number>(layer, head);
      const int first = sources.starts[source], length = sources.starts[source + 1] - first;
      for (int i = 0; i < length; ++i) {
        const float* token = kv + static_cast<size_t>(first + i) * stride + head * d;
        memory.write(cache.blocks_of(slot)[i / kLanes], i, token, token + decoder.kv_width());
      }
    }
  });
}

template <class Dot>
inline void encode(const Stack& stack, const Stack& decoder, const Cache& cache, const Sources& sources,
                   Workspace& work) {
  const int num_rows = sources.num_tokens;
  int longest = 0;
  for (int i = 0; i < sources.count; ++i)
    longest = std::max(longest, sources.starts[i + 1] - sources.starts[i]);
  longest = padded(longest);
  Pass::reserve(stack, work, num_rows);
  const int kv_width = spread(2 * decoder.kv_width());
  work.wide.reserve<float>(static_cast<size_t>(padded(num_rows)) * kv_width);
  const int num_threads = omp_get_max_threads();
  const size_t scratch_size = attention_scratch(longest, stack.d_head);
  const size_t untiled_size = static_cast<size_t>(longest) * 2 * padded(stack.d_head);
  const size_t memory_size =
      std::max(untiled_size, TiledHead::num_floats(longest, stack.d_head)) / kLanes * kLanes + 2 * kLanes;
  float* scratches = work.scratch.reserve<float>(scratch_size * num_threads);
  float* memories = work.memory_scratch.reserve<float>(memory_size * num_threads);
  work.order.resize(num_rows);  // the position of each token
  for (int i = 0; i < sources.count; ++i)
    for (int at = sources.starts[i]; at < sources.starts[i + 1]; ++at)
      work.order[at] = at - sources.starts[i];
  work.counters.clear();
#pragma omp parallel
  {
    const Tiles tiles;
    Team team(work.counters);
    Pass pass(stack, work, num_rows, team);
    pass.embed(sources.token_ids, work.order.data());
    const Norm* due = nullptr;
    for (int i = 0; i < stack.num_layers; ++i) {
      const Layer& layer = stack.layers[i];
      Rows rows = pass.enter(layer.self_norms.before, due, layer.qkv);
      pass.project(layer.qkv, rows);
      attend_within<Dot>(stack, layer, sources, pass, team, scratches + scratch_size * team.thread(),
                         memories + memory_size * team.thread(), longest);
      pass.add_projected(layer.self_out, pass.narrow_answers(layer.self_out));
      rows = pass.enter(layer.ffn_norms.before, &layer.self_norms.after, layer.up);
      pass.feed_forward(layer, rows);
      due = &layer.ffn_norms.after;
    }
    const Linear& first = decoder.layers[0].cross_kv;
    const Rows rows{work.narrow.reserve<uint8_t>(1), first.row_stride(), work.narrow_scales.reserve<float>(1),
                    num_rows};
    pass.leave(due, [&](int row, const float* x) { narrow_row(x, stack.d_model, first.kind, rows, row); });
    for (int i = 0; i < decoder.num_layers; ++i) {
      pass.project(decoder.layers[i].cross_kv, rows);
      store_sources<typename Dot::Number>(decoder, i, cache, sources, pass.wide(), team);
    }
  }
}

}  // namespace dragoman
