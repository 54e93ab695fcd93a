// Metropolis Monte Carlo of six silver atoms in ASE's EMT potential: an estimate of the isomers' free energies that
// shares no code with cvflow or ASE. One line a block: moves accepted, sweeps with the root of the anisotropy below and
// above the cut, crossings between the cores of the two states; then the histogram of that root.
//   g++ -O3 -march=native -o ag6 ag6_monte_carlo.cpp && ./ag6 TEMPERATURE CUT BLOCKS SWEEPS SEED
// Without arguments: reads 18 coordinates [Å] a line, writes the energy [eV] and the root of the anisotropy.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>

constexpr int N = 6;
constexpr double bohr = 0.5291772105638411, beta = 1.809, kB = 8.617333262e-5;  // ase.units' Bohr, eV/K
constexpr double E0 = -2.96, V0 = 2.132;
const double s0 = 3.01 * bohr, eta2 = 1.652 / bohr, kappa = 2.790 / bohr, lambda = 1.892 / bohr;
// The cutoff follows the largest atom of ASE's table, 3.01 bohr here.
const double r1 = beta * 3.01 * bohr, rc = r1 * 0.5 * (std::sqrt(3.0) + 2.0);
const double acut = std::log(1e4 - 1.0) / (2.0 * r1 - rc), range = rc + 0.5;
double gamma1, gamma2;

double cutoff(double r) { return 1.0 / (1.0 + std::exp(acut * (r - rc))); }

void prepare() {
  const double sites[3] = {12, 6, 24};
  for (int shell = 0; shell < 3; ++shell) {
    const double r = beta * s0 * std::sqrt(shell + 1.0), x = sites[shell] * cutoff(r) / 12.0;
    gamma1 += x * std::exp(-eta2 * (r - beta * s0));
    gamma2 += x * std::exp(-kappa / beta * (r - beta * s0));
  }
}

double energy(const double x[N][3]) {
  double sigma[N] = {}, total = 0.0;
  for (int i = 0; i < N; ++i)
    for (int j = i + 1; j < N; ++j) {
      double square = 0.0;
      for (int k = 0; k < 3; ++k) square += (x[i][k] - x[j][k]) * (x[i][k] - x[j][k]);
      const double r = std::sqrt(square);
      if (r >= range) continue;
      const double w = cutoff(r), density = std::exp(-eta2 * (r - beta * s0)) * w;
      sigma[i] += density;
      sigma[j] += density;
      total -= V0 / gamma2 * std::exp(-kappa * (r / beta - s0)) * w;
    }
  for (int i = 0; i < N; ++i) {
    if (sigma[i] == 0.0) continue;
    const double ds = -std::log(sigma[i] / (12.0 * gamma1)) / (beta * eta2);
    total += E0 * (1.0 + lambda * ds) * std::exp(-lambda * ds) + 6.0 * V0 * std::exp(-kappa * ds);
  }
  return total - N * E0;
}

// The root of (3 tr S² / (tr S)² - 1) / 2, S being the gyration tensor.
double anisotropy(const double x[N][3]) {
  double centre[3] = {}, S[3][3] = {};
  for (int i = 0; i < N; ++i)
    for (int k = 0; k < 3; ++k) centre[k] += x[i][k] / N;
  for (int i = 0; i < N; ++i)
    for (int k = 0; k < 3; ++k)
      for (int l = 0; l < 3; ++l) S[k][l] += (x[i][k] - centre[k]) * (x[i][l] - centre[l]);
  double squares = 0.0;
  for (int k = 0; k < 3; ++k)
    for (int l = 0; l < 3; ++l) squares += S[k][l] * S[k][l];
  const double trace = S[0][0] + S[1][1] + S[2][2];
  return std::sqrt(std::fmax(0.5 * (3.0 * squares / (trace * trace) - 1.0), 0.0));
}

int check() {
  double x[N][3];
  while (true) {
    for (int i = 0; i < N; ++i)
      for (int k = 0; k < 3; ++k)
        if (std::scanf("%lf", &x[i][k]) != 1) return 0;
    std::printf("%.12f %.12f\n", energy(x), anisotropy(x));
  }
}

int main(int count, char** words) {
  prepare();
  if (count < 6) return check();
  const double kT = kB * std::atof(words[1]), cut = std::atof(words[2]), width = 0.16;
  const int blocks = std::atoi(words[3]), sweeps = std::atoi(words[4]);
  std::mt19937_64 random(std::atoi(words[5]));
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  double x[N][3] = {{1.92, 0, 0}, {-1.92, 0, 0}, {0, 1.92, 0}, {0, -1.92, 0}, {0, 0, 1.92}, {0, 0, -1.92}};
  double now = energy(x);
  long histogram[60] = {};
  int core = 0;
  for (int block = -1; block < blocks; ++block) {  // the first one equilibrates
    long accepted = 0, below = 0, crossings = 0;
    for (int sweep = 0; sweep < sweeps; ++sweep) {
      for (int i = 0; i < N; ++i) {
        const double old[3] = {x[i][0], x[i][1], x[i][2]};
        for (int k = 0; k < 3; ++k) x[i][k] += width * normal(random);
        const double then = energy(x);
        if (std::log(1.0 - uniform(random)) < (now - then) / kT) {
          now = then;
          ++accepted;
        } else
          for (int k = 0; k < 3; ++k) x[i][k] = old[k];
      }
      const double a = anisotropy(x);
      below += a < cut;
      if (block >= 0) ++histogram[static_cast<int>(a * 59.999)];
      const int here = a < 0.75 * cut ? -1 : a > 1.25 * cut ? 1 : core;
      crossings += core && here != core;
      core = here;
    }
    if (block >= 0) std::printf("%.4f %ld %ld %ld\n", accepted / (6.0 * sweeps), below, sweeps - below, crossings);
    std::fflush(stdout);
  }
  std::printf("histogram");
  for (long n : histogram) std::printf(" %ld", n);
  std::printf("\n");
}
