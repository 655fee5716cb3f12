// The parts common to encoder and decoder layers. Every method is one parallel phase or several: threads
// share its work and leave it together.
#pragma once

#include "structures.h"
#include "workspace.h"

namespace dragoman {

inline void normalize(const Norm& norm, const float* x, int width, float* y) {
  float mean = 0.0f;
  if (!norm.is_rms) {
    Floats sum = zeros();
    for_vectors(width, [&](int i, auto lanes) { sum = sum + load(x + i, lanes); });
    mean = reduce_add(sum) / width;
  }
  const Floats means = broadcast(mean);
  Floats squares = zeros();
  for_vectors(width, [&](int i, auto lanes) {
    const Floats centred = select(lanes, load(x + i, lanes) - means, zeros());
    squares = fma(centred, centred, squares);
  });
  const Floats factor = broadcast(1.0f / std::sqrt(reduce_add(squares) / width + norm.eps));
  for_vectors(width, [&](int i, auto lanes) {
    const Floats bias = norm.bias ? load(norm.bias + i, lanes) : zeros();
    store(y + i, fma(load(x + i, lanes) - means, load(norm.gain + i, lanes) * factor, bias), lanes);
  });
}

// y = scale * the row of a token
inline void look_up(const Table& table, int token_id, float scale, float* y) {
  const int size = table.kind == Kind::kInt8 ? 1 : table.kind == Kind::kBfloat ? 2 : 4;
  const uint8_t* at = table.rows + static_cast<size_t>(token_id) * table.width * size;
  size_t step = 4;  // bytes between consecutive words of the row
  if (table.row_bytes) {
    at = table.rows + static_cast<size_t>(token_id / kLanes) * table.row_bytes * kLanes +
         token_id % kLanes * 4;
    step = 64;
  }
  if (table.kind == Kind::kInt8) scale *= table.scales[token_id];
  const int per_word = 4 / size;
  for (int i = 0; i < table.width; i += per_word, at += step) {
    const int count = std::min(per_word, table.width - i);
    for (int j = 0; j < count; ++j) {
      if (table.kind == Kind::kInt8) {
        y[i + j] = static_cast<int8_t>(at[j]) * scale;
      } else {
        uint32_t bits = 0;
        if (table.kind == Kind::kBfloat)
          bits = static_cast<uint32_t>(at[2 * j] | at[2 * j + 1] << 8) << 16;
        else
          std::memcpy(&bits, at, sizeof bits);
        float number;
        std::memcpy(&number, &bits, sizeof number);
        y[i + j] = number * scale;
      }
    }
  }
}

// One pass of a stack over rows of hidden states.
class Pass {
 public:
  Pass(const Stack& stack, Workspace& workspace, int num_rows, Team& team)
      : stack_(stack),
        team_(team),
        num_rows_(num_rows),
        width_(spread(stack.d_model)),
        inner_(spread(stack.query_width())),
        work_(workspace) {}

  // Runs in one thread, before the others read the result.
  static void reserve(const Stack& stack, Workspace& work, int num_rows) {
    const int width = spread(stack.d_model), inner = spread(stack.query_width());
    const int qkv = spread(stack.qkv_width()), up = spread((1 + stack.is_gated) * stack.d_ff);
    const size_t rows = padded(num_rows);
    work.states.reserve<float>(rows * width);
    work.normed.reserve<float>(rows * width);
    work.attended.reserve<float>(rows * inner);
    work.wide.reserve<float>(
        std::max(rows * qkv, padded(std::min(num_rows, kSlice)) * static_cast<size_t>(up)));
    work.narrow.reserve<uint8_t>(rows * most_row_bytes(std::max(stack.d_model, stack.query_width())));
    work.narrow_scales.reserve<float>(rows);
    const size_t slice = padded(std::min(num_rows, kSlice));
    work.inner.reserve<uint8_t>(slice * most_row_bytes(stack.d_ff));
    work.inner_scales.reserve<float>(slice);
  }

  float* states() const { return work_.states.reserve<float>(1); }
  float* wide() const { return work_.wide.reserve<float>(1); }
  float* attended() const { return work_.attended.reserve<float>(1); }
  int width() const { return width_; }
  int inner() const { return inner_; }

  // Calls work(row) for every row; returns when all rows are done.
  template <class Work>
  void each_row(int num_rows, const Work& work) {
    team_.share(num_rows, 1, [&](int begin, int end) {
      for (int row = begin; row < end; ++row) work(row);
    });
  }

  float* state(int row) const { return states() + static_cast<size_t>(row) * width_; }

  void embed(const int32_t* token_ids, const int32_t* positions) {
    each_row(num_rows_, [&](int row) {
      float* x = state(row);
      look_up(stack_.embedding, token_ids[row], stack_.embedding_scale, x);
      if (stack_.positions) {
        const float* vector = stack_.positions + static_cast<size_t>(positions[row]) * stack_.d_model;
        for (int i = 0; i < stack_.d_model; ++i) x[i] += vector[i];
      }
      if (stack_.embedding_norm.gain) normalize(stack_.embedding_norm, x, stack_.d_model, x);
    });
  }

