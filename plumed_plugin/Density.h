// A normalised density over collective variables: what a flow.cvf file holds.
#ifndef CVFLOW_DENSITY_H
#define CVFLOW_DENSITY_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace cvflow {

using Point = std::vector<double>;

constexpr double PI = 3.14159265358979323846;
constexpr double INFINITE = std::numeric_limits<double>::infinity();

/// What one CV lives on; the numbers are those of the file.
enum class Axis : std::uint32_t { LINE = 0, CIRCLE = 1, BOX = 2 };

/// One collective variable: what the file says of it. The period is infinite but on circles.
struct Variable {
  Axis axis;
  double period;
  std::string name;
  std::string unit;
};

/// log q at a point, per CV unit, with its gradient.
struct LogDensity {
  double value;
  Point gradient;
};

/// The random numbers of one draw: one in [0, 1), and for each CV a standard normal and a uniform in [-5, 5).
struct Noise {
  double choice;
  Point normal;
  Point uniform;
};

/// A number brought into half a period around zero; as it is where the period is infinite. Halves go to even.
inline double wrapped(double value, double period) {
  return std::isfinite(period) ? value - period * std::nearbyint(value / period) : value;
}

/// log(exp a + exp b).
inline double logAddExp(double a, double b) {
  const double high = a > b ? a : b, low = a > b ? b : a;
  return high == -INFINITE ? high : high + std::log1p(std::exp(low - high));
}

/// Law: `logDensity` is the density of `draw`, and its gradient is that of its value.
class Density {
public:
  virtual ~Density() = default;

  /// In the CVs' order and units; on circles any turn will do.
  virtual LogDensity logDensity(const Point& point) const = 0;

  /// On circles within half a period around zero.
  virtual Point draw(const Noise& noise) const = 0;
};

}

#endif
