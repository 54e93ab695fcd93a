// One density a named state, each with its weight: docs/cvf.md, "Labels".
#ifndef CVFLOW_LABELLED_H
#define CVFLOW_LABELLED_H

#include <cmath>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "Density.h"

namespace cvflow {

class Labelled final : public Density {
  Point weights_;
  std::vector<std::unique_ptr<Density>> parts_;

public:
  Labelled(Point weights, std::vector<std::unique_ptr<Density>> parts)
    : weights_(std::move(weights)), parts_(std::move(parts)) {}

  LogDensity logDensity(const Point& point) const override {
    LogDensity out{-INFINITE, Point(point.size(), 0.0)};
    for (std::size_t k = 0; k < parts_.size(); k++) {
      const LogDensity part = parts_[k]->logDensity(point);
      const double term = std::log(weights_[k]) + part.value;
      const double sum = logAddExp(out.value, term);
      const double share = sum == -INFINITE ? 0.0 : std::exp(term - sum);
      for (std::size_t i = 0; share > 0.0 && i < point.size(); i++) {
        out.gradient[i] = (1.0 - share) * out.gradient[i] + share * part.gradient[i];
      }
      out.value = sum;
    }
    return out;
  }

  Point draw(const Noise& noise) const override {
    double sum = 0.0;
    std::size_t k = 0;
    while (k + 1 < parts_.size() && noise.choice >= sum + weights_[k]) {
      sum += weights_[k++];
    }
    // What is left of the number decides within the label.
    const double rest = (noise.choice - sum) / weights_[k];
    return parts_[k]->draw({rest < 1.0 ? rest : std::nextafter(1.0, 0.0), noise.normal, noise.uniform});
  }
};

}

#endif
