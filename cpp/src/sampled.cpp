#include "lret/sampled.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>

#include "checks.hpp"
#include "convert.hpp"
#include "lret/apply.hpp"
#include "lret/reduce.hpp"
#include "matrix_plan.hpp"
#include "philox.hpp"

namespace lret {
namespace {

// What a random number is for.
enum class Purpose : std::uint32_t { kStart, kOperator, kPhase };

// Widest step for which reduced matrices are formed.
constexpr std::size_t kReducedBits = 3;

// Norms that a sampled column may drift to before it is scaled back.
constexpr double kLeastNorm = 1e-6;
constexpr double kMostNorm = 1e6;

PhiloxCounter draw(const SampledSettings& settings, std::int64_t step, std::int64_t column,
                   Purpose purpose, std::uint32_t place = 0) {
  const auto what = static_cast<std::uint32_t>(purpose) | place << 2;
  return philox(
      {settings.batch, static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(column), what},
      settings.seed);
}

std::int64_t count_of(const SampledStep& step) {
  return static_cast<std::int64_t>(step.kraus.size() >> (2 * step.bits.size()));
}

std::span<const std::complex<double>> operator_of(const SampledStep& step, std::int64_t op) {
  const std::size_t size = std::size_t{1} << (2 * step.bits.size());
  return step.kraus.subspan(static_cast<std::size_t>(op) * size, size);
}

std::vector<std::complex<double>> scaled(std::span<const std::complex<double>> matrix,
                                         std::complex<double> factor) {
  std::vector<std::complex<double>> out(matrix.begin(), matrix.end());
  for (auto& entry : out) entry *= factor;
  return out;
}

// The diagonal of a matrix on some bits that is best applied as one, else nothing.
std::vector<std::complex<double>> diagonal_of(std::span<const int> bits,
                                              std::span<const std::complex<double>> matrix) {
  if (bits.size() == 1) return {};  // the dense kernel is as fast there
  const std::size_t side = std::size_t{1} << bits.size();
  std::vector<std::complex<double>> diagonal;
  for (std::size_t i = 0; i < side * side; ++i) {
    if (i % (side + 1) == 0) {
      diagonal.push_back(matrix[i]);
    } else if (matrix[i] != 0.0) {
      return {};
    }
  }
  return diagonal;
}

// A matrix on some bits of one contiguous column, prepared for many columns.
template <class T>
class ColumnOperator {
 public:
  ColumnOperator(std::int64_t rows, std::span<const int> bits,
                 std::span<const std::complex<double>> matrix)
      : rows_(rows),
        bits_(bits),
        diagonal_(diagonal_of(bits, matrix)),
        dense_(diagonal_.empty() ? Dense(std::in_place, Shape{rows, 1, 1}, std::span<const int>{},
                                         0, bits, matrix)
                                 : Dense()) {}

  void run(std::complex<T>* data) const {
    if (dense_) {
      dense_->run(data);
    } else if (bits_.empty()) {
      const auto value = std::complex<T>(diagonal_[0]);
      std::for_each(data, data + rows_, [&](std::complex<T>& entry) { entry *= value; });
    } else {
      apply_diagonal<T>({data, rows_, 1, 1}, bits_, diagonal_);
    }
  }

 private:
  using Dense = std::optional<MatrixPlan<T>>;

