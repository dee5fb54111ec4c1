// Exact and sampled columns of one batch of an unbiased run, taken through channels.
#pragma once

#include <complex>
#include <cstdint>
#include <span>
#include <vector>

namespace lret {

/// A channel sum_k K rho K^dagger on the row bits `bits`, k = 0..6, the dominant operator first.
struct SampledStep {
  std::vector<int> bits;
  std::span<const std::complex<double>> kraus;  // operators x 2^k x 2^k
  /// Of each operator, if all are sqrt(p) times a unitary; else empty.
  std::span<const double> probabilities;
  double mean_dominant;   // |K_0 v|^2 of a random unit vector
  double least_dominant;  // and its least value
};

/// How small branches are sampled.
struct SampledSettings {
  std::int64_t tail;      // sampled columns
  std::int64_t capacity;  // most columns in all
  double resolution;      // least weight of a branch that becomes an exact column
  double spacing;         // weight left out between two branches that join the same sampled column
  std::uint64_t seed;
  std::uint32_t batch;
};

/// rho is estimated by L L^dagger + sum_c W_c v_c v_c^dagger / |v_c|^2 over the exact columns L and
/// the sampled columns v_c of true weight W_c. All columns are contiguous, one after the other, the
/// sampled ones first.
///
/// In a step a sampled column takes one Kraus operator, drawn with its probability, and keeps its
/// weight. An exact column takes the dominant operator. Of its other branches those of weight
/// `resolution` and above become exact columns while there is room. The rest lie side by side on an
/// axis that goes on from step to step; each sampled column has points on it, `spacing` apart from
/// a random start, and the branch under a point joins the column: scaled to weight
/// spacing / tail, with a random phase from {1, i, -1, -i}. On average cross terms vanish, and
/// every expectation value is unbiased. Random numbers depend on the seed, the batch, the step and
/// the column alone.
template <class T>
class SampledColumns {
 public:
  /// `columns` has room for `capacity` columns of `rows` elements; the first exact ones are in
  /// place, of the given weights. Throws std::invalid_argument for sizes that do not fit.
  SampledColumns(std::span<std::complex<T>> columns, std::int64_t rows,
                 const SampledSettings& settings, std::span<const double> exact_weights);

  /// The same, on a copy of the columns.
  [[nodiscard]] SampledColumns on(std::span<std::complex<T>> columns) const;

  /// Take all columns, which hold all rows, through steps; the first has this number. Returns the
  /// number of exact columns after each. Cost: about 8 * 2^k flops for each element and step.
  std::vector<std::int64_t> run(std::span<const SampledStep> steps, std::int64_t first_number);

  /// Where the rows are spread over processes: |K v|^2 of the rows held here for every operator and
  /// column, operator by operator; to be summed, and given to advance.
  [[nodiscard]] std::vector<double> partial_weights(const SampledStep& step);
  /// Take all columns through one step. Returns the sampled columns that were joined, whose weights
  /// are to be set.
  std::vector<std::int64_t> advance(const SampledStep& step, std::int64_t number,
                                    std::span<const double> weights);

  [[nodiscard]] std::int64_t tail() const { return settings_.tail; }
  [[nodiscard]] std::int64_t exact() const {
    return static_cast<std::int64_t>(exact_weights_.size());
  }
  /// True weights of the sampled columns, then of the exact ones.
  [[nodiscard]] std::vector<double> weights() const;
  void set_weights(std::span<const double> weights);

 private:
  struct Candidate;
  struct Prepared;
  /// Take one sampled column through a step, without the branches that join it.
  template <class Weigh>
  void step_sampled(Prepared& prepared, std::int64_t column, const Weigh& weigh, bool local);
  /// Take the exact columns through a step; returns the sampled columns that were joined.
  /// `catch_up` is called on each before it is.
  template <class Weigh, class CatchUp>
  std::vector<std::int64_t> step_exact(const SampledStep& step, std::int64_t number,
                                       const Weigh& weigh, const CatchUp& catch_up, bool local);
  /// Add the heavy branches to the exact columns and the dominant weights to `dominant`; returns
  /// the other branches.
  template <class Weigh>
  std::vector<Candidate> branch(const SampledStep& step, const Weigh& weigh,
                                std::vector<double>& dominant);
  template <class CatchUp>
  std::vector<std::int64_t> join(const SampledStep& step, std::int64_t number,
                                 const std::vector<Candidate>& candidates, const CatchUp& catch_up,
                                 bool local);
  void weigh_column(const SampledStep& step, std::int64_t column, std::span<double> out) const;
  void apply(const SampledStep& step, std::int64_t op, std::complex<double> factor,
             std::complex<T>* data) const;
  void normalise(std::int64_t column);
  /// sqrt(|v|^2 / W) of a sampled column; one of weight zero is cleared.
  double own_scale(std::int64_t column);
  /// Scale a sampled column to |v|^2 = W over all processes.
  void make_true(std::int64_t column);
  [[nodiscard]] double norm(const std::complex<T>* data) const;
  [[nodiscard]] std::complex<T>* column(std::int64_t number) const {
    return columns_.data() + number * rows_;
  }

  std::span<std::complex<T>> columns_;
  std::int64_t rows_;
  SampledSettings settings_;
  std::vector<double> tail_weights_;
  std::vector<double> exact_weights_;
  std::vector<double> points_;
  std::vector<double> norms_;  // |v_c|^2 where it is known, else 0
  std::vector<double> least_;  // bounds of |v_c|^2
  std::vector<double> most_;
};

}  // namespace lret
