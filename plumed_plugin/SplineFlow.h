// The learned density: autoregressive splines in a defensive mixture, written out in docs/flow.md.
#ifndef CVFLOW_SPLINEFLOW_H
#define CVFLOW_SPLINEFLOW_H

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "Density.h"
#include "Spline.h"

namespace cvflow {

/// x -> W x + b; the weights row by row.
struct Layer {
  std::size_t rows, columns;
  std::vector<double> weights, bias;
};

/// A feed-forward network with max(x, 0) between its layers.
class Network {
  std::vector<Layer> layers_;

public:
  explicit Network(std::vector<Layer> layers) : layers_(std::move(layers)) {}

  /// What each layer is given, and at last the output.
  using Trace = std::vector<Point>;

  Trace operator()(Point input) const {
    Trace trace{std::move(input)};
    for (std::size_t l = 0; l < layers_.size(); l++) {
      const Layer& layer = layers_[l];
      const Point& x = trace.back();
      Point out(layer.bias);
      for (std::size_t row = 0; row < layer.rows; row++) {
        const double* weights = layer.weights.data() + row * layer.columns;
        for (std::size_t column = 0; column < layer.columns; column++) {
          out[row] += weights[column] * x[column];
        }
        if (l + 1 < layers_.size()) {
          out[row] = std::max(out[row], 0.0);
        }
      }
      trace.push_back(std::move(out));
    }
    return trace;
  }

  /// Adjoint of the input from that of the output.
  Point pull(const Trace& trace, Point adjoint) const {
    for (std::size_t l = layers_.size(); l-- > 0;) {
      const Layer& layer = layers_[l];
      Point before(layer.columns, 0.0);
      for (std::size_t row = 0; row < layer.rows; row++) {
        const double* weights = layer.weights.data() + row * layer.columns;
        const bool passes = l + 1 == layers_.size() || trace[l + 1][row] > 0.0;
        for (std::size_t column = 0; passes && column < layer.columns; column++) {
          before[column] += weights[column] * adjoint[row];
        }
      }
      adjoint = std::move(before);
    }
    return adjoint;
  }
};

/// log of a density in standard coordinates, with its gradient.
class SplineFlow final : public Density {
  static constexpr double BROAD = 1.5;
  static constexpr double EDGE = 2e-6;

  std::vector<Axis> axes_;
  Point centre_, scale_;
  double epsilon_, logScale_ = 0.0;
  std::size_t bins_;
  std::vector<Network> conditioners_;

  std::size_t cvs() const {
    return axes_.size();
  }

  double turn() const {
    return 2.0 * BOUND / static_cast<double>(conditioners_.size());
  }

  void turnBy(double by, Point& u) const {
    const double round = 2.0 * BOUND;
    for (std::size_t i = 0; i < cvs(); i++) {
      if (axes_[i] == Axis::CIRCLE) {
        double turned = std::fmod(u[i] + by + BOUND, round);
        turned = turned < 0.0 ? turned + round : turned;
        u[i] = turned - BOUND;
      }
    }
  }

  /// u on lines and in boxes, the cosine on circles; then the sines of circles. A single CV's conditioner sees nothing.
  Point features(const Point& u) const {
    if (cvs() == 1) {
      return {};
    }
    Point seen(u);
    for (std::size_t i = 0; i < cvs(); i++) {
      if (axes_[i] == Axis::CIRCLE) {
        seen[i] = std::cos(u[i] * (PI / BOUND));
        seen.push_back(std::sin(u[i] * (PI / BOUND)));
      }
    }
    return seen;
  }

  /// Add to the adjoint of u what that of the features brings.
  void pullFeatures(const Point& u, const Point& adjoint, Point& into) const {
    std::size_t sine = cvs();
    for (std::size_t i = 0; i < cvs() && cvs() > 1; i++) {
      if (axes_[i] == Axis::CIRCLE) {
        const double angle = u[i] * (PI / BOUND);
        into[i] += (PI / BOUND) * (adjoint[sine++] * std::cos(angle) - adjoint[i] * std::sin(angle));
      } else {
        into[i] += adjoint[i];
      }
    }
  }

  std::size_t outputs() const {
    return 3 * bins_ - 1;
  }

  /// What one transform keeps for the way back.
  struct Passed {
    Point u;
    Network::Trace trace;
    std::vector<Spline> splines;
  };