  std::int64_t rows_;
  std::span<const int> bits_;
  std::vector<std::complex<double>> diagonal_;
  Dense dense_;
};

// target += matrix * source, for a matrix on some bits of contiguous columns.
template <class T>
void add_applied(std::int64_t rows, std::span<const int> bits,
                 std::span<const std::complex<double>> matrix, const std::complex<T>* source,
                 std::complex<T>* target) {
  if (!bits.empty()) {
    MatrixPlan<T>({rows, 1, 1}, {}, 0, bits, matrix).add(source, target);
    return;
  }
  const auto factor = std::complex<T>(matrix[0]);
  for (std::int64_t x = 0; x < rows; ++x) target[x] += factor * source[x];
}

template <class T>
void scale_column(std::complex<T>* data, std::int64_t count, double factor) {
  T* const reals = reals_of(data);
  const T scale = static_cast<T>(factor);
  for (std::int64_t i = 0; i < 2 * count; ++i) reals[i] *= scale;
}

}  // namespace

template <class T>
struct SampledColumns<T>::Candidate {
  std::int64_t op;
  std::int64_t source;  // number of the exact column
  double weight;
};

// A step and its dominant operator on one column, made when it is first used.
template <class T>
struct SampledColumns<T>::Prepared {
  const SampledStep* step;
  std::int64_t number;
  std::optional<MatrixPlan<T>> dominant;
};

template <class T>
SampledColumns<T>::SampledColumns(std::span<std::complex<T>> columns, std::int64_t rows,
                                  const SampledSettings& settings,
                                  std::span<const double> exact_weights)
    : columns_(columns),
      rows_(rows),
      settings_(settings),
      exact_weights_(exact_weights.begin(), exact_weights.end()) {
  check_rows(rows);
  if (settings.tail < 0 || settings.tail + exact() > settings.capacity) {
    throw std::invalid_argument("capacity must hold the tail and the exact columns");
  }
  check_size("columns", columns.size(), static_cast<std::size_t>(settings.capacity * rows));
  const auto tail = static_cast<std::size_t>(settings.tail);
  tail_weights_.resize(tail);
  norms_.resize(tail);
  least_.assign(tail, 1.0);
  most_.assign(tail, 1.0);
  for (std::int64_t c = 0; c < settings.tail; ++c) {
    points_.push_back(settings.spacing * unit_interval(draw(settings, 0, c, Purpose::kStart)));
  }
}

template <class T>
SampledColumns<T> SampledColumns<T>::on(std::span<std::complex<T>> columns) const {
  check_size("columns", columns.size(), columns_.size());
  SampledColumns other = *this;
  other.columns_ = columns;
  return other;
}

template <class T>
std::vector<double> SampledColumns<T>::weights() const {
  std::vector<double> all = tail_weights_;
  all.insert(all.end(), exact_weights_.begin(), exact_weights_.end());
  return all;
}

template <class T>
void SampledColumns<T>::set_weights(std::span<const double> weights) {
  check_size("weights", weights.size(), tail_weights_.size() + exact_weights_.size());
  const auto middle = weights.begin() + settings_.tail;
  std::copy(weights.begin(), middle, tail_weights_.begin());
  std::copy(middle, weights.end(), exact_weights_.begin());
  // The columns may have changed with their weights.
  std::ranges::fill(norms_, 0.0);
}

template <class T>
double SampledColumns<T>::norm(const std::complex<T>* data) const {
  double sum = 0;
  squared_norms<T>({data, static_cast<std::size_t>(rows_)}, rows_, {&sum, 1});
  return sum;
}

template <class T>
void SampledColumns<T>::apply(const SampledStep& step, std::int64_t op, std::complex<double> factor,
                              std::complex<T>* data) const {
  ColumnOperator<T>(rows_, step.bits, scaled(operator_of(step, op), factor)).run(data);
}

template <class T>
void SampledColumns<T>::weigh_column(const SampledStep& step, std::int64_t number,
                                     std::span<double> out) const {
  const std::complex<T>* const data = column(number);
  const std::size_t side = std::size_t{1} << step.bits.size();
  if (step.bits.empty()) {
    const double whole = norm(data);
    for (std::size_t k = 0; k < out.size(); ++k) out[k] = std::norm(step.kraus[k]) * whole;
    return;
  }
  if (step.bits.size() > kReducedBits) {
    std::vector<std::complex<T>> image(static_cast<std::size_t>(rows_));
    for (std::size_t k = 0; k < out.size(); ++k) {
      std::copy_n(data, rows_, image.data());
      apply(step, static_cast<std::int64_t>(k), 1.0, image.data());
      out[k] = norm(image.data());
    }
    return;
  }
  std::vector<std::complex<double>> rho(side * side);
  reduced_matrices<T>({data, rows_, 1, 1}, step.bits, rho);
  for (std::size_t k = 0; k < out.size(); ++k) {
    // |K v|^2 = sum_i sum_ab K[i, a] rho[a, b] conj(K[i, b])
    const auto kraus = operator_of(step, static_cast<std::int64_t>(k));
    double sum = 0;
    for (std::size_t i = 0; i < side; ++i) {
      for (std::size_t a = 0; a < side; ++a) {
        for (std::size_t b = 0; b < side; ++b) {
          sum += (kraus[i * side + a] * rho[a * side + b] * std::conj(kraus[i * side + b])).real();
        }
      }
    }
    out[k] = std::max(0.0, sum);
  }
}

template <class T>
std::vector<double> SampledColumns<T>::partial_weights(const SampledStep& step) {
  const std::int64_t columns = tail() + exact();
  const auto operators = static_cast<std::size_t>(count_of(step));
  std::vector<double> out(operators * static_cast<std::size_t>(columns));
  std::vector<double> one(operators);
  for (std::int64_t c = 0; c < columns; ++c) {
    weigh_column(step, c, one);
    for (std::size_t k = 0; k < operators; ++k) {
      out[k * static_cast<std::size_t>(columns) + static_cast<std::size_t>(c)] = one[k];
    }
  }
  return out;
}

template <class T>
void SampledColumns<T>::normalise(std::int64_t number) {
  const auto place = static_cast<std::size_t>(number);
  scale_column(column(number), rows_, 1 / std::sqrt(norm(column(number))));
  norms_[place] = least_[place] = most_[place] = 1.0;
}

template <class T>
double SampledColumns<T>::own_scale(std::int64_t number) {
  const auto place = static_cast<std::size_t>(number);
  std::complex<T>* const data = column(number);
  if (tail_weights_[place] == 0) {
    std::fill_n(data, rows_, std::complex<T>{});
    return 1;
  }
  const double whole = norms_[place] > 0 ? norms_[place] : norm(data);
  return std::sqrt(whole / tail_weights_[place]);
}

template <class T>
void SampledColumns<T>::make_true(std::int64_t number) {
  const auto place = static_cast<std::size_t>(number);
  const double weight = tail_weights_[place];
  scale_column(column(number), rows_, weight == 0 ? 0.0 : std::sqrt(weight / norms_[place]));
  least_[place] = most_[place] = 1.0;
}

template <class T>
template <class Weigh>
void SampledColumns<T>::step_sampled(Prepared& prepared, std::int64_t c, const Weigh& weigh,
                                     bool local) {
  const auto place = static_cast<std::size_t>(c);
  if (tail_weights_[place] == 0) return;
  const SampledStep& step = *prepared.step;
  const bool mixture = !step.probabilities.empty();
  const double point = unit_interval(draw(settings_, prepared.number, c, Purpose::kOperator));
  std::int64_t op = 0;
  double part = step.mean_dominant;
  if (!local || point >= step.least_dominant) {
    const std::span<const double> weights = weigh(step, c);
    const double whole = std::accumulate(weights.begin(), weights.end(), 0.0);
    double passed = weights[0];
    while (op + 1 < count_of(step) && passed <= point * whole) {
      ++op;
      passed += weights[static_cast<std::size_t>(op)];
    }
    part = weights[static_cast<std::size_t>(op)] / whole;
    // Within this process a mixture's weights are its probabilities, which tell no norm.
    if (!local || !mixture) norms_[place] = whole;
  } else if (!mixture) {
    norms_[place] = 0;
    least_[place] *= step.least_dominant / step.mean_dominant;
    most_[place] /= step.mean_dominant;
  }
  if (op == 0 && part == step.mean_dominant && !step.bits.empty()) {
    if (!prepared.dominant) {
      prepared.dominant.emplace(Shape{rows_, 1, 1}, std::span<const int>{}, 0, step.bits,
                                scaled(operator_of(step, 0), 1 / std::sqrt(part)));
    }
    prepared.dominant->run(column(c));
  } else {
    apply(step, op, 1 / std::sqrt(part), column(c));
  }
  if (least_[place] < kLeastNorm || most_[place] > kMostNorm) normalise(c);
}

template <class T>
template <class Weigh>
std::vector<typename SampledColumns<T>::Candidate> SampledColumns<T>::branch(
    const SampledStep& step, const Weigh& weigh, std::vector<double>& dominant) {
  std::vector<Candidate> small;
  const std::int64_t before = exact();
  for (std::int64_t j = 0; j < before; ++j) {
    const std::span<const double> weights = weigh(step, tail() + j);
    dominant.push_back(weights[0]);
    for (std::int64_t k = 1; k < count_of(step); ++k) {
      const double weight = weights[static_cast<std::size_t>(k)];
      if (weight < settings_.resolution || tail() + exact() == settings_.capacity) {
        if (weight > 0) small.push_back({k, j, weight});
        continue;
      }
      std::complex<T>* const target = column(tail() + exact());
      std::copy_n(column(tail() + j), rows_, target);
      apply(step, k, 1.0, target);
      exact_weights_.push_back(weight);
    }
  }
  return small;
}

template <class T>
template <class CatchUp>
std::vector<std::int64_t> SampledColumns<T>::join(const SampledStep& step, std::int64_t number,
                                                  const std::vector<Candidate>& candidates,
                                                  const CatchUp& catch_up, bool local) {
  std::vector<double> edges;
  double total = 0;
  for (const Candidate& candidate : candidates) edges.push_back(total += candidate.weight);
  const std::complex<double> phases[] = {1.0, {0.0, 1.0}, -1.0, {0.0, -1.0}};
  std::vector<std::int64_t> joined;
  for (std::int64_t c = 0; c < tail(); ++c) {
    const auto place = static_cast<std::size_t>(c);
    double& point = points_[place];
    if (point >= total) {
      point -= total;
      continue;
    }
    joined.push_back(c);
    catch_up(c);
    const double scale = local ? own_scale(c) : 1.0;
    if (!local) make_true(c);
    for (std::uint32_t turn = 0; point < total; ++turn, point += settings_.spacing) {
      const auto found = std::ranges::upper_bound(edges, point) - edges.begin();
      const Candidate& candidate = candidates[static_cast<std::size_t>(found)];
      const auto bits = draw(settings_, number, c, Purpose::kPhase, turn);
      const double size =
          scale * std::sqrt(settings_.spacing / static_cast<double>(tail()) / candidate.weight);
      add_applied<T>(rows_, step.bits,
                     scaled(operator_of(step, candidate.op), size * phases[bits[0] & 3U]),
                     column(tail() + candidate.source), column(c));
    }
    point -= total;
    if (local) {
      const double whole = norm(column(c));
      tail_weights_[place] = whole / (scale * scale);
      norms_[place] = least_[place] = most_[place] = whole;
    }
  }
  return joined;
}

template <class T>
template <class Weigh, class CatchUp>
std::vector<std::int64_t> SampledColumns<T>::step_exact(const SampledStep& step,
                                                        std::int64_t number, const Weigh& weigh,
                                                        const CatchUp& catch_up, bool local) {
  std::vector<double> dominant;
  const std::int64_t before = exact();
  const auto candidates = branch(step, weigh, dominant);
  auto joined = join(step, number, candidates, catch_up, local);
  const ColumnOperator<T> main(rows_, step.bits, operator_of(step, 0));
  for (std::int64_t j = 0; j < before; ++j) {
    main.run(column(tail() + j));
    exact_weights_[static_cast<std::size_t>(j)] = dominant[static_cast<std::size_t>(j)];
  }
  return joined;
}

template <class T>
std::vector<std::int64_t> SampledColumns<T>::run(std::span<const SampledStep> steps,
                                                 std::int64_t first_number) {
  std::vector<double> weights;
  const auto weigh = [&](const SampledStep& step, std::int64_t c) -> std::span<const double> {
    weights.resize(static_cast<std::size_t>(count_of(step)));
    if (step.probabilities.empty()) {
      weigh_column(step, c, weights);
    } else {
      const double whole = c < tail() ? 1.0 : exact_weights_[static_cast<std::size_t>(c - tail())];
      for (std::size_t k = 0; k < weights.size(); ++k) weights[k] = step.probabilities[k] * whole;
    }
    return weights;
  };
  std::vector<Prepared> prepared;
  for (const SampledStep& step : steps) prepared.push_back({&step, first_number++, {}});
  // A sampled column stays in the cache for all steps up to the one where a branch joins it.
  std::vector<std::size_t> done(static_cast<std::size_t>(tail()));
  const auto catch_up = [&](std::int64_t c, std::size_t end) {
    for (std::size_t& at = done[static_cast<std::size_t>(c)]; at < end; ++at) {
      step_sampled(prepared[at], c, weigh, true);
    }
  };
  std::vector<std::int64_t> ranks;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto join_at = [&](std::int64_t c) { catch_up(c, i + 1); };
    step_exact(steps[i], prepared[i].number, weigh, join_at, true);
    ranks.push_back(exact());
  }
  for (std::int64_t c = 0; c < tail(); ++c) catch_up(c, steps.size());
  return ranks;
}

template <class T>
std::vector<std::int64_t> SampledColumns<T>::advance(const SampledStep& step, std::int64_t number,
                                                     std::span<const double> weights) {
  const auto columns = static_cast<std::size_t>(tail() + exact());
  const auto operators = static_cast<std::size_t>(count_of(step));
  check_size("weights", weights.size(), operators * columns);
  std::vector<double> one(operators);
  const auto weigh = [&](const SampledStep&, std::int64_t c) -> std::span<const double> {
    for (std::size_t k = 0; k < operators; ++k) {
      one[k] = weights[k * columns + static_cast<std::size_t>(c)];
    }
    return one;
  };
  Prepared prepared{&step, number, {}};
  for (std::int64_t c = 0; c < tail(); ++c) step_sampled(prepared, c, weigh, false);
  return step_exact(step, number, weigh, [](std::int64_t) {}, false);
}

template class SampledColumns<double>;
template class SampledColumns<float>;

}  // namespace lret
