// A fixed mixture of Gaussians with diagonal covariances, wrapped on circles: docs/cvf.md, "Mixtures".
#ifndef CVFLOW_MIXTURE_H
#define CVFLOW_MIXTURE_H

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "Density.h"

namespace cvflow {

class Mixture final : public Density {
  static constexpr int IMAGES = 3;  // on each side

  Point periods_, weights_, means_, sigmas_;  // means and sigmas: one row a component

  /// Log of one CV's factor, a sum over images on circles, and its derivative.
  std::pair<double, double> factor(double value, double mean, double sigma, double period) const {
    const int images = std::isfinite(period) ? IMAGES : 0;
    double total = -INFINITE, slope = 0.0;
    for (int image = -images; image <= images; image++) {
      const double u = (value + (images ? image * period : 0.0) - mean) / sigma;
      const double term = -0.5 * (u * u + std::log(2.0 * PI)) - std::log(sigma);
      const double sum = logAddExp(total, term);
      // The sum is -inf only where every term so far is.
      const double share = sum == -INFINITE ? 1.0 : std::exp(term - sum);
      slope = (1.0 - share) * slope + share * (-u / sigma);
      total = sum;
    }
    return {total, slope};
  }

public:
  Mixture(Point periods, Point weights, Point means, Point sigmas)
    : periods_(std::move(periods)), weights_(std::move(weights)), means_(std::move(means)),
      sigmas_(std::move(sigmas)) {}

  LogDensity logDensity(const Point& point) const override {
    const std::size_t cvs = periods_.size();
    LogDensity out{-INFINITE, Point(cvs, 0.0)};
    Point slopes(cvs);
    for (std::size_t k = 0; k < weights_.size(); k++) {
      double term = std::log(weights_[k]);
      for (std::size_t i = 0; i < cvs; i++) {
        const auto [log, slope] =
          factor(wrapped(point[i], periods_[i]), means_[k * cvs + i], sigmas_[k * cvs + i], periods_[i]);
        term += log;
        slopes[i] = slope;
      }
      const double sum = logAddExp(out.value, term);
      const double share = sum == -INFINITE ? 0.0 : std::exp(term - sum);
      for (std::size_t i = 0; i < cvs; i++) {
        out.gradient[i] = (1.0 - share) * out.gradient[i] + share * slopes[i];
      }
      out.value = sum;
    }
    return out;
  }

  Point draw(const Noise& noise) const override {
    const std::size_t cvs = periods_.size();
    double whole = 0.0, sum = 0.0;
    for (double weight : weights_) {
      whole += weight;
    }
    std::size_t k = 0;
    while (k + 1 < weights_.size() && noise.choice >= (sum + weights_[k]) / whole) {
      sum += weights_[k++];
    }
    Point drawn(cvs);
    for (std::size_t i = 0; i < cvs; i++) {
      drawn[i] = wrapped(means_[k * cvs + i] + sigmas_[k * cvs + i] * noise.normal[i], periods_[i]);
    }
    return drawn;
  }
};

}

#endif
