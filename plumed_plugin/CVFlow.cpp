#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "bias/Bias.h"
#include "core/ActionRegister.h"
#include "core/ActionSet.h"
#include "core/PlumedMain.h"
#include "core/Value.h"
#include "tools/Communicator.h"
#include "tools/IFile.h"
#include "tools/OFile.h"
#include "tools/Units.h"
#if __has_include("core/Atoms.h")
# include "core/Atoms.h"  // PLUMED 2.9 keeps units and kT there, 2.10 in the actions
# define CVFLOW_UNITS_IN_ATOMS
#endif

#include "Cvf.h"
#include "Steering.h"

namespace PLMD {
namespace bias {

//+PLUMEDOC BIAS CVFLOW
/*
Steer the arguments to where a normalizing flow proposes, or flatten the free energy that the flow has learned.

The flow's density q(s) is read from a file that cvflow writes (flow.cvf). With MODE=PATH a harmonic restraint

\f[
u(\mathbf{s},\boldsymbol{\lambda}) = \sum_i \frac{\kappa_i}{2} (s_i-\lambda_i)^2
\f]

is dragged from \f$\boldsymbol{\lambda}_0\f$ to \f$\tilde{\boldsymbol{\lambda}}\f$ in STEPS steps. Differences of periodic arguments are those of
the shortest arc, and so is the way. \f$\boldsymbol{\lambda}_0\f$ is drawn from its density given the arguments, normal
around \f$s_i\f$ with variance \f$k_BT/\kappa_i\f$ (for periodic arguments truncated to half a period on both sides), and
\f$\tilde{\boldsymbol{\lambda}}\f$ from q, unless FROM and TO say where to begin and to end. The path is a proposal of a Monte Carlo
move, which is accepted with probability

\f[
\min\left[1, \frac{q(\boldsymbol{\lambda}_0)}{q(\tilde{\boldsymbol{\lambda}})} e^{-W/k_BT}\right],
\qquad W = \Delta (U + K + u) - \textrm{heat}
\f]

PLUMED does not know the change of the engine's own energy and cannot set positions: it writes the ingredients to FILE,
one row a path with decision=NA, and a program outside (cvflow drive) decides, and keeps or restores. The row is on disk
as soon as step EQUILIBRATE+STEPS is done, whatever becomes of the engine afterwards.
The work of the protocol

\f[
\sum_k \frac{1}{2} \left[ u(\mathbf{s}_k,\boldsymbol{\lambda}_{k+1}) - u(\mathbf{s}_k,\boldsymbol{\lambda}_k) +
u(\mathbf{s}_{k+1},\boldsymbol{\lambda}_{k+1}) - u(\mathbf{s}_{k+1},\boldsymbol{\lambda}_k) \right]
\f]

switches the centre at fixed arguments, half of it before and half after each step of the engine, and is W but for the
engine's discretisation (shadow work). The path reads the same backwards with velocity Verlet without thermostat, fresh
velocities at its first step, and no removal of the motion of the centre of mass. With EQUILIBRATE the centre rests at
\f$\boldsymbol{\lambda}_0\f$ before it sets out; these steps are not part of the path, and W begins after them.

With MODE=BIAS the static bias

\f[
V(\mathbf{s}) = \left(1-\frac{1}{\gamma}\right) k_BT \log\left[q(\mathbf{s}) + \epsilon q_{\textrm{peak}}\right],
\qquad \epsilon = e^{-\textrm{BARRIER}/[(1-1/\gamma) k_BT]}
\f]

is applied, so that no place lies deeper than BARRIER below the flow's highest peak, which is looked for among 1000
draws.

\par Examples

One path of alanine dipeptide, after 200 steps at rest, and what it is made of in jumps.dat:
\plumedfile
LOAD FILE=./CVFlow.so
phi: TORSION ATOMS=5,7,9,15
psi: TORSION ATOMS=7,9,15,17
jump: CVFLOW ARG=phi,psi KAPPA=200,200 MODEL=flow.cvf STEPS=2000 EQUILIBRATE=200 TEMP=300 SEED=7 FILE=jumps.dat
PRINT ARG=phi,psi,jump.* FILE=COLVAR STRIDE=100
\endplumedfile

The same between two given places. MODEL may be left out then, where who proposes keeps log q: it is nan here, and the
arguments are in PLUMED's units.
\plumedfile
LOAD FILE=./CVFlow.so
phi: TORSION ATOMS=5,7,9,15
psi: TORSION ATOMS=7,9,15,17
CVFLOW ARG=phi,psi KAPPA=200,200 STEPS=2000 TEMP=300 FROM=-1.4,1.0 TO=1.0,-0.9 SCHEDULE=COSINE
\endplumedfile

The flow as a static bias:
\plumedfile
LOAD FILE=./CVFlow.so
phi: TORSION ATOMS=5,7,9,15
psi: TORSION ATOMS=7,9,15,17
flat: CVFLOW ARG=phi,psi MODEL=flow.cvf MODE=BIAS BIASFACTOR=10 BARRIER=40 TEMP=300
PRINT ARG=phi,psi,flat.bias FILE=COLVAR STRIDE=100
\endplumedfile

*/
//+ENDPLUMEDOC

class CVFlow : public Bias {
  using Point = cvflow::Point;

