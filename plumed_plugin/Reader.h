// Bytes of a flow.cvf file, taken one after the other; every length is checked before anything is read or allocated.
#ifndef CVFLOW_READER_H
#define CVFLOW_READER_H

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace cvflow {

/// Anything wrong with a flow.cvf file.
class FileError : public std::runtime_error {
public:
  explicit FileError(const std::string& what) : std::runtime_error("not a sound flow.cvf file: " + what) {}
};

/// CRC-32 of zlib and PNG (polynomial 0xEDB88320).
inline std::uint32_t crc32(const char* bytes, std::size_t count) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t n = 0; n < 256; n++) {
      std::uint32_t c = n;
      for (int bit = 0; bit < 8; bit++) {
        c = c & 1u ? 0xEDB88320u ^ (c >> 1) : c >> 1;
      }
      made[n] = c;
    }
    return made;
  }();
  std::uint32_t c = 0xFFFFFFFFu;
  for (std::size_t i = 0; i < count; i++) {
    c = table[(c ^ static_cast<unsigned char>(bytes[i])) & 0xFFu] ^ (c >> 8);
  }
  return c ^ 0xFFFFFFFFu;
}

/// Little-endian numbers and texts from a string that outlives the reader.
class Reader {
  const std::string& bytes_;
  std::size_t at_ = 0;

  const char* take(std::size_t count) {
    if (count > left()) {
      throw FileError("it ends too early");
    }
    const char* start = bytes_.data() + at_;
    at_ += count;
    return start;
  }

  std::uint64_t number(unsigned size) {
    const char* start = take(size);
    std::uint64_t value = 0;
    for (unsigned i = 0; i < size; i++) {
      value |= std::uint64_t(static_cast<unsigned char>(start[i])) << (8 * i);
    }
    return value;
  }

public:
  explicit Reader(const std::string& bytes) : bytes_(bytes) {}

  std::size_t left() const {
    return bytes_.size() - at_;
  }

  const char* rest() const {
    return bytes_.data() + at_;
  }

  std::string text(std::size_t count) {
    const char* start = take(count);
    return std::string(start, count);
  }

  std::uint32_t u32() {
    return static_cast<std::uint32_t>(number(4));
  }

  std::uint64_t u64() {
    return number(8);
  }

  /// A whole number between two bounds, both included.
  std::uint32_t u32(const char* what, std::uint32_t low, std::uint32_t high) {
    const std::uint32_t value = u32();
    if (value < low || value > high) {
      throw FileError(std::string(what) + " is " + std::to_string(value) + ", must be from " + std::to_string(low) +
                      " to " + std::to_string(high));
    }
    return value;
  }

  double f64() {
    const std::uint64_t bits = number(8);
    double value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }

  /// Numbers that must be finite; both counts are at most 2^32, so their product does not overflow.
  std::vector<double> finite(const char* what, std::uint64_t rows, std::uint64_t columns = 1) {
    const std::uint64_t count = rows * columns;
    if (count > left() / 8) {
      throw FileError("it ends too early");
    }
    std::vector<double> values(count);
    for (double& value : values) {
      value = f64();
      if (!std::isfinite(value)) {
        throw FileError(std::string(what) + " has a number that is not finite");
      }
    }
    return values;
  }
};

}

#endif
