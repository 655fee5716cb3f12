// Runs of several steps: tokens are chosen here while they depend on the scores alone, and the next step
// begins at once. If anything else decides (an output ends, a rule applies, a token is sampled), the run ends
// and control returns to Python.
//
// The tokens are those that `IndependentSearch` and `BeamSearch` (model/engine/search) choose from the same
// scores; this is the part of these searches that most steps need.
#pragma once

#include <chrono>

#include "decoder.h"
#include "head.h"

namespace dragoman {

constexpr int kMostSteps = 16;  // of a run
constexpr int kMostRows = 8;    // of a request

// One request: its hypotheses, best first, and the state of its search.
struct Search {
  int32_t slot, source_length;  // its source in the cross-attention cache
  int32_t width;                // hypotheses
  int32_t position;             // of the next token: the number of cached ones
  int32_t rows[kMostRows];
  int32_t token_ids[kMostRows];
  double log_probs[kMostRows];
  int32_t num_best;   // candidates per hypothesis; 0: tokens are not chosen here
  int32_t is_scored;  // log-probabilities are needed
  int32_t is_beam_search;
  int32_t chooses;  // tokens may be chosen here
  int32_t num_generated, max_generated;
  int32_t max_repeats;      // consecutive occurrences of an n-gram; 0: no limit
  int32_t compared_length;  // length assumed for the best beam in that comparison; 0: its own
  double worst_rank;        // rank that the best beam must exceed; -inf: any
  double length_penalty;
  // Results.
  int32_t num_chosen;                     // steps
  int32_t ancestors[kMostRows];           // the former hypothesis that each one continues
  int32_t chosen[kMostRows][kMostSteps];  // the tokens appended to it
};

// A run of one or more steps of a batch.
struct Run {
  int32_t num_searches, num_rows, num_ends;
  int32_t max_steps;  // for which all rows have blocks, `kMostSteps` at most
  Search* const* searches;
  const int32_t* ends;            // tokens that end an output
  const int32_t* source_places;   // the place of each slot's keys and values
  int32_t* own_places;            // the place of each row's; branching changes it
  float* hidden;                  // (rows, d_model), of the last step
  const int32_t* is_interrupted;  // set by another thread
  double max_seconds;             // no step but the first begins later than this
  // Results.
  int32_t num_steps;
};

// A hypothesis in reverse: its newest token, then the cached ones.
struct Ending {
  const int32_t* before;
  int position;  // the number of cached ones
  int32_t last;

  int size() const { return position + 1; }
  int32_t back(int i) const { return i == 1 ? last : before[size() - i]; }
};

// Returns whether `banned_by_repeats` would ban any token.
inline bool loops(const Ending& ending, int max_repeats) {
  constexpr int kMaxPeriod = 16, kShortRun = 6;
  const int longest = std::min(kMaxPeriod, (ending.size() + 1) / (max_repeats + 1));
  for (int period = 1; period <= longest; ++period) {
    if (ending.back(period) != ending.back(period * max_repeats)) continue;
    const int count = period * (std::max(max_repeats, kShortRun / period) + 1) - 1;
    if (count > ending.size()) continue;
    int i = 1;
    while (i + period <= count && ending.back(i) == ending.back(i + period)) ++i;
    if (i + period > count) return true;
  }
  return false;
}

// The choice of tokens from one step's scores.
class Choice {
 public:
  Choice(const Run& run, const Projection& ranked, Workspace& work)
      : run_(run), ranked_(ranked), work_(work) {}

  // Appends a token to each hypothesis; returns false, with nothing changed, if Python must choose.
  bool advance(Search& search) {
    if (!search.chooses || search.num_generated + 1 == search.max_generated) return false;
    if (!(search.is_beam_search ? advance_beams(search) : advance_one(search))) return false;
    ++search.num_generated, ++search.position, ++search.num_chosen;
    return true;
  }

 private:
  bool ends(int32_t token_id) const {
    return std::find(run_.ends, run_.ends + run_.num_ends, token_id) != run_.ends + run_.num_ends;
  }
  double value(int row, int i) const {
    const float value = ranked_.values[static_cast<size_t>(row) * ranked_.num_best + i];
    return ranked_.wants_normalizer ? value - ranked_.normalizers[row] : value;
  }
  int32_t token(int row, int i) const {
    return ranked_.token_ids[static_cast<size_t>(row) * ranked_.num_best + i];
  }

  bool advance_one(Search& search) {
    const double log_prob = value(search.rows[0], 0);
    const int32_t token_id = token(search.rows[0], 0);
    if (!std::isfinite(log_prob) || ends(token_id)) return false;
    if (search.is_scored) search.log_probs[0] += log_prob;
    search.token_ids[0] = search.chosen[0][search.num_chosen] = token_id;
    return true;
  }

  bool advance_beams(Search& search) {
    rank(search);
    const Continuation* survivors[kMostRows];
    int num_survivors = 0, place = 0;
    for (const Continuation& next : work_.continuations) {
      if (num_survivors == search.width) break;
      if (!ends(next.token_id))
        survivors[num_survivors++] = &next;
      else if (place < search.width)
        return false;  // the search is over
      ++place;
    }
    if (num_survivors < search.width || is_over(search, survivors[0]->log_prob)) return false;
    branch(search, survivors);
    return true;
  }

