#include "queueproxy/superpod_demand.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace wasabi::queueproxy {
namespace {

using nlohmann::json;

// The unit in which a box counts.
constexpr double kBoxUnitBytes = 200.0 * 1024 * 1024;
constexpr double kMostFigure = 1e15;
constexpr double kSteps = 1024;  // sums of multiples of 1/1024 are exact in the autoscaler's windows
constexpr int kMostDepth = 16;

std::optional<double> figureOf(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  const double value = found->get<double>();
  if (!(value >= 0 && value <= kMostFigure)) return std::nullopt;
  return value;
}

double rounded(double units) {
  return std::min(std::round(units * kSteps) / kSteps, SuperpodDemand::kMostUnits);
}

}  // namespace

Result<BoxReading> parseBoxReading(std::string_view text) {
  const auto broken = [](std::string_view why) {
    return fail(ErrorCode::kCorrupt, "the box's load: " + std::string(why));
  };
  if (text.size() > kMostLoadBytes) return broken("too long");
  const auto shallow = [](int depth, json::parse_event_t, json&) { return depth < kMostDepth; };
  const json parsed = json::parse(text, shallow, false);
  if (!parsed.is_object()) return broken("no JSON object");
  BoxReading reading;
  const auto ready = parsed.find("ready");
  if (ready == parsed.end() || !ready->is_boolean()) return broken("ready is neither true nor false");
  reading.ready = ready->get<bool>();
  double requests = 0;
  double capacity = 0;
  const std::pair<const char*, double*> figures[] = {{"booked_unit_seconds", &reading.booked_unit_seconds},
                                                     {"waiting_unit_seconds", &reading.waiting_unit_seconds},
                                                     {"cpu_seconds", &reading.cpu_seconds},
                                                     {"requests", &requests},
                                                     {"booked_units", &reading.booked_units},
                                                     {"waiting_units", &reading.waiting_units},
                                                     {"capacity_memory_bytes", &capacity},
                                                     {"capacity_cpu", &reading.capacity_cpu}};
  for (const auto& [name, place] : figures) {
    const auto figure = figureOf(parsed, name);
    if (!figure) return broken(std::string(name) + " is no number from 0 on");
    *place = *figure;
  }
  reading.requests = static_cast<std::uint64_t>(requests);
  reading.capacity_memory = {static_cast<std::uint64_t>(capacity)};
  return reading;
}

double unitsWithWaiting(double units, std::uint64_t in_the_box, std::uint64_t waiting) {
  const auto more = static_cast<double>(waiting);
  if (in_the_box == 0) return rounded(units + more);
  return rounded(units + units * more / static_cast<double>(in_the_box));
}

// The average since the last reading. Without one, and where the figures have gone back since the box has begun anew,
// only the present is known, and no CPU.
SuperpodDemand::Levels SuperpodDemand::levelsSince(const BoxReading& reading, TimePoint now) const {
  const Levels present{reading.booked_units, reading.waiting_units, 0};
  if (!last_ || now <= read_at_) return present;
  const bool began_anew = reading.booked_unit_seconds < last_->booked_unit_seconds ||
                          reading.waiting_unit_seconds < last_->waiting_unit_seconds ||
                          reading.cpu_seconds < last_->cpu_seconds || reading.requests < last_->requests;
  if (began_anew) return present;
  const double seconds = toSeconds(now - read_at_);
  return {(reading.booked_unit_seconds - last_->booked_unit_seconds) / seconds,
          (reading.waiting_unit_seconds - last_->waiting_unit_seconds) / seconds,
          (reading.cpu_seconds - last_->cpu_seconds) / seconds};
}

void SuperpodDemand::answered(const BoxReading& reading, TimePoint now) {
  // Two answers at one time have no average between them: the first stands.
  if (last_ && now <= read_at_) {
    ready_ = reading.ready;
    return;
  }
  const Levels levels = levelsSince(reading, now);
  double running = levels.booked;
  if (reading.capacity_cpu > 0) {
    const double used_part = std::min(1.0, levels.cores / reading.capacity_cpu);
    const double capacity_units = static_cast<double>(reading.capacity_memory.value) / kBoxUnitBytes;
    running = std::max(running, used_part * capacity_units);
  }
  // Who waits will want of the CPU what those want who run.
  const double scale = levels.booked >= 1 ? running / levels.booked : 1;
  const double box_units = running + levels.waiting * scale;
  const double units = box_units * kBoxUnitBytes / static_cast<double>(unit_.value);
  units_ = rounded(units);
  ready_ = reading.ready;
  last_ = reading;
  read_at_ = now;
}

void SuperpodDemand::didNotAnswer() {
  ready_ = false;
}

std::optional<double> SuperpodDemand::units(TimePoint now) const {
  if (!last_ || now - read_at_ > kHeldFor) return std::nullopt;
  return units_;
}

}  // namespace wasabi::queueproxy
