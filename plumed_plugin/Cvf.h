// Reading a flow.cvf file: docs/cvf.md. Whatever the bytes are, the outcome is a sound density or a FileError.
#ifndef CVFLOW_CVF_H
#define CVFLOW_CVF_H

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "Density.h"
#include "Labelled.h"
#include "Mixture.h"
#include "Reader.h"
#include "SplineFlow.h"

namespace cvflow {

/// What a file holds: the CVs, how often the density was trained, and the density.
struct Model {
  std::vector<Variable> variables;
  std::uint32_t version;
  std::unique_ptr<Density> density;
};

namespace cvf {

constexpr char MAGIC[] = "CVFLOW\r\n";
constexpr std::uint32_t FORMAT = 1;
constexpr std::uint32_t MOST_CVS = 64;
constexpr std::uint32_t MOST = 100000;  // of anything else that is counted

inline std::string label(Reader& reader, const char* what, std::uint32_t shortest) {
  const std::string text = reader.text(reader.u32(what, shortest, 255));
  for (char each : text) {
    if (static_cast<unsigned char>(each) < 0x20 || each == 0x7F) {
      throw FileError(std::string(what) + " has a control character");
    }
  }
  return text;
}

inline Variable variable(Reader& reader) {
  const Axis axis = static_cast<Axis>(reader.u32("a CV's axis", 0, 2));
  const double period = reader.f64();
  const bool positive = period > 0.0;  // false for NaN
  if (!positive || std::isfinite(period) != (axis == Axis::CIRCLE)) {
    throw FileError("a circle's period must be positive and finite, any other's infinite");
  }
  std::string name = label(reader, "the length of a CV's name", 1);
  return {axis, period, std::move(name), label(reader, "the length of a CV's unit", 0)};
}

inline void mustBePositive(const char* what, const std::vector<double>& values) {
  if (!std::all_of(values.begin(), values.end(), [](double each) { return each > 0.0; })) {
    throw FileError(std::string(what) + " must be positive");
  }
}

inline void mustAddUpToOne(const std::vector<double>& weights) {
  double sum = 0.0;
  for (double weight : weights) {
    sum += weight;
  }
  if (*std::min_element(weights.begin(), weights.end()) < 0.0 || !(std::abs(sum - 1.0) <= 1e-9)) {
    throw FileError("weights must not be negative and must add up to 1");
  }
}

/// Which CVs each output of a layer depends on, one bit a CV, from the same of its input.
inline std::vector<std::uint64_t> reached(const Layer& layer, const std::vector<std::uint64_t>& from) {
  std::vector<std::uint64_t> to(layer.rows, 0);
  for (std::size_t row = 0; row < layer.rows; row++) {
    for (std::size_t column = 0; column < layer.columns; column++) {
      to[row] |= layer.weights[row * layer.columns + column] != 0.0 ? from[column] : 0;
    }
  }
  return to;
}

/// The conditioner of transform t: its CVs' parameters may depend on CVs before them (t even) or after them (t odd).
inline Network conditioner(Reader& reader, const std::vector<Variable>& variables, std::uint32_t t,
                           std::uint32_t bins) {
  const std::size_t cvs = variables.size(), outputs = 3 * std::size_t(bins) - 1;
  std::vector<std::uint64_t> seen;
  for (std::size_t i = 0; i < cvs && cvs > 1; i++) {
    seen.push_back(std::uint64_t(1) << i);
  }
  for (std::size_t i = 0; i < cvs && cvs > 1; i++) {
    if (variables[i].axis == Axis::CIRCLE) {
      seen.push_back(std::uint64_t(1) << i);
    }
  }
  std::vector<Layer> layers(reader.u32("a conditioner's number of layers", 1, 64));
  for (Layer& layer : layers) {
    layer.rows = reader.u32("a layer's number of rows", 1, MOST);
    layer.columns = reader.u32("a layer's number of columns", 0, MOST);
    if (layer.columns != seen.size()) {
      throw FileError("a layer's number of columns is not that of its input");
    }
    layer.weights = reader.finite("a conditioner", layer.rows, layer.columns);
    layer.bias = reader.finite("a conditioner", layer.rows);
    seen = reached(layer, seen);
  }
  if (seen.size() != cvs * outputs) {
    throw FileError("a conditioner's number of outputs is not CVs times (3 bins - 1)");
  }
  for (std::size_t output = 0; output < seen.size(); output++) {
    const std::uint64_t own = std::uint64_t(1) << (output / outputs), before = own - 1, after = ~(own | before);
    if (seen[output] & ~(t % 2 ? after : before)) {
      throw FileError("a conditioner is not autoregressive: its density would not be normalised");
    }
  }
  return Network(std::move(layers));
}

inline std::unique_ptr<Density> spline(Reader& reader, const std::vector<Variable>& variables) {
  const double epsilon = reader.finite("epsilon", 1)[0];
  if (epsilon < 0.0 || epsilon > 1.0) {
    throw FileError("epsilon must be from 0 to 1");
  }
  Point centre = reader.finite("the centre", variables.size()), scale = reader.finite("the scale", variables.size());
  mustBePositive("scales", scale);
  std::vector<Axis> axes;
  for (std::size_t i = 0; i < variables.size(); i++) {
    axes.push_back(variables[i].axis);
    if (axes[i] == Axis::CIRCLE && std::abs(2.0 * BOUND * scale[i] / variables[i].period - 1.0) > 1e-9) {
      throw FileError("a circle's scale is not a tenth of its period");
    }
  }
  const std::uint32_t transforms = reader.u32("the number of transforms", 1, 1000);
  const std::uint32_t bins = reader.u32("the number of bins", 2, 1000);
  std::vector<Network> conditioners;
  for (std::uint32_t t = 0; t < transforms; t++) {
    conditioners.push_back(conditioner(reader, variables, t, bins));
  }
  return std::make_unique<SplineFlow>(std::move(axes), std::move(centre), std::move(scale), epsilon, bins,
                                      std::move(conditioners));
}

inline std::unique_ptr<Density> mixture(Reader& reader, const std::vector<Variable>& variables) {
  Point periods;
  for (const Variable& each : variables) {
    periods.push_back(each.period);
  }
  const std::uint32_t components = reader.u32("the number of components", 1, MOST);
  Point weights = reader.finite("the weights", components);
  Point means = reader.finite("the means", components, variables.size());
  Point sigmas = reader.finite("the sigmas", components, variables.size());
  mustBePositive("sigmas", sigmas);
  mustAddUpToOne(weights);
  return std::make_unique<Mixture>(std::move(periods), std::move(weights), std::move(means), std::move(sigmas));
}

inline std::unique_ptr<Density> labelled(Reader& reader, const std::vector<Variable>& variables) {
  const std::uint32_t labels = reader.u32("the number of labels", 2, 1000);
  Point weights = reader.finite("the weights", labels);
  mustBePositive("a label's weight", weights);
  mustAddUpToOne(weights);
  std::vector<std::unique_ptr<Density>> parts;
  for (std::uint32_t k = 0; k < labels; k++) {
    label(reader, "the length of a state's name", 1);
    parts.push_back(spline(reader, variables));
  }
  return std::make_unique<Labelled>(std::move(weights), std::move(parts));
}

inline std::unique_ptr<Density> density(std::uint32_t kind, Reader& reader, const std::vector<Variable>& variables) {
  switch (kind) {
    case 1: return spline(reader, variables);
    case 2: return mixture(reader, variables);
    default: return labelled(reader, variables);
  }
}

}

/// The model in the bytes of a file.
inline Model readModel(const std::string& bytes) {
  Reader reader(bytes);
  const std::string magic(cvf::MAGIC);
  if (reader.left() < magic.size() || reader.text(magic.size()) != magic) {
    throw FileError("it does not begin like one");
  }
  const std::uint32_t format = reader.u32(), sum = reader.u32();
  if (format != cvf::FORMAT) {
    throw FileError("its format is " + std::to_string(format) + ", this program reads " + std::to_string(cvf::FORMAT));
  }
  if (reader.u64() != reader.left()) {
    throw FileError("its length is not what it says: cut short, or more than one file");
  }
  if (crc32(reader.rest(), reader.left()) != sum) {
    throw FileError("its checksum is wrong: damaged on its way");
  }
  const std::uint32_t kind = reader.u32("the kind of density", 1, 3), version = reader.u32();
  std::vector<Variable> variables;
  for (std::uint32_t left = reader.u32("the number of CVs", 1, cvf::MOST_CVS); left > 0; left--) {
    variables.push_back(cvf::variable(reader));
  }
  auto density = cvf::density(kind, reader, variables);
  if (reader.left()) {
    throw FileError("there is more in it than a density");
  }
  return {std::move(variables), version, std::move(density)};
}

/// The model in a file.
inline Model readModelFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw FileError(path + " cannot be opened");
  }
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return readModel(bytes);
}

}

#endif