  /// The learned part: forward through all transforms, then back with the adjoints.
  LogDensity learned(Point u) const {
    double total = 0.0;
    std::vector<Passed> way;
    for (const Network& conditioner : conditioners_) {
      turnBy(turn(), u);
      way.push_back({u, conditioner(features(u)), {}});
      Passed& here = way.back();
      for (std::size_t i = 0; i < cvs(); i++) {
        here.splines.emplace_back(here.trace.back().data() + i * outputs(), bins_);
        const auto mapped = here.splines.back()(u[i]);
        u[i] = mapped.value;
        total += mapped.logSlope;
      }
    }
    Point adjoint(cvs(), 0.0);
    for (std::size_t i = 0; i < cvs(); i++) {
      const bool line = axes_[i] == Axis::LINE;
      total += line ? -0.5 * (u[i] * u[i] + std::log(2.0 * PI)) : -std::log(2.0 * BOUND);
      adjoint[i] = line ? -u[i] : 0.0;
    }
    for (std::size_t t = conditioners_.size(); t-- > 0;) {
      Point parameters(cvs() * outputs());
      for (std::size_t i = 0; i < cvs(); i++) {
        adjoint[i] = way[t].splines[i].pull(way[t].u[i], adjoint[i], parameters.data() + i * outputs());
      }
      pullFeatures(way[t].u, conditioners_[t].pull(way[t].trace, std::move(parameters)), adjoint);
    }
    return {total, adjoint};
  }

  LogDensity broad(const Point& u) const {
    LogDensity out{0.0, Point(cvs(), 0.0)};
    for (std::size_t i = 0; i < cvs(); i++) {
      const double width = u[i] / BROAD;
      const bool line = axes_[i] == Axis::LINE;
      out.value += line ? -0.5 * (width * width + std::log(2.0 * PI * BROAD * BROAD)) : -std::log(2.0 * BOUND);
      out.gradient[i] = line ? -width / BROAD : 0.0;
    }
    return out;
  }

  Point outward(const Point& u) const {
    Point point(cvs());
    for (std::size_t i = 0; i < cvs(); i++) {
      const double period = axes_[i] == Axis::CIRCLE ? 2.0 * BOUND * scale_[i] : INFINITE;
      point[i] = wrapped(centre_[i] + scale_[i] * u[i], period);
    }
    return point;
  }

public:
  SplineFlow(std::vector<Axis> axes, Point centre, Point scale, double epsilon, std::size_t bins,
             std::vector<Network> conditioners)
    : axes_(std::move(axes)), centre_(std::move(centre)), scale_(std::move(scale)), epsilon_(epsilon), bins_(bins),
      conditioners_(std::move(conditioners)) {
    for (double each : scale_) {
      logScale_ += std::log(each);
    }
  }

  LogDensity logDensity(const Point& point) const override {
    Point u(cvs());
    std::vector<bool> clipped(cvs(), false);
    for (std::size_t i = 0; i < cvs(); i++) {
      u[i] = (point[i] - centre_[i]) / scale_[i];
      if (axes_[i] == Axis::CIRCLE) {
        u[i] = wrapped(u[i], 2.0 * BOUND);
      } else if (axes_[i] == Axis::BOX) {
        if (std::abs(point[i] - centre_[i]) > BOUND * scale_[i] * (1.0 + EDGE)) {
          return {-INFINITE, Point(cvs(), 0.0)};
        }
        clipped[i] = std::abs(u[i]) > BOUND;
        u[i] = std::clamp(u[i], -BOUND, BOUND);
      }
    }
    const LogDensity narrow = learned(u), wide = broad(u);
    const double a = std::log1p(-epsilon_) + narrow.value, b = std::log(epsilon_) + wide.value;
    LogDensity out{logAddExp(a, b), Point(cvs(), 0.0)};
    const double share = std::exp(a - out.value), rest = std::exp(b - out.value);
    for (std::size_t i = 0; i < cvs(); i++) {
      out.gradient[i] = clipped[i] ? 0.0 : (share * narrow.gradient[i] + rest * wide.gradient[i]) / scale_[i];
    }
    out.value -= logScale_;
    return out;
  }

  Point draw(const Noise& noise) const override {
    Point u(cvs());
    const bool wide = noise.choice < epsilon_;
    for (std::size_t i = 0; i < cvs(); i++) {
      const bool line = axes_[i] == Axis::LINE;
      u[i] = line ? (wide ? BROAD : 1.0) * noise.normal[i] : noise.uniform[i];
    }
    return outward(wide ? u : placed(std::move(u)));
  }

private:
  /// From a draw of the base density to one of the flow: each CV needs the undone values of those before it.
  Point placed(Point u) const {
    for (std::size_t t = conditioners_.size(); t-- > 0;) {
      Point undone(cvs(), 0.0);
      for (std::size_t k = 0; k < cvs(); k++) {
        const std::size_t i = t % 2 ? cvs() - 1 - k : k;
        const auto trace = conditioners_[t](features(undone));
        undone[i] = Spline(trace.back().data() + i * outputs(), bins_).inverse(u[i]);
      }
      turnBy(-turn(), undone);
      u = std::move(undone);
    }
    return u;
  }
};

}

#endif
