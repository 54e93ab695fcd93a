// A monotonic rational-quadratic spline on [-5, 5], the identity outside: docs/flow.md, "The spline".
#ifndef CVFLOW_SPLINE_H
#define CVFLOW_SPLINE_H

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

namespace cvflow {

constexpr double BOUND = 5.0;

/// A number with its derivatives with respect to N others: forward-mode differentiation.
template <std::size_t N>
struct Dual {
  double value = 0.0;
  std::array<double, N> slope{};

  Dual(double constant) : value(constant) {}  // NOLINT: constants mix with duals

  Dual(double start, std::size_t which) : value(start) {
    slope[which] = 1.0;
  }

  Dual combined(double result, double by, const Dual& other, double byOther) const {
    Dual out(result);
    for (std::size_t i = 0; i < N; i++) {
      out.slope[i] = by * slope[i] + byOther * other.slope[i];
    }
    return out;
  }

  friend Dual operator+(const Dual& a, const Dual& b) {
    return a.combined(a.value + b.value, 1.0, b, 1.0);
  }
  friend Dual operator-(const Dual& a, const Dual& b) {
    return a.combined(a.value - b.value, 1.0, b, -1.0);
  }
  friend Dual operator*(const Dual& a, const Dual& b) {
    return a.combined(a.value * b.value, b.value, b, a.value);
  }
  friend Dual operator/(const Dual& a, const Dual& b) {
    const double ratio = a.value / b.value;
    return a.combined(ratio, 1.0 / b.value, b, -ratio / b.value);
  }
  friend Dual log(const Dual& a) {
    return a.combined(std::log(a.value), 1.0 / a.value, a, 0.0);
  }
};

/// A spline's value and the logarithm of its slope.
template <class T>
struct Mapped {
  T value;
  T logSlope;
};

/// The spline of one CV, made from the conditioner's 3K - 1 parameters: K widths, K heights, K - 1 slopes.
class Spline {
  std::size_t bins_;
  const double* parameters_;
  std::vector<double> widths_, heights_;  // softmax: fractions of the whole
  std::vector<double> x_, y_, slopes_;    // at knots

  static double softened(double parameter, double factor) {
    return parameter / (1.0 + factor * std::abs(parameter) / std::log(1000.0));
  }

  static double softenedSlope(double parameter, double factor) {
    const double by = 1.0 + factor * std::abs(parameter) / std::log(1000.0);
    return 1.0 / (by * by);
  }

  std::vector<double> fractions(const double* raw) const {
    std::vector<double> made(bins_);
    double highest = softened(raw[0], 2.0), sum = 0.0;
    for (std::size_t k = 0; k < bins_; k++) {
      made[k] = softened(raw[k], 2.0);
      highest = std::max(highest, made[k]);
    }
    for (double& each : made) {
      each = std::exp(each - highest);
      sum += each;
    }
    for (double& each : made) {
      each /= sum;
    }
    return made;
  }

  static std::vector<double> knots(const std::vector<double>& parts) {
    std::vector<double> made(parts.size() + 1, -BOUND);
    double sum = 0.0;
    for (std::size_t k = 0; k < parts.size(); k++) {
      sum += parts[k];
      made[k + 1] = BOUND * (2.0 * sum - 1.0);
    }
    return made;
  }

  /// The bin with knots[k] < at <= knots[k + 1], or `bins_` outside.
  std::size_t bin(const std::vector<double>& knots, double at) const {
    const auto below = std::lower_bound(knots.begin(), knots.end(), at) - knots.begin();
    return below == 0 ? bins_ : static_cast<std::size_t>(below) - 1;
  }

  template <class T>
  static Mapped<T> mapped(T u, T x0, T x1, T y0, T y1, T d0, T d1) {
    using std::log;
    const T width = x1 - x0, height = y1 - y0, s = height / width, z = (u - x0) / width, rest = T(1.0) - z;
    const T e = s + (d0 + d1 - T(2.0) * s) * z * rest;
    const T value = y0 + height * (s * z * z + d0 * z * rest) / e;
    const T slope = s * s * (T(2.0) * s * z * rest + d0 * rest * rest + d1 * z * z) / (e * e);
    return {value, log(slope)};
  }

  /// Adjoints of the raw widths (or heights) from those of the two knots of bin k.
  void pullFractions(const double* raw, const std::vector<double>& parts, std::size_t k, double low, double high,
                     double* adjoint) const {
    double mean = 0.0;
    for (std::size_t j = 0; j < bins_; j++) {
      adjoint[j] = 2.0 * BOUND * ((j < k ? low : 0.0) + (j <= k ? high : 0.0));
      mean += parts[j] * adjoint[j];
    }
    for (std::size_t j = 0; j < bins_; j++) {
      adjoint[j] = parts[j] * (adjoint[j] - mean) * softenedSlope(raw[j], 2.0);
    }
  }

public:
  /// The parameters must outlive the spline.
  Spline(const double* parameters, std::size_t bins)
    : bins_(bins), parameters_(parameters), widths_(fractions(parameters)), heights_(fractions(parameters + bins)),
      x_(knots(widths_)), y_(knots(heights_)), slopes_(bins + 1, 1.0) {
    for (std::size_t k = 1; k < bins; k++) {
      slopes_[k] = std::exp(softened(parameters[2 * bins + k - 1], 1.0));
    }
  }

  Mapped<double> operator()(double u) const {
    const std::size_t k = bin(x_, u);
    if (k >= bins_) {
      return {u, 0.0};
    }
    return mapped<double>(u, x_[k], x_[k + 1], y_[k], y_[k + 1], slopes_[k], slopes_[k + 1]);
  }

  double inverse(double value) const {
    const std::size_t k = bin(y_, value);
    if (k >= bins_) {
      return value;
    }
    const double width = x_[k + 1] - x_[k], height = y_[k + 1] - y_[k], s = height / width, v = value - y_[k];
    const double bend = v * (slopes_[k] + slopes_[k + 1] - 2.0 * s);
    const double a = height * (s - slopes_[k]) + bend, b = height * slopes_[k] - bend;
    return x_[k] + width * 2.0 * s * v / (b + std::sqrt(b * b + 4.0 * a * s * v));
  }

  /// Adjoint of u and, into `parameters` (3K - 1 numbers), of the parameters, from that of the value, and 1 for the
  /// logarithm of the slope.
  double pull(double u, double adjoint, double* parameters) const {
    std::fill(parameters, parameters + 3 * bins_ - 1, 0.0);
    const std::size_t k = bin(x_, u);
    if (k >= bins_) {
      return adjoint;
    }
    using D = Dual<7>;
    const auto out = mapped<D>(D(u, 0), D(x_[k], 1), D(x_[k + 1], 2), D(y_[k], 3), D(y_[k + 1], 4), D(slopes_[k], 5),
                               D(slopes_[k + 1], 6));
    std::array<double, 7> by{};
    for (std::size_t i = 0; i < by.size(); i++) {
      by[i] = adjoint * out.value.slope[i] + out.logSlope.slope[i];
    }
    pullFractions(parameters_, widths_, k, by[1], by[2], parameters);
    pullFractions(parameters_ + bins_, heights_, k, by[3], by[4], parameters + bins_);
    for (std::size_t end = 0; end < 2; end++) {
      const std::size_t knot = k + end;  // slopes at the ends are 1 and follow from nothing
      if (knot > 0 && knot < bins_) {
        const std::size_t slot = 2 * bins_ + knot - 1;
        parameters[slot] = by[5 + end] * slopes_[knot] * softenedSlope(parameters_[slot], 1.0);
      }
    }
    return by[0];
  }
};

}

#endif