  // What the numbers of a stream are for: part of the seed.
  enum Purpose { ORIGIN, TARGET, PEAK };

  double kT_ = 0.0;
  cvflow::Model model_;
  Point units_;  // PLUMED's units per unit of the model, of each argument
  Point low_, high_;  // the period that each argument is kept in
  bool steers_ = true;

  // MODE=PATH
  Point kappa_, from_, to_;
  long long steps_ = 0, rest_ = 0;
  cvflow::Schedule schedule_ = cvflow::Schedule::LINEAR;
  int seed_ = -1;
  OFile rows_, states_;
  std::string rowFile_ = "jumps.dat", stateFile_;
  int stateStride_ = 0;

  long long firstStep_ = -1, offset_ = 0, now_ = -1, engineStep_ = -1;
  Point centre_, s_, sOld_;
  double work_ = 0.0, biasOld_ = 0.0, logQOld_ = 0.0, logQNew_ = 0.0, logQ_ = 0.0;
  bool begun_ = false, written_ = false;

  // MODE=BIAS
  double strength_ = 0.0, floor_ = 0.0;

  void checkScalars();
  void findPeriods();
  void parseEnds();
  void parseModel();
  void checkVariables(const std::string& file);
  double unitOf(const std::string& name, const std::string& unit);
  void checkFiles();
  void parseTemperature();
  void parsePath();
  void parseBias();
  void refuse(const std::vector<std::string>& keywords, const std::string& mode);
  Point parsePlace(const std::string& key);
  void declareComponents();
  void describe();

