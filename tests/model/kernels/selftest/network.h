// A tiny random network: as structs for the kernels, and computed in double without a cache.
#pragma once

#include "products.h"

namespace selftest {

// The shape of a network; the two that tests use differ in every choice.
struct Shape {
  const char* name;
  int d_model, num_heads, d_head, d_ff, vocabulary;
  Activation activation;
  bool is_gated, is_pre_norm, is_rms, is_relative;  // relative: biases instead of positions
};

constexpr int kReach = 64;  // tokens of the longest sequence
constexpr int kNumLayers = 2;  // of encoder and decoder each

inline Doubles sum_of(const Doubles& x, const Doubles& y) {
  Doubles sum(x);
  for (size_t i = 0; i < sum.size(); ++i) sum[i] += y[i];
  return sum;
}

inline Doubles part(const Doubles& x, int first, int count) {
  return Doubles(x.begin() + first, x.begin() + first + count);
}

inline Doubles times(const Matrix& matrix, const Doubles& x) {
  return matrix.times(std::vector<float>(x.begin(), x.end()));
}

// Returns attention of one head; bias: null, or of each key; softcap: of the scores, or 0.
inline Doubles attention(const Doubles& query, const std::vector<Doubles>& keys,
                         const std::vector<Doubles>& values, double scale, const float* bias,
                         double softcap = 0.0) {
  Doubles weights, answer(query.size());
  double most = -INFINITY, total = 0.0;
  for (size_t i = 0; i < keys.size(); ++i) {
    double score = 0.0;
    for (size_t d = 0; d < query.size(); ++d) score += query[d] * keys[i][d];
    score *= scale;
    if (softcap > 0.0) score = softcap * std::tanh(score / softcap);
    weights.push_back(score + (bias ? bias[i] : 0.0));
    most = std::max(most, weights.back());
  }
  for (double& weight : weights) total += weight = std::exp(weight - most);
  for (size_t i = 0; i < keys.size(); ++i)
    for (size_t d = 0; d < query.size(); ++d) answer[d] += weights[i] / total * values[i][d];
  return answer;
}

class TinyLayer {
 public:
  TinyLayer(const Shape& shape, Kind kind, Random& random) : shape_(shape) {
    const int d = shape.d_model, inner = shape.num_heads * shape.d_head;
    const auto matrix = [&](int out, int in) { return Matrix(out, in, kind, random, !shape.is_relative); };
    qkv_ = matrix(3 * inner, d), self_out_ = matrix(d, inner);
    cross_q_ = matrix(inner, d), cross_kv_ = matrix(2 * inner, d), cross_out_ = matrix(d, inner);
    up_ = matrix((1 + shape.is_gated) * shape.d_ff, d), down_ = matrix(d, shape.d_ff);
    for (Normalization* norm : {&self_norm_, &cross_norm_, &ffn_norm_}) *norm = norm_of(shape, random);
    if (shape.is_relative) bias_ = random.numbers(static_cast<size_t>(shape.num_heads) * (2 * kReach - 1));
  }

  static Normalization norm_of(const Shape& shape, Random& random) {
    return {random.numbers(shape.d_model, 0.2f, 1.0f),
            shape.is_rms ? std::vector<float>() : random.numbers(shape.d_model, 0.2f), shape.is_rms};
  }

  Layer layer() const {
    return {qkv_.linear(),
            self_out_.linear(),
            cross_q_.linear(),
            cross_kv_.linear(),
            cross_out_.linear(),
            up_.linear(),
            down_.linear(),
            norms(self_norm_),
            norms(cross_norm_),
            norms(ffn_norm_),
            bias_.empty() ? nullptr : bias_.data(),
            kReach};
  }

  // Returns the states after this layer. sources: null in the encoder, otherwise its outputs.
  std::vector<Doubles> of(const std::vector<Doubles>& states, const std::vector<Doubles>* sources) const {
    std::vector<Doubles> x = states, qkv;
    for (const Doubles& state : x) qkv.push_back(times(qkv_, entered(self_norm_, state)));
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t num_keys = sources ? i + 1 : x.size();
      const Doubles heads = attended(qkv[i], 0, qkv, 1, 2, num_keys, static_cast<int>(i));
      x[i] = left(self_norm_, sum_of(x[i], times(self_out_, heads)));
    }
    if (sources) {
      std::vector<Doubles> kv;
      for (const Doubles& source : *sources) kv.push_back(times(cross_kv_, source));
      for (Doubles& state : x) {
        const Doubles query = times(cross_q_, entered(cross_norm_, state));
        const Doubles heads = attended(query, 0, kv, 0, 1, kv.size(), -1);
        state = left(cross_norm_, sum_of(state, times(cross_out_, heads)));
      }
    }
    for (Doubles& state : x) {
      Doubles inner = times(up_, entered(ffn_norm_, state));
      for (int i = 0; i < shape_.d_ff; ++i) {
        inner[i] = activation_of(shape_.activation, inner[i]);
        if (shape_.is_gated) inner[i] *= inner[shape_.d_ff + i];
      }
      inner.resize(shape_.d_ff);
      state = left(ffn_norm_, sum_of(state, times(down_, inner)));
    }
    return x;
  }