  // Before a sublayer: completes the previous sublayer, applies the norm of this one's input, and converts
  // the rows to the type of the weights. due: the norm after the previous sublayer; null: there was none.
  Rows enter(const Norm& norm, const Norm* due, const Linear& next) {
    const Rows rows = narrow_rows(next);
    each_row(num_rows_, [&](int row) {
      float* x = state(row);
      complete(due, row);
      const float* input = x;
      if (norm.gain) {
        normalize(norm, x, stack_.d_model, normed(row));
        input = normed(row);
      }
      narrow_row(input, stack_.d_model, next.kind, rows, row);
    });
    return rows;
  }

  // After the last layer: applies the remaining norms, then calls work(row, its state).
  template <class Work>
  void leave(const Norm* due, const Work& work) {
    each_row(num_rows_, [&](int row) {
      float* x = state(row);
      complete(due, row);
      if (stack_.final_norm.gain) normalize(stack_.final_norm, x, stack_.d_model, x);
      work(row, x);
    });
  }

  // wide = rows W^T + b for all outputs, in rows `spread` apart
  void project(const Linear& linear, const Rows& rows) {
    const Target target{wide(), static_cast<size_t>(spread(linear.out)), 0, /*adds=*/false};
    team_.share(linear.num_blocks(), 2,
                [&](int begin, int end) { multiply(linear, rows, begin, end, target); });
  }

  // states += rows W^T + b, the first of the rows being `first` among the states. If norms apply to outputs,
  // `complete` adds them.
  void add_projected(const Linear& linear, const Rows& rows, int first = 0) {
    const bool adds = !stack_.norms_outputs;
    const Target target{adds ? state(first) : normed(first), static_cast<size_t>(width_), 0, adds};
    team_.share(linear.num_blocks(), 2,
                [&](int begin, int end) { multiply(linear, rows, begin, end, target); });
  }

  // Converts the outputs of all heads to the type of the weights of the output projection.
  Rows narrow_answers(const Linear& next) {
    const Rows rows = narrow_rows(next);
    each_row(num_rows_, [&](int row) {
      const float* answers = attended() + static_cast<size_t>(row) * inner_;
      narrow_row(answers, stack_.query_width(), next.kind, rows, row);
    });
    return rows;
  }

  // A slice of rows at a time, so that activations between the two products stay in the cache.
  void feed_forward(const Layer& layer, const Rows& all) {
    const int stride = spread(layer.up.out);
    for (int first = 0; first < num_rows_; first += kSlice) {
      Rows rows = all;
      rows.data += static_cast<size_t>(first) * all.stride;
      rows.scales += first;
      rows.count = std::min(kSlice, num_rows_ - first);
      project(layer.up, rows);
      const Rows inner{work_.inner.reserve<uint8_t>(1), layer.down.row_stride(),
                       work_.inner_scales.reserve<float>(1), rows.count};
      each_row(rows.count, [&](int row) {
        float* x = wide() + static_cast<size_t>(row) * stride;
        activate(x);
        narrow_row(x, stack_.d_ff, layer.down.kind, inner, row);
      });
      add_projected(layer.down, inner, first);
    }
  }

  static constexpr int kSlice = 256;

 private:
  // A sublayer's input after its norm; then, if norms apply to outputs, its output.
  float* normed(int row) const {
    return work_.normed.reserve<float>(1) + static_cast<size_t>(row) * width_;
  }

  // Applies the norm after a sublayer to the residual sum, or to the sublayer's output, which it adds.
  void complete(const Norm* due, int row) const {
    if (!due || !due->gain) return;
    float* x = state(row);
    if (!stack_.norms_outputs) return normalize(*due, x, stack_.d_model, x);
    float* y = normed(row);
    normalize(*due, y, stack_.d_model, y);
    for_vectors(stack_.d_model,
                [&](int i, auto lanes) { store(x + i, load(x + i, lanes) + load(y + i, lanes), lanes); });
  }

  Rows narrow_rows(const Linear& next) const {
    return {work_.narrow.reserve<uint8_t>(1), next.row_stride(), work_.narrow_scales.reserve<float>(1),
            num_rows_};
  }

  void activate(float* x) const {
    switch (stack_.activation) {
      case Activation::kRelu:
        return activate_by<Activation::kRelu>(x);
      case Activation::kGelu:
        return activate_by<Activation::kGelu>(x);
      case Activation::kGeluTanh:
        return activate_by<Activation::kGeluTanh>(x);
      case Activation::kSilu:
        return activate_by<Activation::kSilu>(x);
    }
  }

  template <Activation activation>
  void activate_by(float* x) const {
    const float* gated = stack_.is_gated ? x + stack_.d_ff : nullptr;
    for_vectors(stack_.d_ff, [&](int i, auto lanes) {
      Floats y = activated<activation>(load(x + i, lanes));
      if (gated) y = y * load(gated + i, lanes);
      store(x + i, y, lanes);
    });
  }

  const Stack& stack_;
  Team& team_;
  int num_rows_, width_, inner_;
  Workspace& work_;
};

}  // namespace dragoman
