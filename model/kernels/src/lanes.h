// The layout that all levels share: sixteen lanes of four bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace dragoman {

using bfloat = uint16_t;  // the upper half of a float

constexpr int kLanes = 16;

inline int padded(int count) { return (count + kLanes - 1) / kLanes * kLanes; }

// Returns the distance of rows of `count` floats: an odd number of cache lines, as with a power of two all
// rows would map to the same few sets of a cache.
inline int spread(int count) { return (padded(count) / kLanes | 1) * kLanes; }

struct Lanes {  // the first of sixteen
  int count;
};

struct AllLanes {};

inline Lanes first_lanes(int count) { return {std::min(count, kLanes)}; }

// Calls work(i, lanes) for every sixteen of `count` numbers; the last call may have fewer.
template <class Work>
inline void for_vectors(int count, const Work& work) {
  int i = 0;
  for (; i + kLanes <= count; i += kLanes) work(i, AllLanes{});
  if (i < count) work(i, Lanes{count - i});
}

}  // namespace dragoman