  // Finds the best continuations of all beams; of equal ones the first.
  void rank(const Search& search) {
    std::vector<Continuation>& best = work_.continuations;
    best.clear();
    for (int parent = 0; parent < search.width; ++parent) {
      if (!(search.log_probs[parent] > -INFINITY)) continue;
      for (int i = 0; i < std::min(search.num_best, ranked_.num_best); ++i) {
        const double log_prob = search.log_probs[parent] + value(search.rows[parent], i);
        if (!(log_prob > -INFINITY)) continue;
        const bool is_full = static_cast<int>(best.size()) == search.num_best;
        if (is_full && !(log_prob > best.back().log_prob)) break;  // nor do those after it
        if (is_full) best.pop_back();
        const auto is_better = [](double mine, const Continuation& other) { return mine > other.log_prob; };
        best.insert(std::upper_bound(best.begin(), best.end(), log_prob, is_better),
                    {log_prob, parent, token(search.rows[parent], i)});
      }
    }
  }

  static bool is_over(const Search& search, double best) {
    if (!(search.worst_rank > -INFINITY)) return false;
    const int length = search.compared_length ? search.compared_length : search.num_generated + 1;
    return best / std::pow(length, search.length_penalty) <= search.worst_rank;
  }

  // The first child of each parent inherits its keys and values; the others get a copy, in the place of a
  // beam without children.
  void branch(Search& search, const Continuation* const* survivors) {
    const Search old = search;
    int places[kMostRows], num_children[kMostRows] = {}, spare = 0;
    for (int i = 0; i < search.width; ++i) {
      places[i] = run_.own_places[search.rows[i]];
      ++num_children[survivors[i]->parent];
    }
    bool is_claimed[kMostRows] = {};
    for (int i = 0; i < search.width; ++i) {
      const auto [log_prob, parent, token_id] = *survivors[i];
      int place = places[parent];
      if (is_claimed[parent]) {
        while (num_children[spare]) ++spare;
        work_.copied_from.push_back(place), work_.copied_to.push_back(places[spare]);
        work_.copied_tokens.push_back(search.position + 1);
        place = places[spare++];
      }
      is_claimed[parent] = true;
      run_.own_places[search.rows[i]] = place;
      search.log_probs[i] = log_prob, search.token_ids[i] = token_id;
      search.ancestors[i] = old.ancestors[parent];
      std::copy(old.chosen[parent], old.chosen[parent] + old.num_chosen, search.chosen[i]);
      search.chosen[i][old.num_chosen] = token_id;
    }
  }

  const Run& run_;
  const Projection& ranked_;
  Workspace& work_;
};

inline void copy_branches(const Cache& own, Workspace& work) {
  if (work.copied_from.empty()) return;
  (own.is_bfloat ? copy_rows<bfloat> : copy_rows<float>)(own, static_cast<int>(work.copied_from.size()),
                                                         work.copied_from.data(), work.copied_to.data(),
                                                         work.copied_tokens.data());
  work.copied_from.clear(), work.copied_to.clear(), work.copied_tokens.clear();
}

// Fills in the rows of a step from the searches.
inline Step step_of(const Run& run, Workspace& work) {
  const int count = run.num_rows;
  int32_t* token_ids = work.step.reserve<int32_t>(static_cast<size_t>(count) * 4);
  int32_t *positions = token_ids + count, *slots = positions + count, *source_lengths = slots + count;
  for (int i = 0; i < run.num_searches; ++i) {
    const Search& search = *run.searches[i];
    for (int j = 0; j < search.width; ++j) {
      const int row = search.rows[j];
      token_ids[row] = search.token_ids[j], positions[row] = search.position;
      slots[row] = run.source_places[search.slot], source_lengths[row] = search.source_length;
    }
  }
  return {count, token_ids, positions, slots, source_lengths, run.own_places};
}

// Decodes a step, and further ones while tokens can be chosen for every search and time remains.
template <class Dot>
inline void run_on(const Stack& stack, const Head& head, const Cache& own, const Cache& source,
                   Projection& projection, Run& run, Workspace& work) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  for (int i = 0; i < run.num_searches; ++i) {
    Search& search = *run.searches[i];
    search.num_chosen = 0;
    for (int j = 0; j < search.width; ++j) search.ancestors[j] = j;
  }
  run.num_steps = 0;
  bool goes_on = true;
  do {
    decode<Dot>(stack, own, source, step_of(run, work), work, run.hidden);
    ++run.num_steps;
    projection.num_rows = run.num_rows, projection.d_model = stack.d_model, projection.hidden = run.hidden;
    projection.num_best = projection.wants_normalizer = 0, projection.logits = nullptr;
    for (int i = 0; i < run.num_searches; ++i) {
      projection.num_best =
          std::max(projection.num_best, std::min(run.searches[i]->num_best, head.exact.out));
      projection.wants_normalizer |= run.searches[i]->num_best && run.searches[i]->is_scored;
    }
    if (!projection.num_best) break;
    project(head, projection, work);
    Choice choice(run, projection, work);
    for (int i = 0; i < run.num_searches; ++i) goes_on &= choice.advance(*run.searches[i]);
    copy_branches(own, work);
    for (int i = 0; i < run.num_searches; ++i) {
      Search& search = *run.searches[i];
      for (int j = 0; j < search.width && search.max_repeats && search.chooses; ++j) {
        const Ending ending{own.tokens(run.own_places[search.rows[j]]), search.position, search.token_ids[j]};
        if (loops(ending, search.max_repeats)) search.chooses = search.num_best = 0;
      }
    }
    goes_on &= run.num_steps < run.max_steps && !__atomic_load_n(run.is_interrupted, __ATOMIC_RELAXED) &&
               std::chrono::duration<double>(Clock::now() - start).count() < run.max_seconds;
  } while (goes_on);
}

}  // namespace dragoman
