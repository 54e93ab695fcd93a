// The path of a restraint's centre, and the random numbers that choose its ends: docs/theory.md, section 3.
#ifndef CVFLOW_STEERING_H
#define CVFLOW_STEERING_H

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "Density.h"
#include "Spline.h"

namespace cvflow {

/// A schedule that reads the same backwards: fraction(1 - t) = 1 - fraction(t).
enum class Schedule { LINEAR, COSINE };

/// Fraction of the way at the fraction t of the path's time.
inline double fraction(Schedule schedule, double t) {
  return schedule == Schedule::LINEAR ? t : 0.5 * (1.0 - std::cos(PI * t));
}

/// Random numbers that follow from a seed and from what they are for, alike on every machine.
class Stream {
  std::mt19937_64 bits_;

  static std::mt19937_64 seeded(std::uint32_t seed, std::uint32_t purpose, std::uint32_t replica) {
    std::vector<std::uint32_t> words{seed, purpose};
    if (replica > 0) {
      words.push_back(replica);
    }
    std::seed_seq sequence(words.begin(), words.end());
    return std::mt19937_64(sequence);
  }

public:
  /// Replicas have streams of their own; the first has that of a run without replicas.
  Stream(std::uint32_t seed, std::uint32_t purpose, std::uint32_t replica = 0) : bits_(seeded(seed, purpose, replica)) {}

  /// In [0, 1), of 53 bits.
  double uniform() {
    return static_cast<double>(bits_() >> 11) * 0x1p-53;
  }

  /// Standard normal (Box and Muller).
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(2.0 * PI * uniform());
  }

  Noise noise(std::size_t cvs) {
    Noise made{uniform(), Point(cvs), Point(cvs)};
    for (std::size_t i = 0; i < cvs; i++) {
      made.normal[i] = normal();
      made.uniform[i] = BOUND * (2.0 * uniform() - 1.0);
    }
    return made;
  }
};

/// The centre given a CV's value, less that value: normal of width sqrt(kT / kappa), on a circle truncated to half a
/// period on both sides (a wrapped normal would be another density).
inline double centreOffset(double width, double period, Stream& stream) {
  double offset;
  do {
    offset = width * stream.normal();
  } while (std::abs(offset) > 0.5 * period);
  return offset;
}

}

#endif