 private:
  Norms norms(const Normalization& norm) const {
    return shape_.is_pre_norm ? Norms{norm.norm(), {}} : Norms{{}, norm.norm()};
  }
  Doubles entered(const Normalization& norm, const Doubles& x) const {
    return shape_.is_pre_norm ? norm.of(x) : x;
  }
  Doubles left(const Normalization& norm, const Doubles& x) const {
    return shape_.is_pre_norm ? x : norm.of(x);
  }

  // Attends in every head to the first `num_keys` of `memory`, whose rows hold keys and values at these
  // multiples of the heads' width. position: the query's, for biases; -1: there are none.
  Doubles attended(const Doubles& queries, int at, const std::vector<Doubles>& memory, int keys_at,
                   int values_at, size_t num_keys, int position) const {
    const int d = shape_.d_head, inner = shape_.num_heads * d;
    Doubles answers;
    for (int head = 0; head < shape_.num_heads; ++head) {
      std::vector<Doubles> keys, values;
      for (size_t i = 0; i < num_keys; ++i) {
        keys.push_back(part(memory[i], keys_at * inner + head * d, d));
        values.push_back(part(memory[i], values_at * inner + head * d, d));
      }
      const bool is_biased = shape_.is_relative && position >= 0;
      const float* bias = is_biased ? &bias_[head * (2 * kReach - 1) + kReach - 1 - position] : nullptr;
      const Doubles answer =
          attention(part(queries, at * inner + head * d, d), keys, values, 1.0 / std::sqrt(d), bias);
      answers.insert(answers.end(), answer.begin(), answer.end());
    }
    return answers;
  }

  Shape shape_;
  Matrix qkv_, self_out_, cross_q_, cross_kv_, cross_out_, up_, down_;
  Normalization self_norm_, cross_norm_, ffn_norm_;
  std::vector<float> bias_;
};

// Encoder or decoder. The embedding is shared with the output projection.
class TinyStack {
 public:
  TinyStack(const Shape& shape, Kind kind, const Matrix& table, Random& random)
      : shape_(shape), table_(table) {
    for (int i = 0; i < kNumLayers; ++i) layers_.emplace_back(shape, kind, random);
    if (!shape.is_relative) positions_ = random.numbers(static_cast<size_t>(kReach) * shape.d_model, 0.3f);
    if (shape.is_pre_norm)
      final_norm_ = TinyLayer::norm_of(shape, random);
    else
      embedding_norm_ = TinyLayer::norm_of(shape, random);
    for (const TinyLayer& layer : layers_) structs_.push_back(layer.layer());
  }

  Stack stack() const {
    return {structs_.data(),
            table_.table(),
            positions_.empty() ? nullptr : positions_.data(),
            /*rotations=*/nullptr,
            embedding_norm_.norm(),
            final_norm_.norm(),
            static_cast<int32_t>(structs_.size()),
            shape_.d_model,
            shape_.num_heads,
            /*num_kv_heads=*/shape_.num_heads,
            shape_.d_head,
            shape_.d_ff,
            kReach,
            shape_.activation,
            shape_.is_gated,
            /*norms_outputs=*/false,
            {static_cast<float>(1.0 / std::sqrt(shape_.d_head)), /*softcap=*/0.0f},
            kEmbeddingScale,
            kOutputScale};
  }

  // Returns the hidden state of every token; sources: null in the encoder.
  std::vector<Doubles> of(const std::vector<int32_t>& token_ids, const std::vector<Doubles>* sources) const {
    std::vector<Doubles> x;
    for (size_t i = 0; i < token_ids.size(); ++i) {
      Doubles state(shape_.d_model);
      for (int d = 0; d < shape_.d_model; ++d) {
        state[d] = table_.weight(token_ids[i], d) * kEmbeddingScale;
        if (!positions_.empty()) state[d] += positions_[i * shape_.d_model + d];
      }
      x.push_back(embedding_norm_.gain.empty() ? state : embedding_norm_.of(state));
    }
    for (const TinyLayer& layer : layers_) x = layer.of(x, sources);
    for (Doubles& state : x) {
      if (!final_norm_.gain.empty()) state = final_norm_.of(state);
      for (double& number : state) number *= sources ? kOutputScale : 1.0f;
    }
    return x;
  }

 private:
  static constexpr float kEmbeddingScale = 4.0f, kOutputScale = 0.75f;

  Shape shape_;
  const Matrix& table_;
  std::vector<TinyLayer> layers_;
  std::vector<Layer> structs_;
  std::vector<float> positions_;
  Normalization embedding_norm_, final_norm_;
};

}  // namespace selftest
