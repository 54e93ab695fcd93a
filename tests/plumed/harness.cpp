// What the tests ask of the evaluator, without PLUMED: doubles come in by stdin and go out by stdout.
//   harness density FILE       points                               -> log q and its gradient, of each
//   harness draw FILE          choice, normals, uniforms, of each   -> points
//   harness centre WIDTH PERIOD COUNT SEED [REPLICA]                -> offsets of centres
//   harness fuzz               length (8 bytes) and bytes of files  -> how many were read, how many refused
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "Cvf.h"
#include "Steering.h"

namespace {

template <class T>
bool take(std::vector<T>& values) {
  return std::fread(values.data(), sizeof(T), values.size(), stdin) == values.size();
}

void give(const std::vector<double>& values) {
  std::fwrite(values.data(), sizeof(double), values.size(), stdout);
}

void density(const cvflow::Model& model) {
  for (cvflow::Point point(model.variables.size()); take(point);) {
    const auto found = model.density->logDensity(point);
    give({found.value});
    give(found.gradient);
  }
}

void draw(const cvflow::Model& model) {
  const auto cvs = model.variables.size();
  for (std::vector<double> row(1 + 2 * cvs); take(row);) {
    const auto normals = row.begin() + 1, uniforms = normals + cvs;
    give(model.density->draw({row[0], {normals, uniforms}, {uniforms, row.end()}}));
  }
}

void centre(double width, double period, int count, std::uint32_t seed, std::uint32_t replica) {
  cvflow::Stream stream(seed, 0, replica);
  while (count-- > 0) {
    give({cvflow::centreOffset(width, period, stream)});
  }
}

/// Every file that is read is used too: at its middle, far away, and for a draw.
void fuzz() {
  long read = 0, refused = 0;
  for (std::vector<std::uint64_t> length(1); take(length);) {
    std::vector<char> bytes(length[0]);
    if (!take(bytes)) {
      break;
    }
    try {
      const auto model = cvflow::readModel(std::string(bytes.begin(), bytes.end()));
      const auto cvs = model.variables.size();
      for (double at : {0.3, -1e3, 1e300}) {
        model.density->logDensity(cvflow::Point(cvs, at));
      }
      cvflow::Stream stream(1, 0);
      model.density->draw(stream.noise(cvs));
      read++;
    } catch (const cvflow::FileError&) {
      refused++;
    }
  }
  std::printf("%ld %ld\n", read, refused);
}

}

int main(int count, char** words) {
  const std::string task = count > 1 ? words[1] : "";
  try {
    if (task == "density" && count == 3) {
      density(cvflow::readModelFile(words[2]));
    } else if (task == "draw" && count == 3) {
      draw(cvflow::readModelFile(words[2]));
    } else if (task == "centre" && (count == 6 || count == 7)) {
      const auto replica = static_cast<std::uint32_t>(count == 7 ? std::atoi(words[6]) : 0);
      centre(std::atof(words[2]), std::atof(words[3]), std::atoi(words[4]), std::atoi(words[5]), replica);
    } else if (task == "fuzz") {
      fuzz();
    } else {
      return 2;
    }
  } catch (const cvflow::FileError& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}
