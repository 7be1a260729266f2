// The configuration of a superpod's box (docs/box-toml.md): its text, and how it comes to the box.
//
// It lies in a folder of its own with nothing secret in it, so that the box may read what takes its place while it is
// locked in. Pure, but for what makes and writes.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/error.h"
#include "node/superpod.h"

namespace wasabi::node {

// By name.
using CpuWeights = std::map<std::string, double>;

std::string boxConfigText(const SuperpodSettings& settings, const CpuWeights& weights);
// As a box has it, in whole hundredths of a tenant's quota: 0.01 is 1.
std::uint32_t boxWeight(double cpu_weight);

// `directory`: of the superpod, as the box sees it or as the gateway does.
std::string boxConfigFile(const std::string& directory);
Result<void> makeBoxConfigFolder(const std::string& directory);
// In place of the one before, whole: whoever reads meanwhile gets the one or the other.
Result<void> writeBoxConfig(const std::string& directory, const std::string& text);

}  // namespace wasabi::node
