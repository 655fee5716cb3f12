// State that is reused between calls: intermediate results and the distribution of work.
#pragma once

#include <cstdlib>
#include <cstring>
#include <vector>

#include "team.h"

namespace dragoman {

// Memory that grows and is never freed, so that in the steady state a step allocates nothing.
class Buffer {
 public:
  ~Buffer() { std::free(data_); }
  template <class T>
  T* reserve(size_t count) {
    const size_t bytes = (count * sizeof(T) + 63) / 64 * 64 + 64;
    if (bytes > size_) {
      std::free(data_);
      size_ = bytes + bytes / 4 / 64 * 64;
      data_ = std::aligned_alloc(64, size_ / 64 * 64);
      if (!data_) std::abort();
      std::memset(data_, 0, size_);
    }
    return static_cast<T*>(data_);
  }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

// Rows of one source, whose queries form a group.
struct Group {
  int first, count;  // in `Workspace::order`
  int num_shared;    // leading blocks of the self-attention cache that all of them share
};

// A continuation of a beam by one token.
struct Continuation {
  double log_prob;
  int parent;
  int32_t token_id;
};

struct Workspace {
  Buffer states, normed, wide, attended, narrow, narrow_scales, inner, inner_scales, scratch, memory_scratch;
  Buffer best_values, best_tokens, sums, units, step;
  std::vector<int> order;
  std::vector<Group> groups;
  std::vector<Continuation> continuations;
  std::vector<int32_t> copied_from, copied_to, copied_tokens;  // places, and tokens of each
  Counters counters;
};

}  // namespace dragoman