  bool hasFlow() const {
    return static_cast<bool>(model_.density);
  }
  Point arguments() const;
  Point inPeriod(Point place) const;
  cvflow::LogDensity logQ(const Point& place) const;
  Point proposed(cvflow::Stream& stream) const;
  const Units& plumedUnits() const;
  std::uint32_t replica();
  double way(unsigned i, double from, double to) const;
  double stretch(const Point& s, const Point& centre) const;
  Point centreAt(long long step) const;
  void begin();
  void advance();
  void steer();
  void flatten();
  void writeRow();
  void writeState();
  void readState(const std::string& file);
  void printPlace(OFile& file, const std::string& prefix, const Point& place);

public:
  explicit CVFlow(const ActionOptions&);
  void calculate() override;
  void update() override;
  static void registerKeywords(Keywords& keys);
};

PLUMED_REGISTER_ACTION(CVFlow,"CVFLOW")

void CVFlow::registerKeywords(Keywords& keys) {
  Bias::registerKeywords(keys);
  keys.use("ARG");
  keys.use("RESTART");
  keys.add("optional","MODEL","the file with the flow, written by cvflow (flow.cvf); compulsory unless both FROM and TO are given");
  keys.add("compulsory","MODE","PATH","PATH steers the arguments to where the flow proposes, BIAS applies a static bias");
  keys.add("optional","TEMP","the temperature, unless the MD engine passes it");
  keys.add("optional","KAPPA","MODE=PATH: force constants of the restraint, one an argument");
  keys.add("optional","STEPS","MODE=PATH: number of steps in which the centre goes all its way");
  keys.add("optional","EQUILIBRATE","MODE=PATH: number of steps that the centre rests before; default is 0");
  keys.add("optional","SCHEDULE","MODE=PATH: LINEAR or COSINE, which starts and ends at rest; default is LINEAR");
  keys.add("optional","FROM","MODE=PATH: where the centre starts; drawn around the arguments if left out");
  keys.add("optional","TO","MODE=PATH: where the centre ends; drawn from the flow if left out");
  keys.add("optional","SEED","MODE=PATH: all random numbers follow from it; needed unless both FROM and TO are given");
  keys.add("optional","FILE","MODE=PATH: the file for the path's row; default is jumps.dat");
  keys.add("optional","FMT","MODE=PATH: the format of the numbers in FILE; default is %.17g, which loses nothing");
  keys.add("optional","STATE_WFILE","MODE=PATH: the file for the state of the path, from which a restarted run goes on");
  keys.add("optional","STATE_WSTRIDE","MODE=PATH: steps between two states; written anyway when the MD engine makes a checkpoint");
  keys.add("optional","STATE_RFILE","MODE=PATH: the file with the state to go on from with RESTART; default is that of STATE_WFILE");
  keys.add("optional","BIASFACTOR","MODE=BIAS: the bias factor, larger than 1; inf for a flat distribution");
  keys.add("optional","BARRIER","MODE=BIAS: how far the bias may lie below its peak; default is 20 kT");
  keys.addOutputComponent("force2","default","the squared force of the bias");
  keys.addOutputComponent("logq","default","log q, at the centre of the restraint with MODE=PATH and at the arguments with MODE=BIAS; nan without MODEL");
  keys.addOutputComponent("_cntr","MODE","the centre of the restraint on each argument, named after the argument (MODE=PATH)");
  keys.addOutputComponent("work","MODE","the work of moving the centre, at fixed arguments (MODE=PATH)");
  keys.addOutputComponent("step","MODE","the step of the path, from -EQUILIBRATE over 0, where it begins, to STEPS, where it stays (MODE=PATH)");
}

CVFlow::CVFlow(const ActionOptions& ao):
  PLUMED_BIAS_INIT(ao) {
  std::string mode;
  parse("MODE",mode);
  if (mode!="PATH" && mode!="BIAS") {
    error("MODE must be PATH or BIAS, got " + mode);
  }
  steers_ = mode=="PATH";
  checkScalars();
  findPeriods();
  if (steers_) {
    parseEnds();
  }
  parseModel();
  parseTemperature();
  if (steers_) {
    refuse({"BIASFACTOR","BARRIER"},mode);
    parsePath();
  } else {
    refuse({"KAPPA","STEPS","EQUILIBRATE","SCHEDULE","FROM","TO","SEED","FILE","FMT","STATE_WFILE","STATE_WSTRIDE","STATE_RFILE"},mode);
    parseBias();
  }
  checkRead();
  declareComponents();
  describe();
}

void CVFlow::checkScalars() {
#ifndef CVFLOW_UNITS_IN_ATOMS
  for (unsigned i=0; i<getNumberOfArguments(); i++) {
    if (getPntrToArgument(i)->getRank()>0) {
      error("argument " + getPntrToArgument(i)->getName() + " is a vector or a matrix: a flow's variables are numbers");
    }
  }
#endif
}

void CVFlow::findPeriods() {
  const auto count = getNumberOfArguments();
  low_.assign(count,-cvflow::INFINITE);
  high_.assign(count,cvflow::INFINITE);
  for (unsigned i=0; i<count; i++) {
    if (getPntrToArgument(i)->isPeriodic()) {
      getPntrToArgument(i)->getDomain(low_[i],high_[i]);
    }
  }
}

void CVFlow::parseEnds() {
  from_ = inPeriod(parsePlace("FROM"));
  to_ = inPeriod(parsePlace("TO"));
}

/// Without a flow the arguments are taken as they are, and log q is nan.
void CVFlow::parseModel() {
  std::string file;
  parse("MODEL",file);
  if (file.empty()) {
    if (from_.empty() || to_.empty()) {
      error("keyword MODEL is compulsory for this action, unless MODE=PATH and both FROM and TO are given");
    }
    return;
  }
  try {
    model_ = cvflow::readModelFile(file);
  } catch (const cvflow::FileError& wrong) {
    error("MODEL=" + file + ": " + wrong.what());
  }
  checkVariables(file);
  for (const auto& variable : model_.variables) {
    units_.push_back(unitOf(variable.name,variable.unit));
  }
}

void CVFlow::checkVariables(const std::string& file) {
  const auto count = getNumberOfArguments();
  std::vector<std::string> named, given;
  for (const auto& variable : model_.variables) {
    named.push_back(variable.name);
  }
  if (named.size()!=count) {
    error("MODEL=" + file + " is a density of " + std::to_string(named.size()) + " variables, ARG has " + std::to_string(count));
  }
  for (unsigned i=0; i<count; i++) {
    given.push_back(getPntrToArgument(i)->getName());
    const bool circle = model_.variables[i].axis==cvflow::Axis::CIRCLE;
    if (circle!=getPntrToArgument(i)->isPeriodic() || (circle && std::abs((high_[i]-low_[i])/model_.variables[i].period-1.0)>1e-6)) {
      error("argument " + given[i] + " and " + named[i] + " of MODEL=" + file + " do not have the same period");
    }
    if (steers_ && model_.variables[i].axis==cvflow::Axis::BOX) {
      error(named[i] + " of MODEL=" + file + " is confined to a box, which the centre of a restraint may leave: train a flow for restraints");
    }
  }
  if (named!=given && std::is_permutation(named.begin(),named.end(),given.begin())) {
    error("ARG has the variables of MODEL=" + file + " in another order");
  }
}

/// PLUMED's units per unit of the model: lengths, energies and times are converted, angles and plain numbers need not be.
double CVFlow::unitOf(const std::string& name, const std::string& unit) {
  const Units& ours = plumedUnits();
  if (unit=="nm") {
    return 1.0/ours.getLength();
  }
  if (unit=="kJ/mol") {
    return 1.0/ours.getEnergy();
  }
  if (unit=="ps") {
    return 1.0/ours.getTime();
  }
  const bool plain = unit.empty() || unit=="1" || unit=="rad";
  if (!plain && (ours.getLength()!=1.0 || ours.getEnergy()!=1.0 || ours.getTime()!=1.0)) {
    error(name + " of MODEL is in " + unit + ", which is not converted: leave out UNITS");
  }
  return 1.0;
}

void CVFlow::parseTemperature() {
#ifdef CVFLOW_UNITS_IN_ATOMS
  double temperature = -1.0;
  parse("TEMP",temperature);
  kT_ = temperature>=0.0 ? plumed.getAtoms().getKBoltzmann()*temperature : plumed.getAtoms().getKbT();
#else
  kT_ = getkBT();
#endif
  if (!(kT_>0.0)) {
    error("the MD engine does not pass the temperature to plumed, you must specify it using TEMP");
  }
}

const Units& CVFlow::plumedUnits() const {
#ifdef CVFLOW_UNITS_IN_ATOMS
  return plumed.getAtoms().getUnits();
#else
  return getUnits();
#endif
}

/// Keywords of the other mode: misuse, never ignored.
void CVFlow::refuse(const std::vector<std::string>& keywords, const std::string& mode) {
  for (const auto& keyword : keywords) {
    std::vector<std::string> words;
    parseVector(keyword,words);
    if (!words.empty()) {
      error("keyword " + keyword + " is not for MODE=" + mode);
    }
  }
}

CVFlow::Point CVFlow::parsePlace(const std::string& key) {
  Point place;
  parseVector(key,place);
  if (!place.empty() && place.size()!=getNumberOfArguments()) {
    error("keyword " + key + " needs one number for each argument");
  }
  return place;
}

void CVFlow::parsePath() {
  kappa_ = parsePlace("KAPPA");
  if (kappa_.empty() || !std::all_of(kappa_.begin(),kappa_.end(),[](double each) { return each>0.0; })) {
    error("MODE=PATH needs KAPPA, with a positive number for each argument");
  }
  parse("STEPS",steps_);
  parse("EQUILIBRATE",rest_);
  if (steps_<1 || rest_<0) {
    error("MODE=PATH needs STEPS of at least 1, and EQUILIBRATE must not be negative");
  }
  std::string schedule = "LINEAR";
  parse("SCHEDULE",schedule);
  if (schedule!="LINEAR" && schedule!="COSINE") {
    error("SCHEDULE must be LINEAR or COSINE, got " + schedule);
  }
  schedule_ = schedule=="LINEAR" ? cvflow::Schedule::LINEAR : cvflow::Schedule::COSINE;
  parse("SEED",seed_);
  if (seed_<0 && (from_.empty() || to_.empty())) {
    error("MODE=PATH needs a SEED of at least 0, unless FROM and TO are given");
  }
  if (getStride()!=1) {
    error("MODE=PATH acts at every step: STRIDE must be 1");
  }
  std::string format = "%.17g", restart;
  parse("FILE",rowFile_);
  parse("FMT",format);
  parse("STATE_WFILE",stateFile_);
  parse("STATE_WSTRIDE",stateStride_);
  if (stateStride_<0 || (stateStride_>0 && stateFile_.empty())) {
    error("STATE_WSTRIDE must be positive, and needs STATE_WFILE");
  }
  checkFiles();
  parse("STATE_RFILE",restart);
  if (getRestart()) {
    readState(restart.empty() ? stateFile_ : restart);
  } else if (!restart.empty()) {
    warning("STATE_RFILE=" + restart + " is not read without RESTART: this path begins anew");
  }
  rows_.link(*this);
  rows_.open(rowFile_);
  rows_.fmtField(" "+format);
  if (!stateFile_.empty()) {
    states_.link(*this);
    states_.open(stateFile_);
    states_.fmtField(" %.17g");
  }
}

/// Two paths in one file would leave rows, or states, of one of them.
void CVFlow::checkFiles() {
  for (const CVFlow* other : plumed.getActionSet().select<CVFlow*>()) {
    if (other->steers_ && other->rowFile_==rowFile_) {
      error("FILE=" + rowFile_ + " is that of " + other->getLabel() + ", too: give each path a file of its own");
    }
    if (other->steers_ && !stateFile_.empty() && other->stateFile_==stateFile_) {
      error("STATE_WFILE=" + stateFile_ + " is that of " + other->getLabel() + ", too: give each path a file of its own");
    }
  }
}

void CVFlow::parseBias() {
  std::string text = "";
  parse("BIASFACTOR",text);
  double factor = cvflow::INFINITE;
  if (text!="inf" && (!Tools::convertNoexcept(text,factor) || !(factor>1.0))) {
    error("MODE=BIAS needs a BIASFACTOR larger than 1, or inf");
  }
  strength_ = (1.0-1.0/factor)*kT_;
  double barrier = 20.0*kT_;
  parse("BARRIER",barrier);
  if (!(barrier>0.0)) {
    error("BARRIER must be positive");
  }
  double peak = -cvflow::INFINITE;
  cvflow::Stream stream(0,PEAK);
  for (int i=0; i<1000; i++) {
    peak = std::max(peak,logQ(proposed(stream)).value);
  }
  floor_ = peak-barrier/strength_;
}

void CVFlow::declareComponents() {
  std::vector<std::string> plain{"force2","logq"};
  if (steers_) {
    plain.insert(plain.end(), {"work","step"});
    for (unsigned i=0; i<getNumberOfArguments(); i++) {
      const std::string name = getPntrToArgument(i)->getName()+"_cntr";
      addComponent(name);
      if (getPntrToArgument(i)->isPeriodic()) {
        std::string low, high;
        getPntrToArgument(i)->getDomain(low,high);
        componentIsPeriodic(name,low,high);
      } else {
        componentIsNotPeriodic(name);
      }
    }
  }
  for (const auto& name : plain) {
    addComponent(name);
    componentIsNotPeriodic(name);
  }
}

void CVFlow::describe() {
  if (!hasFlow()) {
    log.printf("  no flow, at kT %f\n",kT_);
  } else {
    log.printf("  flow of version %u, at kT %f\n",model_.version,kT_);
  }
  for (unsigned i=0; i<model_.variables.size(); i++) {
    const auto& variable = model_.variables[i];
    log.printf("  argument %s is its variable %s [%s]\n",getPntrToArgument(i)->getName().c_str(),variable.name.c_str(),variable.unit.c_str());
  }
  if (steers_) {
    log.printf("  one path of %lld steps, after %lld steps at rest\n",steps_,rest_);
  } else {
    log.printf("  static bias %f log(q + exp(%f))\n",strength_,floor_);
  }
  log<<"  Bibliography "<<cite("Nilmeier, Crooks, Minh, and Chodera, Proc. Natl. Acad. Sci. USA 108, E1009 (2011)");
  log<<cite("Tamagnone, Laio, and Gabrie, J. Chem. Theory Comput. 20, 7796 (2024)")<<"\n";
}

CVFlow::Point CVFlow::arguments() const {
  Point s(getNumberOfArguments());
  for (unsigned i=0; i<s.size(); i++) {
    s[i] = getArgument(i);
  }
  return s;
}

CVFlow::Point CVFlow::inPeriod(Point place) const {
  for (unsigned i=0; i<place.size(); i++) {
    if (place[i]<low_[i] || place[i]>=high_[i]) {  // what is inside stays to the last digit
      place[i] = bringBackInPbc(i,place[i]);
    }
  }
  return place;
}

/// log q and its gradient, in PLUMED's units; nan without a flow.
cvflow::LogDensity CVFlow::logQ(const Point& place) const {
  if (!hasFlow()) {
    return {std::nan(""),Point(place.size(),std::nan(""))};
  }
  Point inside(place);
  for (unsigned i=0; i<inside.size(); i++) {
    inside[i] /= units_[i];
  }
  auto found = model_.density->logDensity(inside);
  for (unsigned i=0; i<inside.size(); i++) {
    found.value -= std::log(units_[i]);
    found.gradient[i] /= units_[i];
  }
  return found;
}

CVFlow::Point CVFlow::proposed(cvflow::Stream& stream) const {
  Point place = model_.density->draw(stream.noise(units_.size()));
  for (unsigned i=0; i<place.size(); i++) {
    place[i] *= units_[i];
  }
  return inPeriod(place);
}

/// Along the shortest arc. PLUMED's own difference() loses three digits of periodic arguments.
double CVFlow::way(unsigned i, double from, double to) const {
  return cvflow::wrapped(to-from,high_[i]-low_[i]);
}

/// The restraint's energy.
double CVFlow::stretch(const Point& s, const Point& centre) const {
  double energy = 0.0;
  for (unsigned i=0; i<s.size(); i++) {
    const double apart = way(i,centre[i],s[i]);
    energy += 0.5*kappa_[i]*apart*apart;
  }
  return energy;
}

CVFlow::Point CVFlow::centreAt(long long step) const {
  const double time = static_cast<double>(std::clamp(step-rest_,0LL,steps_))/static_cast<double>(steps_);
  Point centre(from_);
  for (unsigned i=0; i<centre.size(); i++) {
    centre[i] += way(i,from_[i],to_[i])*cvflow::fraction(schedule_,time);
  }
  return inPeriod(centre);
}

/// Which of the replicas of -multi this is.
std::uint32_t CVFlow::replica() {
  int found = comm.Get_rank()==0 ? multi_sim_comm.Get_rank() : 0;
  comm.Bcast(found,0);
  return static_cast<std::uint32_t>(found);
}

/// Choose the ends.
void CVFlow::begin() {
  begun_ = true;
  const auto seed = static_cast<std::uint32_t>(std::max(seed_,0));
  if (from_.empty()) {
    cvflow::Stream stream(seed,ORIGIN,replica());
    from_ = s_;
    for (unsigned i=0; i<from_.size(); i++) {
      const auto& variable = model_.variables[i];
      from_[i] += cvflow::centreOffset(std::sqrt(kT_/kappa_[i]),variable.period,stream);
    }
    from_ = inPeriod(from_);
  }
  if (to_.empty()) {
    cvflow::Stream stream(seed,TARGET,replica());
    to_ = proposed(stream);
  }
}

/// Bring the centre to where it is at this step, at fixed arguments before and after the engine's step.
void CVFlow::advance() {
  const Point before(s_);
  s_ = arguments();
  if (firstStep_<0) {
    firstStep_ = getStep();
    if (engineStep_>=0 && firstStep_!=engineStep_) {
      error("the state is of step " + std::to_string(engineStep_) + " of the MD engine, which goes on from step "
            + std::to_string(firstStep_));
    }
    now_ = offset_;
    if (!begun_) {
      begin();
    }
    logQOld_ = logQ(from_).value;
    logQNew_ = logQ(to_).value;
    centre_ = centreAt(now_);
    logQ_ = logQ(centre_).value;
  }
  const long long step = offset_+getStep()-firstStep_;
  if (step!=now_ && step!=now_+1) {
    error("a path needs every step of the MD engine, but step " + std::to_string(step) + " follows step " + std::to_string(now_));
  }
  if (step==now_+1) {
    const Point next = centreAt(step);
    work_ += 0.5*(stretch(before,next)-stretch(before,centre_)+stretch(s_,next)-stretch(s_,centre_));
    if (next!=centre_) {
      logQ_ = logQ(next).value;
    }
    centre_ = next;
    now_ = step;
  }
  if (now_==rest_) {
    sOld_ = s_;
    biasOld_ = stretch(s_,centre_);
  }
}

void CVFlow::steer() {
  advance();
  double squared = 0.0;
  for (unsigned i=0; i<s_.size(); i++) {
    const double force = -kappa_[i]*way(i,centre_[i],s_[i]);
    setOutputForce(i,force);
    squared += force*force;
    getPntrToComponent(getPntrToArgument(i)->getName()+"_cntr")->set(centre_[i]);
  }
  setBias(stretch(s_,centre_));
  getPntrToComponent("force2")->set(squared);
  getPntrToComponent("logq")->set(logQ_);
  getPntrToComponent("work")->set(work_);
  getPntrToComponent("step")->set(static_cast<double>(std::min(now_-rest_,steps_)));
}

void CVFlow::flatten() {
  const auto found = logQ(arguments());
  const double level = cvflow::logAddExp(found.value,floor_), share = std::exp(found.value-level);
  double squared = 0.0;
  for (unsigned i=0; i<found.gradient.size(); i++) {
    const double force = -strength_*share*found.gradient[i];
    setOutputForce(i,force);
    squared += force*force;
  }
  setBias(strength_*level);
  getPntrToComponent("force2")->set(squared);
  getPntrToComponent("logq")->set(found.value);
}

void CVFlow::calculate() {
  if (steers_) {
    steer();
  } else {
    flatten();
  }
}

void CVFlow::update() {
  if (!steers_) {
    return;
  }
  if (now_==rest_+steps_ && !written_) {
    writeRow();
  }
  if (!stateFile_.empty() && (getCPT() || (stateStride_>0 && now_%stateStride_==0))) {
    writeState();
  }
}

void CVFlow::printPlace(OFile& file, const std::string& prefix, const Point& place) {
  for (unsigned i=0; i<place.size(); i++) {
    const std::string name = prefix+getPntrToArgument(i)->getName();
    if (getPntrToArgument(i)->isPeriodic()) {
      std::string low, high;
      getPntrToArgument(i)->getDomain(low,high);
      file.addConstantField("min_"+name).printField("min_"+name,low);
      file.addConstantField("max_"+name).printField("max_"+name,high);
    }
    file.printField(name,place[i]);
  }
}

/// One row with all that a decision needs but the change of the engine's own energy.
void CVFlow::writeRow() {
  rows_.addConstantField("kT").printField("kT",kT_);
  if (hasFlow()) {
    rows_.addConstantField("flow_version").printField("flow_version",model_.version);
  }
  for (unsigned i=0; i<kappa_.size(); i++) {
    const std::string name = "kappa."+getPntrToArgument(i)->getName();
    rows_.addConstantField(name).printField(name,kappa_[i]);
  }
  rows_.printField("seed",seed_).printField("steps",steps_).printField("equilibrate",rest_);
  printPlace(rows_,"cv_old.",sOld_);
  printPlace(rows_,"from.",from_);
  printPlace(rows_,"to.",to_);
  printPlace(rows_,"cv_end.",s_);
  rows_.printField("protocol_work",work_);
  rows_.printField("bias_old",biasOld_).printField("bias_new",stretch(s_,centre_));
  rows_.printField("log_q_old",logQOld_).printField("log_q_new",logQNew_);
  rows_.printField("decision"," NA").printField();
  rows_.flush();
  written_ = true;
}

void CVFlow::writeState() {
  states_.rewind();
  states_.printField("engine_step",getStep()).printField("step",now_).printField("steps",steps_).printField("equilibrate",rest_);
  printPlace(states_,"from.",from_);
  printPlace(states_,"to.",to_);
  printPlace(states_,"cv_old.",now_<rest_ ? s_ : sOld_);
  states_.printField("protocol_work",work_).printField("bias_old",biasOld_).printField();
  states_.flush();
}

void CVFlow::readState(const std::string& name) {
  if (name.empty()) {
    error("a path that is restarted needs STATE_RFILE or STATE_WFILE; RESTART=NO begins another one");
  }
  IFile file;
  file.link(*this);
  if (!file.FileExist(name)) {
    error("the file with the state, " + name + ", cannot be found");
  }
  file.open(name);
  file.allowIgnoredFields();
  long long steps = 0, rest = 0;
  const auto places = [&](const std::string& prefix) {
    Point place(getNumberOfArguments());
    for (unsigned i=0; i<place.size(); i++) {
      file.scanField(prefix+getPntrToArgument(i)->getName(),place[i]);
    }
    return place;
  };
  file.scanField("engine_step",engineStep_).scanField("step",offset_).scanField("steps",steps).scanField("equilibrate",rest);
  if (!file || steps!=steps_ || rest!=rest_) {
    error("the state in " + name + " is not that of a path with these STEPS and EQUILIBRATE");
  }
  from_ = places("from.");
  to_ = places("to.");
  sOld_ = places("cv_old.");
  file.scanField("protocol_work",work_).scanField("bias_old",biasOld_);
  file.scanField();
  begun_ = true;
  written_ = offset_>=rest_+steps_;
  log.printf("  going on from step %lld of the path\n",offset_);
}

}
}
