// Encoding and decoding of a tiny network, by steps whose tokens are given and by runs that choose them.
#pragma once

#include "attending.h"
#include "heads.h"

namespace selftest {

// Keys and values of the rows of a test. A row's blocks lie scattered, in places of their own.
class TinyCache {
 public:
  TinyCache(const Shape& shape, bool is_bfloat, int num_rows)
      : data_(size_t{kNumLayers} * num_rows * kReach * shape.num_heads * 2 * padded(shape.d_head) *
              (is_bfloat ? 2 : 4)),
        token_ids_(static_cast<size_t>(num_rows) * kReach),
        cache_{data_.data(), token_ids_.data(), nullptr, is_bfloat, kNumLayers,
               num_rows * kBlocks, shape.num_heads, kReach, shape.d_head} {
    for (int row = 0; row < num_rows; ++row)
      for (int block = 0; block < kBlocks; ++block) blocks_.push_back(block * num_rows + num_rows - 1 - row);
    cache_.blocks = blocks_.data();
  }
  TinyCache(const TinyCache&) = delete;
  TinyCache& operator=(const TinyCache&) = delete;

  const Cache* get() const { return &cache_; }

 private:
  static constexpr int kBlocks = kReach / kLanes;  // of a row

  std::vector<uint8_t> data_;
  std::vector<int32_t> token_ids_, blocks_;
  Cache cache_;
};

using Tokens = std::vector<int32_t>;

struct TinyNetwork {
  Shape shape;
  Matrix table;
  TinyStack encoder, decoder;

  TinyNetwork(const Shape& of, Kind kind, Random& random)
      : shape(of),
        table(of.vocabulary, of.d_model, kind, random),
        encoder(of, kind, table, random),
        decoder(of, kind, table, random) {}
};

// The requests of a batch: sources, and hypotheses of each.
class Batch {
 public:
  Batch(const TinyNetwork& network, bool is_bfloat, const std::vector<Tokens>& sources,
        const std::vector<int>& widths)
      : network_(network),
        own_(network.shape, is_bfloat, count(widths)),
        source_(network.shape, is_bfloat, static_cast<int>(sources.size())),
        hidden_(static_cast<size_t>(count(widths)) * network.shape.d_model) {
    const Stack encoder = network.encoder.stack(), decoder = network.decoder.stack();
    Tokens token_ids;
    std::vector<int32_t> starts = {0};
    for (size_t i = 0; i < sources.size(); ++i) {
      token_ids.insert(token_ids.end(), sources[i].begin(), sources[i].end());
      starts.push_back(static_cast<int32_t>(token_ids.size()));
      slots_.push_back(static_cast<int32_t>(i));
      Search search{};
      search.slot = slots_[i], search.source_length = starts[i + 1] - starts[i], search.width = widths[i];
      for (int j = 0; j < widths[i]; ++j) {
        search.rows[j] = static_cast<int32_t>(places_.size());
        places_.push_back(search.rows[j]);
      }
      searches_.push_back(search);
    }
    const Sources all{static_cast<int32_t>(sources.size()), starts.back(), token_ids.data(), starts.data(),
                      slots_.data()};
    dragoman_encode(&encoder, &decoder, source_.get(), &all, work_);
  }

  Search& search(int i) { return searches_[i]; }
  const float* hidden(int row) const { return &hidden_[static_cast<size_t>(row) * network_.shape.d_model]; }
  void copy(int32_t from, int32_t to, int32_t num_tokens) {
    dragoman_copy(own_.get(), 1, &from, &to, &num_tokens);
  }

  // Decodes one token of each row, or several; token_ids: of each row.
  void run(const Tokens& token_ids) {
    const Stack decoder = network_.decoder.stack();
    const Head head{network_.table.linear(), {}, network_.table.table()};
    std::vector<Search*> searches;
    int row = 0;
    for (Search& search : searches_) {
      for (int j = 0; j < search.width; ++j) search.token_ids[j] = token_ids[row++];
      searches.push_back(&search);
    }
    constexpr int kMostBest = 16;
    std::vector<float> normalizers(row), values(static_cast<size_t>(row) * kMostBest);
    Tokens best(values.size());
    Projection projection{};
    projection.normalizers = normalizers.data(), projection.values = values.data();
    projection.token_ids = best.data();
    const int32_t is_interrupted = 0;
    Run run{static_cast<int32_t>(searches.size()),
            row,
            0,
            kMostSteps,
            searches.data(),
            nullptr,
            slots_.data(),
            places_.data(),
            hidden_.data(),
            &is_interrupted,
            1e9,
            0};
    dragoman_run(&decoder, &head, own_.get(), source_.get(), &projection, &run, work_);
    for (Search& search : searches_)
      if (!search.num_best) ++search.position;
  }

 private:
  static int count(const std::vector<int>& widths) {
    int sum = 0;
    for (const int width : widths) sum += width;
    return sum;
  }

