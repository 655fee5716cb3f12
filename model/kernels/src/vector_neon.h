// Sixteen floats in four registers of NEON (AArch64).
#pragma once

#include <arm_neon.h>

#include <cstring>

#include "lanes.h"

namespace dragoman {

template <class Register>
struct Make;

inline int32x4_t first_four(int count) {
  static const int32_t kNumbers[] = {0, 1, 2, 3};
  return vreinterpretq_s32_u32(vcgtq_s32(vdupq_n_s32(count), vld1q_s32(kNumbers)));
}

template <>
struct Make<float32x4_t> {
  static constexpr int kCount = 4;
  static float32x4_t broadcast(float x) { return vdupq_n_f32(x); }
  static float32x4_t load(const float* from) { return vld1q_f32(from); }
  static float32x4_t load_first(const float* from, int count) {
    if (count >= kCount) return load(from);
    float32x4_t x = broadcast(0.0f);
    if (count > 0) x = vld1q_lane_f32(from, x, 0);
    if (count > 1) x = vld1q_lane_f32(from + 1, x, 1);
    if (count > 2) x = vld1q_lane_f32(from + 2, x, 2);
    return x;
  }
};

template <>
struct Make<int32x4_t> {
  static constexpr int kCount = 4;
  static int32x4_t broadcast(int32_t x) { return vdupq_n_s32(x); }
  static int32x4_t load(const int32_t* from) { return vld1q_s32(from); }
  static int32x4_t load_halves(const uint16_t* from) {
    return vreinterpretq_s32_u32(vmovl_u16(vld1_u16(from)));
  }
  static int32x4_t first(int count) { return first_four(count); }
};

inline void store(float* to, float32x4_t x) { vst1q_f32(to, x); }
inline void store(int32_t* to, int32x4_t x) { vst1q_s32(to, x); }
inline void store_first(float* to, float32x4_t x, int count) {
  if (count >= 4) return store(to, x);
  if (count > 0) vst1q_lane_f32(to, x, 0);
  if (count > 1) vst1q_lane_f32(to + 1, x, 1);
  if (count > 2) vst1q_lane_f32(to + 2, x, 2);
}

// The lower halves of four words.
inline uint16x4_t lower_halves(int32x4_t x) { return vmovn_u32(vreinterpretq_u32_s32(x)); }
inline void store_halves(uint16_t* to, int32x4_t x) { vst1_u16(to, lower_halves(x)); }
inline void store_bytes(uint8_t* to, int32x4_t x) {
  const uint16x4_t halves = lower_halves(x);
  const uint32_t bytes = vget_lane_u32(vreinterpret_u32_u8(vmovn_u16(vcombine_u16(halves, halves))), 0);
  std::memcpy(to, &bytes, sizeof bytes);
}

inline float32x4_t fma(float32x4_t x, float32x4_t y, float32x4_t z) { return vfmaq_f32(z, x, y); }
inline float32x4_t fnma(float32x4_t x, float32x4_t y, float32x4_t z) { return vfmsq_f32(z, x, y); }
inline float32x4_t max(float32x4_t x, float32x4_t y) { return vmaxq_f32(x, y); }  // of NaN is NaN
inline float32x4_t abs(float32x4_t x) { return vabsq_f32(x); }
inline float32x4_t round_nearest(float32x4_t x) { return vrndnq_f32(x); }
inline float32x4_t round_down(float32x4_t x) { return vrndmq_f32(x); }

inline int32x4_t as_words(float32x4_t x) { return vreinterpretq_s32_f32(x); }
inline float32x4_t as_floats(int32x4_t x) { return vreinterpretq_f32_s32(x); }
inline int32x4_t to_words(float32x4_t x) { return vcvtnq_s32_f32(x); }
inline float32x4_t to_floats(int32x4_t x) { return vcvtq_f32_s32(x); }
inline int32x4_t add(int32x4_t x, int32x4_t y) { return vaddq_s32(x, y); }
inline int32x4_t subtract(int32x4_t x, int32x4_t y) { return vsubq_s32(x, y); }
inline int32x4_t bit_and(int32x4_t x, int32x4_t y) { return vandq_s32(x, y); }
inline int32x4_t bit_or(int32x4_t x, int32x4_t y) { return vorrq_s32(x, y); }
inline int32x4_t max_words(int32x4_t x, int32x4_t y) { return vmaxq_s32(x, y); }
template <int kBits>
inline int32x4_t shift_left(int32x4_t x) {
  return vshlq_n_s32(x, kBits);
}
template <int kBits>
inline int32x4_t shift_right(int32x4_t x) {
  return vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_s32(x), kBits));
}
inline int32x4_t halved(int32x4_t x) { return vshrq_n_s32(x, 1); }

inline int32x4_t not_less(float32x4_t x, float32x4_t y) {
  return vreinterpretq_s32_u32(vmvnq_u32(vcltq_f32(x, y)));
}
inline int32x4_t is_nan(float32x4_t x) { return vreinterpretq_s32_u32(vmvnq_u32(vceqq_f32(x, x))); }
inline uint32_t greater_bits(float32x4_t x, float32x4_t y) {
  static const uint32_t kBits[] = {1, 2, 4, 8};
  return vaddvq_u32(vandq_u32(vcgtq_f32(x, y), vld1q_u32(kBits)));
}
inline float32x4_t select(int32x4_t mask, float32x4_t x, float32x4_t y) {
  return vbslq_f32(vreinterpretq_u32_s32(mask), x, y);
}
inline int32x4_t select(int32x4_t mask, int32x4_t x, int32x4_t y) {
  return vbslq_s32(vreinterpretq_u32_s32(mask), x, y);
}

inline float reduce_add(float32x4_t x) { return vaddvq_f32(x); }
inline float reduce_max(float32x4_t x) { return vmaxvq_f32(x); }
inline int32_t reduce_max_words(int32x4_t x) { return vmaxvq_s32(x); }

// Adds four products of signed bytes to each word. Without sdot, sums of two products fit sixteen bits: they
// are at most 2 * 128 * 127.
inline int32x4_t add_bytes(int32x4_t sums, int32x4_t x, int32x4_t y) {
  const int8x16_t a = vreinterpretq_s8_s32(x), b = vreinterpretq_s8_s32(y);
#ifdef __ARM_FEATURE_DOTPROD
  return vdotq_s32(sums, a, b);
#else
  const int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(b)), high = vmull_high_s8(a, b);
  return vpadalq_s16(sums, vpaddq_s16(low, high));
#endif
}

inline void prefetch_near(const void* at) { __builtin_prefetch(at, 0, 3); }
inline void prefetch_far(const void* at) { __builtin_prefetch(at, 0, 2); }

}  // namespace dragoman

#include "vector_pair.h"

namespace dragoman {

using Floats = Pair<Pair<float32x4_t>>;
using Words = Pair<Pair<int32x4_t>>;
using Mask = Words;

}  // namespace dragoman
