#include "node/superpod_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace wasabi::node {
namespace {

namespace fs = std::filesystem;

constexpr double kBoxWeightOfOne = 100;
constexpr double kMostBoxWeight = 100'000;

std::string configFolder(const std::string& directory) {
  return directory + "/config";
}

}  // namespace

std::uint32_t boxWeight(double cpu_weight) {
  return static_cast<std::uint32_t>(std::clamp(std::round(cpu_weight * kBoxWeightOfOne), 1.0, kMostBoxWeight));
}

std::string boxConfigText(const SuperpodSettings& settings, const CpuWeights& weights) {
  using Kind = policy::BookingMode::Kind;
  std::string text = fmt::format("[capacity]\nmemory = \"{}\"\ncpu = \"{}\"\n[memory]\nmode = \"{}\"\n",
                                 wasabi::toString(settings.memory), wasabi::toString(Cores{settings.cores}),
                                 nameOf(settings.booking.kind));
  if (settings.booking.kind == Kind::kRatio) text += fmt::format("ratio = {}\n", settings.booking.ratio);
  if (settings.booking.kind == Kind::kRisk) text += fmt::format("risk = {}\n", settings.booking.risk);
  for (const auto& [tenant, weight] : weights) {
    text += fmt::format("[tenants.{}]\nweight = {}\n", tenant, boxWeight(weight));
  }
  return text;
}

std::string boxConfigFile(const std::string& directory) {
  return configFolder(directory) + "/box.toml";
}

Result<void> makeBoxConfigFolder(const std::string& directory) {
  std::error_code error;
  fs::create_directory(configFolder(directory), error);
  if (error) return fail(Error::fromErrno(configFolder(directory), error.value()));
  return {};
}

Result<void> writeBoxConfig(const std::string& directory, const std::string& text) {
  const std::string path = boxConfigFile(directory);
  const std::string next = path + ".next";
  std::ofstream file(next, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) return fail(ErrorCode::kIo, "cannot write " + next);
  std::error_code error;
  fs::rename(next, path, error);
  if (error) return fail(Error::fromErrno(path, error.value()));
  return {};
}

}  // namespace wasabi::node