  const TinyNetwork& network_;
  Work work_;
  TinyCache own_, source_;
  std::vector<float> hidden_;
  std::vector<int32_t> slots_, places_;
  std::vector<Search> searches_;
};

inline Tokens random_tokens(const Shape& shape, int count, Random& random) {
  Tokens made(count);
  for (int32_t& token : made) token = random.below(shape.vocabulary);
  return made;
}

// Tokens are given; a hypothesis continues another one half-way. Each row is the reference's, and alone the
// same to the bit.
inline void test_steps(const TinyNetwork& network, bool is_bfloat, double tolerance, const std::string& what,
                       Random& random) {
  constexpr int kSteps = 21, kBranch = 18;
  const std::vector<int> widths = {1, 2, 5};
  const std::vector<Tokens> sources = {random_tokens(network.shape, 1, random),
                                       random_tokens(network.shape, 17, random),
                                       random_tokens(network.shape, 30, random)};
  Batch batch(network, is_bfloat, sources, widths);
  std::vector<Tokens> histories(8);
  for (int step = 0; step < kSteps; ++step) {
    if (step == kBranch) {
      batch.copy(1, 2, step), batch.copy(3, 6, step);
      histories[2] = histories[1], histories[6] = histories[3];
    }
    const Tokens token_ids = random_tokens(network.shape, 8, random);
    for (int row = 0; row < 8; ++row) histories[row].push_back(token_ids[row]);
    batch.run(token_ids);
  }
  std::vector<std::vector<Doubles>> encodings;
  for (const Tokens& source : sources) encodings.push_back(network.encoder.of(source, nullptr));
  for (int row = 0; row < 8; ++row) {
    const int request = row == 0 ? 0 : row < 3 ? 1 : 2, width = network.shape.d_model;
    Batch alone(network, is_bfloat, {sources[request]}, {1});
    const std::vector<Doubles>& encoded = encodings[request];
    const std::vector<Doubles> expected = network.decoder.of(histories[row], &encoded);
    for (int step = 0; step < kSteps; ++step) {
      alone.run({histories[row][step]});
      for (int d = 0; d < width; ++d) expect_near(alone.hidden(0)[d], expected[step][d], tolerance, what);
    }
    expect_same(alone.hidden(0), batch.hidden(row), width, what + ", alone and in company");
  }
}

// Beams are chosen by a run. Each has the log-probability that the reference gives its tokens.
inline void test_runs(const TinyNetwork& network, bool is_bfloat, double tolerance, const std::string& what,
                      Random& random) {
  const std::vector<Tokens> sources = {random_tokens(network.shape, 20, random)};
  for (const int width : {1, 4}) {
    Batch batch(network, is_bfloat, sources, {width});
    Search& search = batch.search(0);
    search.num_best = width == 1 ? 1 : 2 * width, search.is_scored = 1, search.is_beam_search = width > 1;
    search.chooses = 1, search.max_generated = 40, search.worst_rank = -INFINITY;
    for (int j = 1; j < width; ++j) search.log_probs[j] = -INFINITY;
    batch.run(Tokens(width, 3));
    expect(search.num_chosen == kMostSteps, what + ": a run ends early");
    const std::vector<Doubles> encoded = network.encoder.of(sources[0], nullptr);
    for (int j = 0; j < width; ++j) {
      Tokens token_ids = {3};
      token_ids.insert(token_ids.end(), search.chosen[j], search.chosen[j] + search.num_chosen);
      const std::vector<Doubles> states = network.decoder.of(token_ids, &encoded);
      double log_prob = 0.0;
      for (int i = 0; i < search.num_chosen; ++i) {
        const Doubles logits = times(network.table, states[i]);
        log_prob += logits[token_ids[i + 1]] - log_sum_of(logits);
        const double most = *std::max_element(logits.begin(), logits.end());
        if (width == 1) expect_near(logits[token_ids[i + 1]], most, tolerance, what + ", best token");
      }
      expect_near(search.log_probs[j], log_prob, tolerance * search.num_chosen, what + ", log-probability");
    }
  }
}

inline void test_networks() {
  Random random(8);
  const Shape shapes[] = {
      {"after", 20, 2, 10, 37, 300, Activation::kRelu, false, false, false, false},
      {"before", 33, 3, 16, 48, 90, Activation::kGeluTanh, true, true, true, true},
  };
  for (const Shape& shape : shapes) {
    for (const Kind kind : {Kind::kFloat, Kind::kBfloat, Kind::kInt8}) {
      const TinyNetwork network(shape, kind, random);
      const bool is_bfloat = kind != Kind::kFloat;
      const double tolerance = kind == Kind::kFloat ? 2e-4 : kind == Kind::kBfloat ? 0.15 : 0.4;
      const std::string what = std::string("network with norms ") + shape.name + " in " + name_of(kind);
      test_steps(network, is_bfloat, tolerance, what, random);
      test_runs(network, is_bfloat, tolerance, what, random);
    }
  }
}

}  // namespace selftest
